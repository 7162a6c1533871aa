// One variance per component: in squared distances, which are kept for the scatter, a lane is a row; in shifts it is a
// feature. The unit is a power of two between the greatest and the least deviation, so that no square underflows.
#pragma once

#include "kernels/distance.hpp"
#include "kernels/form.hpp"
#include "kernels/shifts.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class Spherical final : public FormKernel {
 public:
  Spherical(const Mixture& m, const Real* packed, Arena& arena, bool)
      : FormKernel(kTileRows, m, arena),
        mixture_(m),
        dp_(static_cast<int>(padded(m.n_features))),
        packed_(packed),
        shares_(arena) {
    shrinks = true;
    columns_ = arena.take(static_cast<std::size_t>(m.n_features) * kTileRows);
    rows_ = arena.take(static_cast<std::size_t>(dp_) * kTileRows);
    squares_ = arena.take(static_cast<std::size_t>(m.n_components) * kTileRows);
  }

  // (k,) offsets | (k,) W | means (k, dp) | the unit
  static std::size_t packed_size(const Mixture& m) {
    return 2 * padded(m.n_components) + padded(m.n_features) * m.n_components + kPad;
  }
  static void pack(const Mixture& m, Real* to) {
    const std::size_t d = m.n_features, dp = padded(d), kp = padded(m.n_components);
    const int exponent = middle_exponent(m);
    const double unit = __builtin_ldexp(1.0, exponent);
    for (int k = 0; k < m.n_components; ++k) {
      to[k] = static_cast<Real>(m.offsets[k]);
      to[kp + k] = static_cast<Real>(__builtin_ldexp(m.factors[k], -exponent));
      for (std::size_t j = 0; j < d; ++j) to[2 * kp + k * dp + j] = static_cast<Real>(m.means[k * d + j] * unit);
    }
    to[2 * kp + m.n_components * dp] = static_cast<Real>(unit);
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    load_rows(rows, first, count, tile.size, rows_);
    const Real unit = mean(mixture_.n_components)[0];
    for (int i = 0; i < tile.size * dp_; i += kLanes) store(rows_ + i, fetch(rows_ + i) * unit);
    transpose_tile(rows_, tile.size, dp_, mixture_.n_features, columns_);
  }

  void score() override {
    const Real *offsets = packed_, *factors = factor(0);
    Real* squares = squares_;
    measure_distances(columns_, tile.size, mixture_.n_features, mean(0), dp_, mixture_.n_components,
                      [=, tile = tile](int k, int n, Pack square) {
                        const Real scale = factors[k];
                        square = square * scale * scale;
                        store(squares + static_cast<std::size_t>(k) * kTileRows + n, square);
                        store(tile.of(k) + n, score_of(offsets[k], square));
                      });
  }

  void add(const Partial& partial) override {
    Shares::for_groups(mixture_.n_components, [&](auto together, int k) {
      constexpr int wide = decltype(together)::value;
      Pack scatter[wide] = {};
      const Real* squares = squares_ + static_cast<std::size_t>(k) * kTileRows;
      shares_.find<wide>(tile, k, partial.counts, [&scatter, squares](int c, int n, Pack w) {
        // Zero times an infinite distance counts as zero.
        scatter[c] += select(w > Pack{}, w * fetch(squares + c * kTileRows + n), Pack{});
      });
      GAUSSMIX_UNROLL
      for (int c = 0; c < wide; ++c) partial.scatter[k + c] += sum_lanes(scatter[c]);
      shares_.add_shifts<wide>(rows_, dp_, mean(k), factor(k), partial.shifts + static_cast<std::size_t>(k) * dp_);
    });
  }

 private:
  const Real* factor(int k) const { return packed_ + padded(mixture_.n_components) + k; }
  const Real* mean(int k) const {
    return packed_ + 2 * padded(mixture_.n_components) + static_cast<std::size_t>(k) * dp_;
  }

  const Mixture& mixture_;
  int dp_;
  const Real* packed_;
  Shares shares_;
  Real *columns_, *rows_;
  Real* squares_;  // (k, size) squared lengths of y
};

}  // namespace gaussmix::GAUSSMIX_ISA
