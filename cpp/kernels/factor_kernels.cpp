// Products of rows with the axes of a factor covariance: a lane is a feature, so that any rows can be taken.
#include "kernels/factor_kernels.hpp"

#include "kernels/simd.hpp"

namespace gaussmix {
namespace GAUSSMIX_ISA {
namespace {

// Tiles of registers: rows times axes, and weights times two packs of features.
#if defined(__AVX512F__)
constexpr int kRows = 4, kAxes = 6, kWeights = 11;
#else
constexpr int kRows = 2, kAxes = 5, kWeights = 5;
#endif

// The last features of a row, and zeros.
GAUSSMIX_ONCE Pack fetch_last(const double* row, int count) {
  Pack pack{};
  for (int i = 0; i < count; ++i) pack[i] = row[i];
  return pack;
}

GAUSSMIX_INLINE Pack in_units_of_noise(const FactorComponent& own, Pack x, int j) {
  return (x - fetch(own.means + j)) * fetch(own.inverse + j);
}

// Writes y (kRows, dp), and |y|^2 to the first number of each result; brings as many other rows into cache.
GAUSSMIX_ONCE void standardize(const FactorComponent& own, const double* const* rows, const double* const* ahead,
                               double* y, double* const* to) {
  const int d = own.n_features;
  const FactorComponent component = own;  // a copy, which no store can change
  const double *row[kRows], *later[kRows];
  Pack squares[kRows] = {}, all[kLanes] = {};
  for (int r = 0; r < kRows; ++r) row[r] = rows[r];
  for (int r = 0; r < kRows; ++r) later[r] = ahead[r];
  const auto step = [&](int r, Pack x, int j) {
    const Pack value = in_units_of_noise(component, x, j);
    store(y + r * component.dp + j, value);
    squares[r] += value * value;
  };
  int j = 0;
  for (; j + kLanes <= d; j += kLanes) {
    GAUSSMIX_UNROLL
    for (int r = 0; r < kRows; ++r) {
      __builtin_prefetch(later[r] + j, 0, 2);
      step(r, fetch(row[r] + j), j);
    }
  }
  for (int r = 0; r < kRows; ++r) all[r] = squares[r];
  for (int r = 0; j < d && r < kRows; ++r) {
    const Pack value = in_units_of_noise(component, fetch_last(row[r] + j, d - j), j);
    store(y + r * component.dp + j, value);
    all[r] += value * value;
  }
  const Pack sums = sum_each(all);
  for (int r = 0; r < kRows; ++r) to[r][0] = sums[r];
}

// Writes y G for `axes` of the axes. The lanes of all sums are added in the same order.
template <int axes>
GAUSSMIX_ONCE void project(const FactorComponent& own, const double* y, int first, double* const* to) {
  constexpr int kSums = (kRows * axes + kLanes - 1) / kLanes * kLanes;
  Pack sums[kRows * axes] = {};
  for (int j = 0; j < own.n_features; j += kLanes) {
    Pack values[kRows];
    GAUSSMIX_UNROLL
    for (int r = 0; r < kRows; ++r) values[r] = fetch(y + r * own.dp + j);
    GAUSSMIX_UNROLL
    for (int c = 0; c < axes; ++c) {
      const Pack axis = fetch(own.axes + (first + c) * own.dp + j);
      GAUSSMIX_UNROLL
      for (int r = 0; r < kRows; ++r) sums[r * axes + c] += values[r] * axis;
    }
  }
  Pack all[kSums] = {};
  double totals[kSums];
  for (int i = 0; i < kRows * axes; ++i) all[i] = sums[i];
  for (int i = 0; i < kSums; i += kLanes) store(totals + i, sum_each(all + i));
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < axes; ++c) to[r][1 + first + c] = totals[r * axes + c];
  }
}

template <int most>
GAUSSMIX_INLINE void project_some(const FactorComponent& own, const double* y, int first, int count,
                                  double* const* to) {
  if constexpr (most > 0) {
    if (count == most) return project<most>(own, y, first, to);
    project_some<most - 1>(own, y, first, count, to);
  }
}

void measure(const FactorComponent& own, const double* const* rows, int count, int n_ahead, double* scratch,
             double* const* to) {
  const int q = own.n_factors, parts = (q + kAxes - 1) / kAxes;
  for (int begin = 0; begin < count; begin += kRows) {
    const double *some[kRows], *ahead[kRows];
    double* results[kRows];
    for (int r = 0; r < kRows; ++r) {  // the last rows may be the same
      const int at = begin + r < count ? begin + r : count - 1;
      some[r] = rows[at];
      results[r] = to[at];
      const int later = begin + kRows + r;
      ahead[r] = rows[later < n_ahead ? later : n_ahead - 1];
    }
    standardize(own, some, ahead, scratch, results);
    for (int part = 0; part < parts; ++part) {
      const int first = part * q / parts, end = (part + 1) * q / parts;
      project_some<kAxes>(own, scratch, first, end - first, results);
    }
  }
}

// Adds w[c] y for `columns` of the weights, and w[0] y^2 with the first ones, for some packs of features.
template <int columns, bool is_first, int packs, bool is_last>
GAUSSMIX_INLINE void add_features(const FactorComponent& own, const double* const* rows, int count,
                                  const double* weights, int j, double* sums) {
  const int d = own.n_features, stride = own.n_factors + 1;
  Pack total[columns][packs], squares[packs] = {};
  for (int c = 0; c < columns; ++c) {
    for (int p = 0; p < packs; ++p) total[c][p] = fetch(sums + c * own.dp + j + p * kLanes);
  }
  for (int n = 0; n < count; ++n) {
    const double* weight = weights + static_cast<std::size_t>(n) * stride;
    Pack y[packs];
    GAUSSMIX_UNROLL
    for (int p = 0; p < packs; ++p) {
      const int at = j + p * kLanes;
      __builtin_prefetch(rows[n] + at + packs * kLanes);
      y[p] = in_units_of_noise(own, is_last ? fetch_last(rows[n] + at, d - at) : fetch(rows[n] + at), at);
    }
    GAUSSMIX_UNROLL
    for (int c = 0; c < columns; ++c) {
      const Pack value = broadcast(weight[c]);
      GAUSSMIX_UNROLL
      for (int p = 0; p < packs; ++p) {
        const Pack weighted = value * y[p];
        if (is_first && c == 0) squares[p] += weighted * y[p];
        total[c][p] += weighted;
      }
    }
  }
  for (int c = 0; c < columns; ++c) {
    for (int p = 0; p < packs; ++p) store(sums + c * own.dp + j + p * kLanes, total[c][p]);
  }
  if (!is_first) return;
  for (int p = 0; p < packs; ++p) add_to(sums + stride * own.dp + j + p * kLanes, squares[p]);
}

template <int columns, bool is_first>
GAUSSMIX_ONCE void add_columns(const FactorComponent& own, const double* const* rows, int count, const double* weights,
                               double* sums) {
  const int d = own.n_features;
  int j = 0;
  for (; j + 2 * kLanes <= d; j += 2 * kLanes) {
    add_features<columns, is_first, 2, false>(own, rows, count, weights, j, sums);
  }
  for (; j < d; j += kLanes) {
    if (j + kLanes <= d) {
      add_features<columns, is_first, 1, false>(own, rows, count, weights, j, sums);
    } else {
      add_features<columns, is_first, 1, true>(own, rows, count, weights, j, sums);
    }
  }
}

template <int most>
GAUSSMIX_INLINE void add_some(const FactorComponent& own, const double* const* rows, int count, const double* weights,
                              int first, int columns, double* sums) {
  if constexpr (most > 0) {
    if (columns < most) return add_some<most - 1>(own, rows, count, weights, first, columns, sums);
    double* to = sums + first * own.dp;
    if (first == 0) return add_columns<most, true>(own, rows, count, weights, to);
    add_columns<most, false>(own, rows, count, weights + first, to);
  }
}

void add(const FactorComponent& own, const double* const* rows, int count, const double* weights, double* sums) {
  const int columns = own.n_factors + 1, parts = (columns + kWeights - 1) / kWeights;
  for (int part = 0; part < parts; ++part) {
    const int first = part * columns / parts, end = (part + 1) * columns / parts;
    add_some<kWeights>(own, rows, count, weights, first, end - first, sums);
  }
}

#define GAUSSMIX_JOIN(a, b) a##b
#define GAUSSMIX_TABLE(name) GAUSSMIX_JOIN(factor_, name)

}  // namespace
}  // namespace GAUSSMIX_ISA

const FactorKernels GAUSSMIX_TABLE(GAUSSMIX_ISA) = {GAUSSMIX_ISA::kRows, GAUSSMIX_ISA::measure, GAUSSMIX_ISA::add};

}  // namespace gaussmix
