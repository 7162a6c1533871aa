// Full covariances in 49 to 96 dimensions: whitens the tile by each triangular factor, then sums y y'. A lane is a
// feature.
#pragma once

#include "kernels/form.hpp"
#include "kernels/whiten.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// The whitened rows of every component are kept until their responsibilities are known, so tiles shrink as k d grows.
inline int full_tile_rows(const Mixture& m, bool keep) {
  const std::size_t per_row = padded(m.n_features) * (keep ? m.n_components : 1);
  return per_row * 64 <= 96 * 1024 ? 64 : 32;
}

class Full final : public FormKernel {
 public:
  Full(const Mixture& m, const Real* packed, Arena& arena, bool keep)
      : FormKernel(full_tile_rows(m, keep), m, arena),
        mixture_(m),
        dp_(static_cast<int>(padded(m.n_features))),
        keep_(keep),
        packed_(packed),
        survivors_(tile.size, arena) {
    const std::size_t size = static_cast<std::size_t>(tile.size) * dp_;
    rows_ = arena.take(size);
    difference_ = arena.take(size);
    weighted_ = arena.take(size);
    whitened_ = arena.take(keep ? size * m.n_components : size);
  }

  // (k,) offsets | per component: mean (dp,), W (d, dp)
  static std::size_t packed_size(const Mixture& m) {
    const std::size_t dp = padded(m.n_features);
    return padded(m.n_components) + static_cast<std::size_t>(m.n_components) * (1 + m.n_features) * dp;
  }
  static void pack(const Mixture& m, Real* to) {
    const std::size_t d = m.n_features, dp = padded(d);
    for (int k = 0; k < m.n_components; ++k) to[k] = static_cast<Real>(m.offsets[k]);
    to += padded(m.n_components);
    for (int k = 0; k < m.n_components; ++k) {
      for (std::size_t j = 0; j < d; ++j) to[j] = static_cast<Real>(m.means[k * d + j]);
      to += dp;
      for (std::size_t i = 0; i < d; ++i, to += dp) {
        for (std::size_t j = i; j < d; ++j) to[j] = static_cast<Real>(m.factors[(k * d + i) * d + j]);
      }
    }
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    load_rows(rows, first, count, tile.size, rows_);
  }

  void score() override {
    for (int k = 0; k < mixture_.n_components; ++k) {
      const Real* mean = packed_ + padded(mixture_.n_components) + k * component_size();
      Real* scores = tile.of(k);
      subtract(rows_, mean, tile.size, dp_, difference_);
      whiten(difference_, tile.size, mean + dp_, mixture_.n_features, whitened(k), scores);
      for (int n = 0; n < tile.size; n += kLanes) {
        store(scores + n, score_of(packed_[k], fetch(scores + n)));
      }
    }
  }

  void add(const Partial& partial) override {
    const std::size_t area = static_cast<std::size_t>(dp_) * dp_;
    for (int k = 0; k < mixture_.n_components; ++k) {
      partial.counts[k] += survivors_.find(tile, k);
      if (!survivors_.count) continue;
      const Real* y = whitened(k);
      double* shift = partial.shifts + static_cast<std::size_t>(k) * dp_;
      weigh_rows(y, dp_, survivors_.weighted, survivors_.index, survivors_.count, weighted_, shift);
      add_outer(weighted_, y, survivors_.index, survivors_.count, mixture_.n_features, partial.scatter + k * area);
    }
  }

 private:
  std::size_t component_size() const { return static_cast<std::size_t>(1 + mixture_.n_features) * dp_; }
  Real* whitened(int k) const { return whitened_ + (keep_ ? static_cast<std::size_t>(k) * tile.size * dp_ : 0); }

  const Mixture& mixture_;
  int dp_;
  bool keep_;
  const Real* packed_;
  Survivors survivors_;
  Real *rows_, *difference_, *weighted_, *whitened_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
