// Covariances that are diagonal or spherical in a common basis: the rows are rotated into it once and scored without
// correlations. The M-step estimates the basis from full scatters, so the sums are those of full covariances, but only
// rows in which a component has a share are whitened for it.
#pragma once

#include "kernels/column_sums.hpp"
#include "kernels/distance.hpp"
#include "kernels/form.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class Turned final : public FormKernel {
 public:
  Turned(const Mixture& m, const Real* packed, Arena& arena, bool sums)
      : FormKernel(sums ? 2 * kTileRows : kTileRows, m, arena),
        mixture_(m),
        d_(m.n_features),
        packed_(packed),
        components_(packed ? packed + padded(m.n_components) + d_ + panels_size<false>(d_) : nullptr),
        survivors_(tile.size, arena),
        sums_(d_, m.n_components, tile.size, sums, arena) {
    const std::size_t size = static_cast<std::size_t>(d_) * tile.size;
    columns_ = arena.take(static_cast<std::size_t>(d_) * ColumnSums::stride_of(tile.size));
    turned_ = arena.take(size);
  }

  // (k,) offsets | center (d,) | the panels of the basis | per component: mean in the basis (d,), W (d,)
  static std::size_t packed_size(const Mixture& m) {
    const std::size_t d = m.n_features;
    return padded(m.n_components) + d + panels_size<false>(m.n_features) + 2 * d * m.n_components;
  }
  static void pack(const Mixture& m, Real* to) {
    const std::size_t d = m.n_features;
    const bool spheres = m.form == Form::spherical;
    const int exponent = spheres ? middle_exponent(m) : 0;  // as in form_spherical.hpp
    const double unit = __builtin_ldexp(1.0, exponent);
    for (int k = 0; k < m.n_components; ++k) to[k] = static_cast<Real>(m.offsets[k]);
    Real* center = to + padded(m.n_components);
    for (std::size_t j = 0; j < d; ++j) {
      double sum = 0.0;
      for (int k = 0; k < m.n_components; ++k) sum += m.means[k * d + j] / m.n_components;
      center[j] = static_cast<Real>(sum);
    }
    pack_panels<false>(m.basis, m.n_features, center + d, unit);
    to = center + d + panels_size<false>(m.n_features);
    for (int k = 0; k < m.n_components; ++k, to += 2 * d) {
      for (std::size_t j = 0; j < d; ++j) {
        double sum = 0.0;
        for (std::size_t i = 0; i < d; ++i) {
          sum += (m.means[k * d + i] - center[i]) * static_cast<Real>(m.basis[i * d + j] * unit);
        }
        to[j] = static_cast<Real>(sum);
        to[d + j] = static_cast<Real>(spheres ? __builtin_ldexp(m.factors[k], -exponent) : m.factors[k * d + j]);
      }
    }
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    load_columns(rows, first, count, tile.size, columns_);
    const Real* center = packed_ + padded(mixture_.n_components);
    whiten_columns<false>(columns_, tile.size, tile.size, center, center + d_, d_, turned_, tile.greatest);
  }

  void score() override {
    const int n_components = mixture_.n_components;
    const Tile tile = this->tile;
    const Real* offsets = packed_;
    if (mixture_.form == Form::spherical) {
      measure_distances(turned_, tile.size, d_, mean(0), 2 * d_, n_components, [=, this](int k, int n, Pack square) {
        const Real scale = factor(k)[0];
        store(tile.of(k) + n, score_of(offsets[k], square * scale * scale));
      });
    } else {
      for (int k = 0; k < n_components; ++k) {
        score_distances(turned_, tile.size, d_, packed_[k], mean(k), factor(k), tile.of(k));
      }
    }
    finite_ = is_finite();
  }

  void add(const Partial& partial) override {
    for (int k = 0; k < mixture_.n_components; ++k) {
      partial.counts[k] += survivors_.find(tile, k);
      sums_.add(k, survivors_, finite_, turned_, tile.size, *this);
    }
  }

  void finish(const Partial& partial) override { sums_.finish(partial, *this); }

  // For sums_. Overwrites the columns, which are no longer needed once they are turned.
  template <class Use>
  const Real* whiten(int k, const Real* rows, int stride, int, Use use) {
    for (int j = 0; j < d_; ++j) {
      const Pack point = broadcast(mean(k)[j]), unit = broadcast(factor(k)[j]);
      const std::size_t column = static_cast<std::size_t>(j) * stride;
      use(j, [&](int n) {
        const Pack y = (fetch(rows + column + n) - point) * unit;
        store(columns_ + column + n, y);
        return y;
      });
    }
    return columns_;
  }

 private:
  GAUSSMIX_ONCE bool is_finite() const {
    const Tile tile = this->tile;
    Bits finite = Pack{} == Pack{};
    for (int k = 0; k < mixture_.n_components; ++k) {
      if (!(packed_[k] > -kInfinity)) continue;
      for (int n = 0; n < tile.size; n += kLanes) finite &= fetch(tile.of(k) + n) > broadcast(-kInfinity);
    }
    return at_least(select(finite, Pack{}, broadcast(-1)), Pack{}) == (1u << kLanes) - 1;
  }

  const Real* mean(int k) const { return components_ + static_cast<std::size_t>(k) * 2 * d_; }
  const Real* factor(int k) const { return mean(k) + d_; }

  const Mixture& mixture_;
  int d_;
  const Real *packed_, *components_;
  Survivors survivors_;
  ColumnSums sums_;
  bool finite_ = true;       // whether all distances of the tile are finite
  Real *columns_, *turned_;  // (d, size)
};

}  // namespace gaussmix::GAUSSMIX_ISA
