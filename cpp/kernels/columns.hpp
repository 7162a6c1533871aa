// Dense inner loops (whitening and outer products) for a moderate number of features: column-major tiles, a lane
// is a row, so that the empty half of a triangle costs nothing. Register tiles of kTall columns by a few packs.
#pragma once

#include "kernels/tile.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr int kTall = 4;
#if defined(__AVX512F__)
inline constexpr int kGroup = 4;
#else
inline constexpr int kGroup = 2;
#endif

// Calls use(integral_constant) with min(left, kTall).
template <class Use>
GAUSSMIX_INLINE void with_height(int left, Use use) {
  if (left >= 4) return use(std::integral_constant<int, 4>{});
  if (left == 3) return use(std::integral_constant<int, 3>{});
  if (left == 2) return use(std::integral_constant<int, 2>{});
  use(std::integral_constant<int, 1>{});
}

// y[first:first + tall] = sum over i of (x - mean)[i] W[i, first:first + tall] for `group` packs of rows; W is packed
// in panels: for each panel of kTall columns its rows (of a triangle those down to the diagonal), `tall` numbers each.
template <bool upper, int tall, int group>
GAUSSMIX_INLINE const Real* whiten_columns_panel(const Real* x, const Real* mean, const Real* panel, int size, int d,
                                                 int first, Real* y, Pack squares[group]) {
  Pack sum[tall][group] = {};
  const int above = upper ? first : d;
  for (int i = 0; i < above; ++i, panel += tall) {
    Pack line[group];
    GAUSSMIX_UNROLL
    for (int p = 0; p < group; ++p) line[p] = fetch(x + static_cast<std::size_t>(i) * size + p * kLanes) - mean[i];
    GAUSSMIX_UNROLL
    for (int c = 0; c < tall; ++c) {
      const Pack value = broadcast(panel[c]);
      GAUSSMIX_UNROLL
      for (int p = 0; p < group; ++p) sum[c][p] += line[p] * value;
    }
  }
  GAUSSMIX_UNROLL
  for (int i = 0; upper && i < tall; ++i, panel += tall) {
    Pack line[group];
    GAUSSMIX_UNROLL
    for (int p = 0; p < group; ++p) {
      line[p] = fetch(x + static_cast<std::size_t>(first + i) * size + p * kLanes) - mean[first + i];
    }
    GAUSSMIX_UNROLL
    for (int c = i; c < tall; ++c) {
      const Pack value = broadcast(panel[c]);
      GAUSSMIX_UNROLL
      for (int p = 0; p < group; ++p) sum[c][p] += line[p] * value;
    }
  }
  GAUSSMIX_UNROLL
  for (int c = 0; c < tall; ++c) {
    GAUSSMIX_UNROLL
    for (int p = 0; p < group; ++p) {
      store(y + static_cast<std::size_t>(first + c) * size + p * kLanes, sum[c][p]);
      squares[p] += sum[c][p] * sum[c][p];
    }
  }
  return panel;
}

// Numbers in the panels of a factor, upper triangular or any.
template <bool upper = true>
GAUSSMIX_ONCE std::size_t panels_size(int d) {
  std::size_t size = 0;
  for (int first = 0; first < d; first += kTall) {
    const int tall = smaller(kTall, d - first);
    size += static_cast<std::size_t>(upper ? first + tall : d) * tall;
  }
  return size;
}
template <bool upper = true>
GAUSSMIX_ONCE void pack_panels(const double* factor, int d, Real* to, double unit = 1.0) {
  for (int first = 0; first < d; first += kTall) {
    const int tall = smaller(kTall, d - first);
    for (int i = 0; i < (upper ? first + tall : d); ++i) {
      for (int c = 0; c < tall; ++c) {
        const bool held = !upper || i <= first + c;
        *to++ = held ? static_cast<Real>(factor[static_cast<std::size_t>(i) * d + first + c] * unit) : Real(0);
      }
    }
  }
}

// y = (x - mean) W for `group` packs of rows, and the squared length of each.
template <bool upper, int group>
GAUSSMIX_INLINE void whiten_columns_group(const Real* x, int size, const Real* mean, const Real* panel, int d, Real* y,
                                          Real* squared_length) {
  Pack squares[group] = {};
  for (int first = 0; first < d; first += kTall) {
    with_height(d - first, [&](auto tall) {
      constexpr int t = decltype(tall)::value;
      panel = whiten_columns_panel<upper, t, group>(x, mean, panel, size, d, first, y, squares);
    });
  }
  GAUSSMIX_UNROLL
  for (int p = 0; p < group; ++p) store(squared_length + p * kLanes, squares[p]);
}

// The same for the first `count` rows (rounded up to whole packs) of column-major tiles.
template <bool upper = true>
GAUSSMIX_ONCE void whiten_columns(const Real* x, int size, int count, const Real* mean, const Real* panels, int d,
                                  Real* y, Real* squared_length) {
  int n = 0;
  for (; n + (kGroup - 1) * kLanes < count; n += kGroup * kLanes) {
    whiten_columns_group<upper, kGroup>(x + n, size, mean, panels, d, y + n, squared_length + n);
  }
  for (; n < count; n += kLanes) {
    whiten_columns_group<upper, 1>(x + n, size, mean, panels, d, y + n, squared_length + n);
  }
}

inline std::size_t triangle(int rows) { return static_cast<std::size_t>(rows) * (rows + 1) / 2; }

// lanes of S[row + r, first + c] += left[row + r] right[first + c] over the packs of a tile; of the diagonal block only
// what is on or below the diagonal.
template <int tall, bool corner>
GAUSSMIX_INLINE void outer_columns_panel(const Real* left, const Real* right, int size, int count, int row, int first,
                                         Real* lanes) {
  constexpr int across = corner ? tall : kTall;
  Pack sum[tall][across] = {};
  for (int n = 0; n < count; n += kLanes) {
    Pack line[across];
    GAUSSMIX_UNROLL
    for (int c = 0; c < across; ++c) line[c] = fetch(right + static_cast<std::size_t>(first + c) * size + n);
    GAUSSMIX_UNROLL
    for (int r = 0; r < tall; ++r) {
      const Pack value = fetch(left + static_cast<std::size_t>(row + r) * size + n);
      GAUSSMIX_UNROLL
      for (int c = 0; c < (corner ? r + 1 : across); ++c) sum[r][c] += value * line[c];
    }
  }
  GAUSSMIX_UNROLL
  for (int r = 0; r < tall; ++r) {
    Real* to = lanes + (triangle(row + r) + first) * kLanes;
    GAUSSMIX_UNROLL
    for (int c = 0; c < (corner ? r + 1 : across); ++c) store(to + c * kLanes, fetch(to + c * kLanes) + sum[r][c]);
  }
}

// The lanes of the lower triangle of S += left right' for the first `count` rows of column-major tiles.
GAUSSMIX_ONCE void add_outer_columns(const Real* left, const Real* right, int size, int count, int d, Real* lanes) {
  for (int row = 0; row < d; row += kTall) {
    with_height(d - row, [&](auto tall) {
      constexpr int t = decltype(tall)::value;
      for (int first = 0; first < row; first += kTall) {
        outer_columns_panel<t, false>(left, right, size, count, row, first, lanes);
      }
      outer_columns_panel<t, true>(left, right, size, count, row, row, lanes);
    });
  }
}

}  // namespace gaussmix::GAUSSMIX_ISA
