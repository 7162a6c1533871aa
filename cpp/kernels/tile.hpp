// A tile: the rows processed at once, few enough that they and their scores stay in cache.
#pragma once

#include <utility>

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace gaussmix::GAUSSMIX_ISA {

GAUSSMIX_INLINE int smaller(int a, int b) { return a < b ? a : b; }

// Columns are kept in whole packs, and in whole cache lines of doubles.
inline constexpr int kPad = kLanes > 8 ? kLanes : 8;
inline std::size_t padded(std::size_t size) { return gaussmix::padded(size, kPad); }

inline constexpr int kTileRows = kLanes > 8 ? 128 : 64;  // eight packs or more

// Hands out consecutive pieces of a buffer. Without a buffer it only counts.
class Arena {
 public:
  explicit Arena(double* base) : base_(base) {}
  Real* take(std::size_t size) {
    Real* piece = base_ ? reinterpret_cast<Real*>(base_ + used_) : nullptr;
    used_ += (size * sizeof(Real) + 63) / 64 * 8;
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
  double* background;
  double* counts;
  double* shifts;
  double* scatter;
  double* overlap;
  double *rows, *slopes;  // of t distributions

  Partial(const Mixture& m, double* sums) {
    const Places at = places_in_partial(m, kPad);
    log_likelihood = sums;
    entropy = sums + 1;
    background = sums + 2;
    counts = sums + at.counts;
    shifts = sums + at.shifts;
    scatter = sums + at.scatter;
    overlap = m.form == Form::tied ? sums + at.overlap : nullptr;
    rows = sums + at.rows;
    slopes = sums + at.slopes;
  }
};

// The scores of a tile and derived quantities: one column per row, one line per component and one for the background,
// if there is one. Functions take a copy: the compiler must assume that a store of a pack changes a tile that is
// referred to, and would read it again.
struct Tile {
  int size;  // rows it holds: a multiple of the lanes
  int n_components;
  int n_scores;
  Real* scores;       // (n_scores, size): scores, then exp(score - greatest)
  Real* weight;       // (size,)
  Real* normal;       // (size,) 1 / sum_k exp(score - greatest); 0 for a row without density or weight
  Real* greatest;     // (size,) the greatest score
  Real* information;  // (size,) sum_k exp(score - greatest) (score - greatest)
  // Of t distributions (tails.hpp), else null:
  Real* surplus = nullptr;     // (k, size) u - 1
  Real* terms = nullptr;       // (k, size) what missing values add to the score
  Real* n_observed = nullptr;  // (size,) how many values are not missing
  // The components with a share in a row, as bits of words of 64; null if it may be any (nearest_tile.hpp).
  const std::uint64_t* present = nullptr;

  Tile(int size, const Mixture& m, Arena& arena) : size(size), n_components(m.n_components), n_scores(n_scores_of(m)) {
    scores = arena.take(static_cast<std::size_t>(n_scores) * size);
    weight = arena.take(size);
    normal = arena.take(size);
    greatest = arena.take(size);
    information = arena.take(size);
  }
  Real* of(int component) const { return scores + static_cast<std::size_t>(component) * size; }
  Real* background() const { return of(n_components); }
  bool may_share(int component) const { return !present || (present[component / 64] >> component % 64 & 1); }
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

// Row-major tile (size, dp), padded with zero columns. Rows past the end repeat the first one with weight zero.
GAUSSMIX_ONCE void load_rows(const Rows& rows, std::size_t first, int count, int size, Real* to) {
  const int d = rows.n_features, dp = static_cast<int>(padded(d));
  Real is_held[kPad];  // of the last columns: whether they are not padding
  for (int j = 0; j < kPad; ++j) is_held[j] = dp - kPad + j < d ? 1.0 : 0.0;
  with_data(rows, [&](auto* data) {
    const auto* end = data + rows.n_rows * d;
    for (int n = 0; n < size; ++n) {
      const auto* from = data + (first + (n < count ? n : 0)) * d;
      Real* row = to + static_cast<std::size_t>(n) * dp;
      if (end - from < dp) {  // whole packs would leave the table
        for (int j = 0; j < d; ++j) row[j] = static_cast<Real>(from[j]);
        for (int j = d; j < dp; ++j) row[j] = 0.0;
        continue;
      }
      int j = 0;
      for (; j < dp - kPad; j += kLanes) store(row + j, fetch_converted(from + j));
      for (int p = 0; p < kPad; p += kLanes, j += kLanes) {
        store(row + j, select(fetch(is_held + p) > Pack{}, fetch_converted(from + j), Pack{}));
      }
    }
  });
}

// The rows of load_rows: those of the table itself if they are as in a tile and none is missing, else their copies.
inline const Real* rows_or_copies(const Rows& rows, std::size_t first, int count, int size, Real* copies) {
  constexpr Scalar kOwn = sizeof(Real) == 8 ? Scalar::float64 : Scalar::float32;
  const std::size_t d = rows.n_features;
  if (rows.scalar == kOwn && d == padded(d) && count == size) return static_cast<const Real*>(rows.data) + first * d;
  load_rows(rows, first, count, size, copies);
  return copies;
}

// Prefetches the rows of the next tile.
inline void prefetch_rows(const Rows& rows, std::size_t first, std::size_t end, int size) {
  with_data(rows, [&](auto* data) {
    const std::size_t count = end - first < static_cast<std::size_t>(size) ? end - first : size;
    const auto* from = reinterpret_cast<const char*>(data + first * rows.n_features);
    const std::size_t bytes = count * rows.n_features * sizeof(*data);
    for (std::size_t at = 0; at < bytes; at += 64) __builtin_prefetch(from + at, 0, 2);
  });
}

// The source of lane i of column j, number i d + j of d packs, when pack q is merged into the lanes of earlier packs.
template <int d, int j, int q>
constexpr int source_of_lane(int i) {
  const int at = i * d + j;
  if (q == 1) return at < 2 * kLanes ? at : 0;
  return at / kLanes == q ? kLanes + at % kLanes : i;
}

template <int d, int j, int q, int... lanes>
GAUSSMIX_INLINE Pack column_of_packs(const Pack* packs, std::integer_sequence<int, lanes...> all) {
  if constexpr (q == 0) {
    return packs[0];
  } else {
    const Pack before = column_of_packs<d, j, q - 1>(packs, all);
    return __builtin_shufflevector(before, packs[q], source_of_lane<d, j, q>(lanes)...);
  }
}

// Fewer features than lanes: transposes d packs of a row-major table into d columns in registers.
template <int d, class T>
GAUSSMIX_ONCE void load_few_columns(const T* data, int size, Real* to) {
  for (int n = 0; n < size; n += kLanes, data += d * kLanes) {
    Pack packs[d];
    GAUSSMIX_UNROLL
    for (int q = 0; q < d; ++q) packs[q] = fetch_converted(data + q * kLanes);
    const auto store_columns = [&]<int... j>(std::integer_sequence<int, j...>) {
      (store(to + static_cast<std::size_t>(j) * size + n,
             column_of_packs<d, j, d - 1>(packs, std::make_integer_sequence<int, kLanes>{})),
       ...);
    };
    store_columns(std::make_integer_sequence<int, d>{});
  }
}

// Column-major (d, size) from `count` rows of d numbers, `stride` apart; rows past the end repeat the first one.
template <class T>
inline void load_columns(const T* data, std::size_t stride, int count, int size, int d, Real* to) {
  if (d < kLanes) {
    for (int n = 0; n < size; ++n) {
      const T* from = data + (n < count ? n : 0) * stride;
      for (int j = 0; j < d; ++j) to[static_cast<std::size_t>(j) * size + n] = static_cast<Real>(from[j]);
    }
    return;
  }
  for (int n = 0; n < size; n += kLanes) {
    const T* row[kLanes];
    for (int i = 0; i < kLanes; ++i) row[i] = data + (n + i < count ? n + i : 0) * stride;
    for (int j = 0; j < d; j += kLanes) {
      const int first = smaller(j, d - kLanes);  // the last square overlaps the one before
      Pack square[kLanes];
      GAUSSMIX_UNROLL
      for (int i = 0; i < kLanes; ++i) square[i] = fetch_converted(row[i] + first);
      transpose(square);
      GAUSSMIX_UNROLL
      for (int i = 0; i < kLanes; ++i) store(to + static_cast<std::size_t>(first + i) * size + n, square[i]);
    }
  }
}

// Column-major tile (d, size): a lane is a row.
GAUSSMIX_ONCE void load_columns(const Rows& rows, std::size_t first, int count, int size, Real* to) {
  const int d = rows.n_features;
  with_data(rows, [&](auto* data) {
    const auto* from = data + first * d;
    if (count == size) {
      switch (d) {
        case 1:
          return load_few_columns<1>(from, size, to);
        case 2:
          return load_few_columns<2>(from, size, to);
        case 3:
          return load_few_columns<3>(from, size, to);
        case 4:
          return load_few_columns<4>(from, size, to);
        case 5:
          return load_few_columns<5>(from, size, to);
        case 6:
          return load_few_columns<6>(from, size, to);
        case 7:
          return load_few_columns<7>(from, size, to);
      }
    }
    load_columns(from, d, count, size, d, to);
  });
}

// Transposes a whole tile of rows with `stride` numbers each.
GAUSSMIX_ONCE void transpose_tile(const Real* rows, int size, int stride, int d, Real* columns) {
  load_columns(rows, stride, size, size, d, columns);
}

// The numbers of values (size,) that are not missing.
inline void count_observed(const Real* columns, int size, int d, Real* to) {
  for (int n = 0; n < size; n += kLanes) {
    Pack count{};
    for (int j = 0; j < d; ++j) {
      const Pack x = fetch(columns + static_cast<std::size_t>(j) * size + n);
      count += select(x == x, broadcast(1.0), Pack{});
    }
    store(to + n, count);
  }
}

inline void load_weights(const Rows& rows, std::size_t first, int count, const Tile tile) {
  if (rows.weights) {
    for (int n = 0; n < count; ++n) tile.weight[n] = static_cast<Real>(rows.weights[first + n]);
  } else {
    for (int n = 0; n < tile.size; n += kLanes) store(tile.weight + n, broadcast(1.0));
  }
  for (int n = count; n < tile.size; ++n) tile.weight[n] = 0.0;
}

// Sets the scores of the background, if there is one: a missing number has no density.
inline void score_background(const Rows& rows, const Mixture& m, std::size_t first, int count, const Tile tile) {
  if (!m.background) return;
  const int d = m.n_features;
  const double* log_lengths = m.background + 1;
  double whole = m.background[0];
  for (int j = 0; j < d; ++j) whole -= log_lengths[j];
  for (int n = 0; n < tile.size; ++n) tile.background()[n] = static_cast<Real>(whole);
  if (!m.incomplete) return;
  with_data(rows, [&](auto* data) {
    const auto* from = data + first * d;
    for (int n = 0; n < count; ++n, from += d) {
      double score = m.background[0];
      for (int j = 0; j < d; ++j) {
        const double value = static_cast<double>(from[j]);
        if (value == value) score -= log_lengths[j];
      }
      tile.background()[n] = static_cast<Real>(score);
    }
  });
}

inline void add_log_prior(const Rows& rows, std::size_t first, int count, const Tile tile) {
  if (!rows.log_prior) return;
  const int k = tile.n_scores;
  for (int n = 0; n < count; ++n) {
    const double* prior = rows.log_prior + (first + n) * static_cast<std::size_t>(k);
    for (int c = 0; c < k; ++c) tile.of(c)[n] += static_cast<Real>(prior[c]);
  }
}

}  // namespace gaussmix::GAUSSMIX_ISA
