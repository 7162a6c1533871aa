// One covariance per component, for a moderate number of features: a lane is a row, so triangles cost what they hold.
#pragma once

#include "columns.hpp"
#include "softmax.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// The whitened rows of every component are kept until their responsibilities are known, so tiles shrink as k d grows.
// Where they would not stay in cache, those that have a share are whitened again.
inline constexpr std::size_t kKept = (1 << 20) / sizeof(Real);  // 1 MiB
inline int medium_tile_rows(const Mixture& m, bool sums) {
  const std::size_t per_row = static_cast<std::size_t>(m.n_components) * m.n_features;
  constexpr int kMost = kLanes > 8 ? 256 : 128, kLeast = kMost / 2;
  if (!sums) return kLeast;
  return per_row * kMost > kKept && per_row * kLeast <= kKept ? kLeast : kMost;
}

// With more features than this, whole packs of features (form_full.hpp) waste less than lanes summed apart; and with
// more sums than this the lanes would not stay in cache.
inline bool is_medium(const Mixture& m) {
  constexpr int kMostFeatures = 48, kMostSums = 1 << 16;
  return m.n_features <= kMostFeatures && m.n_components * (m.n_features + triangle(m.n_features)) <= kMostSums;
}

class Medium {
 public:
  Medium(const Mixture& m, const Real* packed, Arena& arena, bool sums)
      : d_(m.n_features),
        n_components_(m.n_components),
        packed_(packed),
        tile(medium_tile_rows(m, sums), m.n_components, arena),
        survivors_(tile.size, arena) {
    const std::size_t size = static_cast<std::size_t>(d_) * tile.size;
    keeps_ = sums && size * n_components_ <= kKept;
    weights_ = arena.take(tile.size + kLanes);
    columns_ = arena.take(size);
    whitened_ = arena.take(keeps_ ? size * n_components_ : size);
    weighted_ = arena.take(size);
    chosen_ = arena.take(size + kLanes);
    lanes_ = arena.take(sums ? component_lanes() * n_components_ : 0);
    if (sums && lanes_) {
      for (std::size_t i = 0; i < component_lanes() * n_components_; ++i) lanes_[i] = 0.0;
    }
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

  void load(const Rows& rows, std::size_t first, int count) { load_columns(rows, first, count, tile.size, columns_); }

  void score() {
    finite_ = true;
    for (int k = 0; k < n_components_; ++k) {
      Real* scores = tile.of(k);
      whiten_rows(k, columns_, tile.size, whitened(k), scores);
      Bits finite = Pack{} == Pack{};
      for (int n = 0; n < tile.size; n += kLanes) {
        const Pack square = fetch(scores + n);
        finite &= square < broadcast(kInfinity);
        store(scores + n, score_of(packed_[k], square));
      }
      finite_ &= at_least(select(finite, Pack{}, broadcast(-1)), Pack{}) == (1u << kLanes) - 1;
    }
  }

  void add(const Partial& partial) {
    for (int k = 0; k < n_components_; ++k) {
      partial.counts[k] += survivors_.find(tile, k);
      if (!survivors_.count) continue;
      // A few rows without a share do no harm, as long as zero times what is known of them is zero.
      const bool all = finite_ && 8 * survivors_.count >= 7 * tile.size;
      const int count = all ? tile.size : survivors_.count;
      const Real* y = whitened(k);
      const Real* weight = survivors_.weighted;
      if (!all) {
        choose(weight, 1, weights_);
        weight = weights_;
        choose(keeps_ ? y : columns_, d_, chosen_);
        y = chosen_;
      }
      if (!keeps_) {
        whiten_rows(k, all ? columns_ : chosen_, count, whitened_, tile.greatest);
        y = whitened_;
      }
      Real* lanes = lanes_ + k * component_lanes();
      weigh(y, weight, count, lanes);
      add_outer_columns(weighted_, y, tile.size, count, d_, lanes + static_cast<std::size_t>(d_) * kLanes);
    }
  }

  // The lanes are added once per block.
  void finish(const Partial& partial) {
    const std::size_t dp = padded(d_);
    for (int k = 0; k < n_components_; ++k) {
      const Real* lanes = lanes_ + k * component_lanes();
      add_sums(lanes, d_, partial.shifts + k * dp);
      lanes += static_cast<std::size_t>(d_) * kLanes;
      for (int i = 0; i < d_; ++i) {
        add_sums(lanes, i + 1, partial.scatter + (k * dp + i) * dp);
        lanes += static_cast<std::size_t>(i + 1) * kLanes;
      }
    }
  }

 private:
  std::size_t component_lanes() const { return (d_ + triangle(d_)) * kLanes; }
  Real* whitened(int k) const { return whitened_ + (keeps_ ? static_cast<std::size_t>(k) * d_ * tile.size : 0); }

  void whiten_rows(int k, const Real* columns, int count, Real* y, Real* squared_length) {
    const Real* mean = packed_ + padded(n_components_) + k * (d_ + panels_size(d_));
    whiten_columns(columns, tile.size, count, mean, mean + d_, d_, y, squared_length);
  }

  // The rows that have a share, of some columns.
  void choose(const Real* from, int n_columns, Real* to) {
    for (int j = 0; j < n_columns; ++j, from += tile.size, to += tile.size) {
      Real* next = to;
      for (int n = 0; n < tile.size; n += kLanes) {
        const unsigned bits = survivors_.bits_of_pack[n / kLanes];
        if (bits) next += compress(fetch(from + n), bits, next);
      }
      store(next, Pack{});  // up to the end of the last pack
    }
  }

  void weigh(const Real* y, const Real* weight, int count, Real* lanes) {
    for (int j = 0; j < d_; ++j) {
      Pack sum = fetch(lanes + j * kLanes);
      for (int n = 0; n < count; n += kLanes) {
        const std::size_t at = static_cast<std::size_t>(j) * tile.size + n;
        const Pack value = fetch(weight + n) * fetch(y + at);
        store(weighted_ + at, value);
        sum += value;
      }
      store(lanes + j * kLanes, sum);
    }
  }

  int d_, n_components_;
  const Real* packed_;

 public:
  Tile tile;

 private:
  Survivors survivors_;
  bool keeps_;
  bool finite_ = true;  // whether all distances of the tile are
  Real *columns_, *whitened_, *weighted_, *chosen_, *weights_, *lanes_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
