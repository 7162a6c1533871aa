// A tile: the few rows that are worked on at once, held as doubles so that they and their scores stay in cache.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace gaussmix::GAUSSMIX_ISA {

GAUSSMIX_INLINE int smaller(int a, int b) { return a < b ? a : b; }

// Hands out consecutive pieces of a buffer; with no buffer it only counts.
class Arena {
 public:
  explicit Arena(double* base) : base_(base) {}
  double* take(std::size_t size) {
    double* piece = base_ ? base_ + used_ : nullptr;
    used_ += padded(size);
    return piece;
  }
  std::size_t used() const { return used_; }

 private:
  double* base_;
  std::size_t used_ = 0;
};

// The pieces of a partial (kernels.hpp).
struct Partial {
  double* log_likelihood;
  double* entropy;
  double* counts;
  double* shifts;
  double* scatter;
  double* overlap;

  Partial(const Mixture& m, double* sums) {
    const Places at = places_in_partial(m);
    log_likelihood = sums;
    entropy = sums + 1;
    counts = sums + at.counts;
    shifts = sums + at.shifts;
    scatter = sums + at.scatter;
    overlap = m.form == Form::tied ? sums + at.overlap : nullptr;
  }
};

// What every form keeps of a tile: one column per row, one line per component.
struct Tile {
  int size;  // rows it holds: a multiple of the lanes
  int n_components;
  double* scores;       // (k, size): scores, then exp(score - greatest)
  double* weight;       // (size,)
  double* normal;       // (size,) 1 / sum_k exp(score - greatest); 0 for a row without density or weight
  double* log_density;  // (size,)

  Tile(int size, int n_components, Arena& arena) : size(size), n_components(n_components) {
    scores = arena.take(static_cast<std::size_t>(n_components) * size);
    weight = arena.take(size);
    normal = arena.take(size);
    log_density = arena.take(size);
  }
  double* of(int component) const { return scores + static_cast<std::size_t>(component) * size; }
};

// Calls use(const T*) with the rows' data in their own type.
template <class Use>
GAUSSMIX_INLINE void with_data(const Rows& rows, Use use) {
  switch (rows.scalar) {
    case Scalar::float32:
      return use(static_cast<const float*>(rows.data));
    case Scalar::float64:
      return use(static_cast<const double*>(rows.data));
    case Scalar::uint8:
      return use(static_cast<const std::uint8_t*>(rows.data));
    case Scalar::uint16:
      return use(static_cast<const std::uint16_t*>(rows.data));
  }
}

// Row-major tile (size, dp), padded with zero columns. Rows past the end repeat the first one and weigh nothing.
inline void load_rows(const Rows& rows, std::size_t first, int count, int size, double* to) {
  const int d = rows.n_features, dp = static_cast<int>(padded(d));
  with_data(rows, [&](auto* data) {
    for (int n = 0; n < size; ++n) {
      const auto* from = data + (first + (n < count ? n : 0)) * d;
      double* row = to + static_cast<std::size_t>(n) * dp;
      for (int j = 0; j < d; ++j) row[j] = static_cast<double>(from[j]);
      for (int j = d; j < dp; ++j) row[j] = 0.0;
    }
  });
}

// Column-major tile (d, size): a lane is a row.
inline void load_columns(const Rows& rows, std::size_t first, int count, int size, double* to) {
  const int d = rows.n_features;
  with_data(rows, [&](auto* data) {
    for (int n = 0; n < size; ++n) {
      const auto* from = data + (first + (n < count ? n : 0)) * d;
      for (int j = 0; j < d; ++j) to[static_cast<std::size_t>(j) * size + n] = static_cast<double>(from[j]);
    }
  });
}

inline void load_weights(const Rows& rows, std::size_t first, int count, Tile& tile) {
  if (rows.weights) {
    std::memcpy(tile.weight, rows.weights + first, sizeof(double) * count);
  } else {
    for (int n = 0; n < tile.size; n += kLanes) store(tile.weight + n, broadcast(1.0));
  }
  for (int n = count; n < tile.size; ++n) tile.weight[n] = 0.0;
}

inline void add_log_prior(const Rows& rows, std::size_t first, int count, Tile& tile) {
  if (!rows.log_prior) return;
  const int k = tile.n_components;
  for (int n = 0; n < count; ++n) {
    const double* prior = rows.log_prior + (first + n) * static_cast<std::size_t>(k);
    for (int c = 0; c < k; ++c) tile.of(c)[n] += prior[c];
  }
}

}  // namespace gaussmix::GAUSSMIX_ISA
