// The two dense inner loops: rows times a triangular factor, and a sum of outer products. Row-major tiles with dp
// columns; a register tile of kHigh rows by up to three packs of columns.
#pragma once

#include <type_traits>

#include "tile.hpp"

namespace gaussmix::GAUSSMIX_ISA {

#if defined(__AVX512F__)
inline constexpr int kHigh = 8;
#else
inline constexpr int kHigh = 4;
#endif

// y[:, first:first + wide] = x W[:, first:first + wide] for kHigh rows, skipping the zeros below W's diagonal.
template <int wide>
GAUSSMIX_INLINE void whiten_panel(const double* x, const double* factor, int d, int dp, int first, double* y,
                                  Pack squares[kHigh]) {
  Pack sum[kHigh][wide] = {};
  const double* w = factor + first;
  int i = 0;
  // Columns [first + p kLanes, ...) see the rows of W up to their own diagonal: the packs drop out from the left.
  const auto stretch = [&](auto from, int end) {
    constexpr int p0 = decltype(from)::value;
    for (; i < end; ++i) {
      Pack line[wide];
      GAUSSMIX_UNROLL
      for (int p = p0; p < wide; ++p) line[p] = fetch(w + static_cast<std::size_t>(i) * dp + p * kLanes);
      GAUSSMIX_UNROLL
      for (int r = 0; r < kHigh; ++r) {
        const Pack value = broadcast(x[static_cast<std::size_t>(r) * dp + i]);
        GAUSSMIX_UNROLL
        for (int p = p0; p < wide; ++p) sum[r][p] += value * line[p];
      }
    }
  };
  stretch(std::integral_constant<int, 0>{}, smaller(d, first + kLanes));
  if constexpr (wide > 1) stretch(std::integral_constant<int, 1>{}, smaller(d, first + 2 * kLanes));
  if constexpr (wide > 2) stretch(std::integral_constant<int, 2>{}, smaller(d, first + 3 * kLanes));
  GAUSSMIX_UNROLL
  for (int r = 0; r < kHigh; ++r) {
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) {
      store(y + static_cast<std::size_t>(r) * dp + first + p * kLanes, sum[r][p]);
      squares[r] += sum[r][p] * sum[r][p];
    }
  }
}

// y = x W for a tile of rows, and the squared length of each row of y.
inline void whiten(const double* x, int size, const double* factor, int d, double* y, double* squared_length) {
  const int dp = static_cast<int>(padded(d));
  for (int n = 0; n < size; n += kHigh) {
    Pack squares[kHigh] = {};
    const double* from = x + static_cast<std::size_t>(n) * dp;
    double* to = y + static_cast<std::size_t>(n) * dp;
    for (int first = 0; first < dp;) {
      const int left = (dp - first) / kLanes;
      if (left == 1) {
        whiten_panel<1>(from, factor, d, dp, first, to, squares);
        first += kLanes;
      } else if (left == 2 || left == 4) {
        whiten_panel<2>(from, factor, d, dp, first, to, squares);
        first += 2 * kLanes;
      } else {
        whiten_panel<3>(from, factor, d, dp, first, to, squares);
        first += 3 * kLanes;
      }
    }
    GAUSSMIX_UNROLL
    for (int r = 0; r < kHigh; r += kLanes) store(squared_length + n + r, sum_each(squares + r));
  }
}

// x - mean for a tile of rows.
inline void subtract(const double* rows, const double* mean, int size, int dp, double* difference) {
  for (int n = 0; n < size; ++n) {
    for (int j = 0; j < dp; j += kLanes) {
      const std::size_t at = static_cast<std::size_t>(n) * dp + j;
      store(difference + at, fetch(rows + at) - fetch(mean + j));
    }
  }
}

// weighted[s] = weight[index[s]] y[index[s]] for some columns, and adds them to sum.
template <int wide>
GAUSSMIX_INLINE void weigh_panel(const double* y, int dp, const double* weight, const int* index, int count, int first,
                                 double* weighted, double* sum) {
  Pack total[wide];
  GAUSSMIX_UNROLL
  for (int p = 0; p < wide; ++p) total[p] = fetch(sum + first + p * kLanes);
  for (int s = 0; s < count; ++s) {
    const double* from = y + static_cast<std::size_t>(index[s]) * dp + first;
    double* to = weighted + static_cast<std::size_t>(s) * dp + first;
    const Pack w = broadcast(weight[index[s]]);
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) {
      const Pack value = w * fetch(from + p * kLanes);
      store(to + p * kLanes, value);
      total[p] += value;
    }
  }
  GAUSSMIX_UNROLL
  for (int p = 0; p < wide; ++p) store(sum + first + p * kLanes, total[p]);
}

// The listed rows times their weights, one below the other, and their sum.
inline void weigh_rows(const double* y, int dp, const double* weight, const int* index, int count, double* weighted,
                       double* sum) {
  int first = 0;
  for (; first + 4 * kLanes <= dp; first += 4 * kLanes)
    weigh_panel<4>(y, dp, weight, index, count, first, weighted, sum);
  for (; first + 2 * kLanes <= dp; first += 2 * kLanes)
    weigh_panel<2>(y, dp, weight, index, count, first, weighted, sum);
  for (; first < dp; first += kLanes) weigh_panel<1>(y, dp, weight, index, count, first, weighted, sum);
}

// scatter[row:row + kHigh, first:first + wide packs] += sum over the listed rows of left' right.
template <int wide>
GAUSSMIX_INLINE void outer_panel(const double* left, const double* right, const int* index, int count, int dp, int row,
                                 int first, double* scatter) {
  Pack sum[kHigh][wide];
  double* to = scatter + static_cast<std::size_t>(row) * dp + first;
  GAUSSMIX_UNROLL
  for (int r = 0; r < kHigh; ++r) {
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) sum[r][p] = fetch(to + static_cast<std::size_t>(r) * dp + p * kLanes);
  }
  for (int s = 0; s < count; ++s) {
    const double* a = left + static_cast<std::size_t>(s) * dp + row;
    const double* b = right + static_cast<std::size_t>(index[s]) * dp + first;
    Pack line[wide];
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) line[p] = fetch(b + p * kLanes);
    GAUSSMIX_UNROLL
    for (int r = 0; r < kHigh; ++r) {
      const Pack value = broadcast(a[r]);
      GAUSSMIX_UNROLL
      for (int p = 0; p < wide; ++p) sum[r][p] += value * line[p];
    }
  }
  GAUSSMIX_UNROLL
  for (int r = 0; r < kHigh; ++r) {
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) store(to + static_cast<std::size_t>(r) * dp + p * kLanes, sum[r][p]);
  }
}

// Lower triangle of scatter (dp, dp) += sum over s of left[s]' right[index[s]].
inline void add_outer(const double* left, const double* right, const int* index, int count, int d, double* scatter) {
  const int dp = static_cast<int>(padded(d));
  for (int row = 0; row < d; row += kHigh) {
    const int end = smaller(dp, static_cast<int>((row + kHigh + kLanes - 1) / kLanes * kLanes));
    for (int first = 0; first < end;) {
      const int packs = (end - first) / kLanes;
      if (packs == 1) {
        outer_panel<1>(left, right, index, count, dp, row, first, scatter);
        first += kLanes;
      } else if (packs == 2 || packs == 4) {
        outer_panel<2>(left, right, index, count, dp, row, first, scatter);
        first += 2 * kLanes;
      } else {
        outer_panel<3>(left, right, index, count, dp, row, first, scatter);
        first += 3 * kLanes;
      }
    }
  }
}

}  // namespace gaussmix::GAUSSMIX_ISA
