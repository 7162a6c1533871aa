// Full covariances in 5 to 48 dimensions: a lane is a row, so that the empty half of a triangle costs nothing.
#pragma once

#include "kernels/column_sums.hpp"
#include "kernels/form.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// The whitened rows of every component are kept until their responsibilities are known, so tiles shrink as k d grows.
// If they would not stay in cache, the rows that have a share are whitened again.
inline constexpr std::size_t kKept = (1 << 20) / sizeof(Real);  // 1 MiB
inline int medium_tile_rows(const Mixture& m, bool sums) {
  const std::size_t per_row = static_cast<std::size_t>(m.n_components) * m.n_features;
  constexpr int kMost = kLanes > 8 ? 256 : 128, kLeast = kMost / 2;
  if (!sums) return kLeast;
  return per_row * kMost > kKept && per_row * kLeast <= kKept ? kLeast : kMost;
}

// With more features, whole packs of features (form_full.hpp) waste less than one sum per lane. With more sums, the
// lanes would not stay in cache.
inline bool is_medium(const Mixture& m) {
  constexpr int kMostFeatures = 48, kMostSums = 1 << 16;
  return m.n_features <= kMostFeatures && m.n_components * (m.n_features + triangle(m.n_features)) <= kMostSums;
}

class Medium final : public FormKernel {
 public:
  Medium(const Mixture& m, const Real* packed, Arena& arena, bool sums)
      : FormKernel(medium_tile_rows(m, sums), m, arena),
        d_(m.n_features),
        n_components_(m.n_components),
        component_size_(m.n_features + panels_size(m.n_features)),
        packed_(packed),
        survivors_(tile.size, arena),
        sums_(d_, n_components_, tile.size, sums, arena) {
    shrinks = true;
    const std::size_t size = static_cast<std::size_t>(d_) * tile.size;
    keeps_ = sums && size * n_components_ <= kKept;
    columns_ = arena.take(size);
    whitened_ =
        arena.take(keeps_ ? size * n_components_ : static_cast<std::size_t>(d_) * ColumnSums::stride_of(tile.size));
  }

  // (k,) offsets | per component: mean (d,), the panels of W
  static std::size_t packed_size(const Mixture& m) {
    return padded(m.n_components) + m.n_components * (m.n_features + panels_size(m.n_features));
  }
  static void pack(const Mixture& m, Real* to) {
    const std::size_t d = m.n_features;
    for (int k = 0; k < m.n_components; ++k) to[k] = static_cast<Real>(m.offsets[k]);
    to += padded(m.n_components);
    for (int k = 0; k < m.n_components; ++k) {
      for (std::size_t j = 0; j < d; ++j) to[j] = static_cast<Real>(m.means[k * d + j]);
      pack_panels(m.factors + k * d * d, m.n_features, to + d);
      to += d + panels_size(m.n_features);
    }
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    load_columns(rows, first, count, tile.size, columns_);
  }

  void score() override {
    finite_ = true;
    for (int k = 0; k < n_components_; ++k) {
      Real* scores = tile.of(k);
      whiten_rows(k, columns_, tile.size, tile.size, whitened(k), scores);
      Bits finite = Pack{} == Pack{};
      for (int n = 0; n < tile.size; n += kLanes) {
        const Pack square = fetch(scores + n);
        finite &= square < broadcast(kInfinity);
        store(scores + n, score_of(packed_[k], square));
      }
      finite_ &= at_least(select(finite, Pack{}, broadcast(-1)), Pack{}) == (1u << kLanes) - 1;
    }
  }

  void add(const Partial& partial) override {
    for (int k = 0; k < n_components_; ++k) {
      partial.counts[k] += survivors_.find(tile, k);
      sums_.add(k, survivors_, finite_, keeps_ ? whitened(k) : columns_, tile.size, *this);
    }
  }

  void finish(const Partial& partial) override { sums_.finish(partial, *this); }

  // For sums_. Rows that were kept are whitened already.
  template <class Use>
  const Real* whiten(int k, const Real* rows, int stride, int count, Use use) {
    if (!keeps_) whiten_rows(k, rows, stride, count, whitened_, tile.greatest);
    const Real* y = keeps_ ? rows : whitened_;
    for (int j = 0; j < d_; ++j) {
      const Real* column = y + static_cast<std::size_t>(j) * stride;
      use(j, [&](int n) { return fetch(column + n); });
    }
    return y;
  }

 private:
  Real* whitened(int k) const { return whitened_ + (keeps_ ? static_cast<std::size_t>(k) * d_ * tile.size : 0); }

  void whiten_rows(int k, const Real* columns, int stride, int count, Real* y, Real* squared_length) {
    const Real* mean = packed_ + padded(n_components_) + k * component_size_;
    whiten_columns(columns, stride, count, mean, mean + d_, d_, y, squared_length);
  }

  int d_, n_components_;
  std::size_t component_size_;
  const Real* packed_;
  Survivors survivors_;
  ColumnSums sums_;
  bool keeps_;
  bool finite_ = true;  // whether all distances of the tile are finite
  Real *columns_, *whitened_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
