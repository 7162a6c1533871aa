// Dense inner loops for many features (rows times a triangular factor, sums of outer products): row-major
// tiles with dp columns, a lane is a feature. Register tiles of kHigh rows by up to kAcross packs of columns.
#pragma once

#include <type_traits>

#include "kernels/tile.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr int kHigh = kLanes > 4 ? kLanes : 4;
inline constexpr int kAcross = sizeof(Real) == 4 && kHigh > 4 ? 1 : 3;

// Calls use(integral_constant) with the number of remaining packs to take at once.
inline int packs_at_once(int left) { return kAcross == 1 ? 1 : left == 2 || left == 4 ? 2 : left > 2 ? 3 : 1; }
template <class Use>
GAUSSMIX_INLINE void with_packs(int packs, Use use) {
  if constexpr (kAcross == 3) {
    if (packs == 3) return use(std::integral_constant<int, 3>{});
    if (packs == 2) return use(std::integral_constant<int, 2>{});
  }
  use(std::integral_constant<int, 1>{});
}

// y[:, first:first + wide] = x W[:, first:first + wide] for kHigh rows, skipping the zeros below W's diagonal.
template <int wide>
GAUSSMIX_INLINE void whiten_panel(const Real* x, const Real* factor, int d, int dp, int first, Real* y,
                                  Pack squares[kHigh]) {
  Pack sum[kHigh][wide] = {};
  const Real* w = factor + first;
  int i = 0;
  // The columns of pack p end at their diagonal, so packs are finished one by one from the left.
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
GAUSSMIX_ONCE void whiten(const Real* x, int size, const Real* factor, int d, Real* y, Real* squared_length) {
  const int dp = static_cast<int>(padded(d));
  for (int n = 0; n < size; n += kHigh) {
    Pack squares[kHigh] = {};
    const Real* from = x + static_cast<std::size_t>(n) * dp;
    Real* to = y + static_cast<std::size_t>(n) * dp;
    for (int first = 0; first < dp;) {
      const int packs = packs_at_once((dp - first) / kLanes);
      with_packs(packs,
                 [&](auto wide) { whiten_panel<decltype(wide)::value>(from, factor, d, dp, first, to, squares); });
      first += packs * kLanes;
    }
    GAUSSMIX_UNROLL
    for (int r = 0; r < kHigh; r += kLanes) store(squared_length + n + r, sum_each(squares + r));
  }
}

// x - mean for a tile of rows.
GAUSSMIX_ONCE void subtract(const Real* rows, const Real* mean, int size, int dp, Real* difference) {
  for (int n = 0; n < size; ++n) {
    for (int j = 0; j < dp; j += kLanes) {
      const std::size_t at = static_cast<std::size_t>(n) * dp + j;
      store(difference + at, fetch(rows + at) - fetch(mean + j));
    }
  }
}

// weighted[s] = weight[index[s]] y[index[s]] for some columns, and adds them to sum.
template <int wide>
GAUSSMIX_INLINE void weigh_panel(const Real* y, int dp, const Real* weight, const int* index, int count, int first,
                                 Real* weighted, double* sum) {
  Pack total[wide] = {};
  for (int s = 0; s < count; ++s) {
    const Real* from = y + static_cast<std::size_t>(index[s]) * dp + first;
    Real* to = weighted + static_cast<std::size_t>(s) * dp + first;
    const Pack w = broadcast(weight[index[s]]);
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) {
      const Pack value = w * fetch(from + p * kLanes);
      store(to + p * kLanes, value);
      total[p] += value;
    }
  }
  GAUSSMIX_UNROLL
  for (int p = 0; p < wide; ++p) add_to(sum + first + p * kLanes, total[p]);
}

// The listed rows times their weights, one below the other, and their sum.
GAUSSMIX_ONCE void weigh_rows(const Real* y, int dp, const Real* weight, const int* index, int count, Real* weighted,
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
GAUSSMIX_INLINE void outer_panel(const Real* left, const Real* right, const int* index, int count, int dp, int row,
                                 int first, double* scatter) {
  Pack sum[kHigh][wide] = {};
  for (int s = 0; s < count; ++s) {
    const Real* a = left + static_cast<std::size_t>(s) * dp + row;
    const Real* b = right + static_cast<std::size_t>(index[s]) * dp + first;
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
    for (int p = 0; p < wide; ++p) {
      add_to(scatter + static_cast<std::size_t>(row + r) * dp + first + p * kLanes, sum[r][p]);
    }
  }
}

// Lower triangle of scatter (dp, dp) += sum over s of left[s]' right[index[s]].
GAUSSMIX_ONCE void add_outer(const Real* left, const Real* right, const int* index, int count, int d, double* scatter) {
  const int dp = static_cast<int>(padded(d));
  for (int row = 0; row < d; row += kHigh) {
    const int end = smaller(dp, (row + kHigh + kLanes - 1) / kLanes * kLanes);
    for (int first = 0; first < end;) {
      const int packs = packs_at_once((end - first) / kLanes);
      with_packs(packs, [&](auto wide) {
        outer_panel<decltype(wide)::value>(left, right, index, count, dp, row, first, scatter);
      });
      first += packs * kLanes;
    }
  }
}

}  // namespace gaussmix::GAUSSMIX_ISA
