// Scores from distances without correlations: one lane per row, a few packs of rows at once to keep the arithmetic
// units busy.
#pragma once

#include "softmax.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// scores[n] = offset - 1/2 |(x[n] - center) scale|^2 for the columns (d, size) of a tile; without a scale it is one.
template <bool scaled>
inline void score_distances(const Real* columns, int size, int d, Real offset, const Real* center, const Real* scale,
                            Real* scores) {
  constexpr int kWide = 8;
  for (int n = 0; n < size; n += kWide * kLanes) {
    Pack square[kWide] = {};
    for (int j = 0; j < d; ++j) {
      const Real* column = columns + static_cast<std::size_t>(j) * size + n;
      const Pack point = broadcast(center[j]), unit = broadcast(scaled ? scale[j] : 1.0);
      GAUSSMIX_UNROLL
      for (int p = 0; p < kWide; ++p) {
        Pack y = fetch(column + p * kLanes) - point;
        if (scaled) y = y * unit;
        square[p] += y * y;
      }
    }
    GAUSSMIX_UNROLL
    for (int p = 0; p < kWide; ++p) store(scores + n + p * kLanes, score_of(offset, square[p]));
  }
}

}  // namespace gaussmix::GAUSSMIX_ISA
