// Squared distances without correlations: a lane is a row, a few packs of rows at once to keep the arithmetic units
// busy.
#pragma once

#include "kernels/softmax.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// The power of two between the least and the greatest factor of spheres.
inline int middle_exponent(const Mixture& m) {
  double least = m.factors[0], most = m.factors[0];
  for (int k = 1; k < m.n_components; ++k) {
    least = m.factors[k] < least ? m.factors[k] : least;
    most = m.factors[k] > most ? m.factors[k] : most;
  }
  return (__builtin_ilogb(least) + __builtin_ilogb(most)) / 2;
}

// scores[n] = offset - 1/2 |(x[n] - center) scale|^2 for `wide` packs of the columns (d, size) of a tile.
template <int wide>
GAUSSMIX_INLINE void score_packs(const Real* columns, int size, int d, Real offset, const Real* center,
                                 const Real* scale, Real* scores) {
  Pack square[wide] = {};
  for (int j = 0; j < d; ++j) {
    const Real* column = columns + static_cast<std::size_t>(j) * size;
    const Pack point = broadcast(center[j]), unit = broadcast(scale[j]);
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) {
      const Pack y = (fetch(column + p * kLanes) - point) * unit;
      square[p] += y * y;
    }
  }
  GAUSSMIX_UNROLL
  for (int p = 0; p < wide; ++p) store(scores + p * kLanes, score_of(offset, square[p]));
}

// The same for the whole tile.
inline void score_distances(const Real* columns, int size, int d, Real offset, const Real* center, const Real* scale,
                            Real* scores) {
  int n = 0;
  for (; n + 8 * kLanes <= size; n += 8 * kLanes) {
    score_packs<8>(columns + n, size, d, offset, center, scale, scores + n);
  }
  for (; n + 4 * kLanes <= size; n += 4 * kLanes) {
    score_packs<4>(columns + n, size, d, offset, center, scale, scores + n);
  }
  for (; n < size; n += kLanes) score_packs<1>(columns + n, size, d, offset, center, scale, scores + n);
}

// Calls use(k, n, |x[n] - means[k]|^2) for some components and every pack of rows of a tile.
template <int together, int most, class Use>
GAUSSMIX_INLINE void measure_some_distances(const Real* columns, int size, int d, const Real* means, int stride, int k,
                                            Use use) {
  const Real* mean[together];
  GAUSSMIX_UNROLL
  for (int c = 0; c < together; ++c) mean[c] = means + static_cast<std::size_t>(k + c) * stride;
  const auto measure_packs = [&](auto packs, int n) {
    constexpr int wide = decltype(packs)::value;
    Pack square[together][wide] = {};
    for (int j = 0; j < d; ++j) {
      const Real* column = columns + static_cast<std::size_t>(j) * size + n;
      Pack x[wide];
      GAUSSMIX_UNROLL
      for (int p = 0; p < wide; ++p) x[p] = fetch(column + p * kLanes);
      GAUSSMIX_UNROLL
      for (int c = 0; c < together; ++c) {
        const Pack point = broadcast(mean[c][j]);
        GAUSSMIX_UNROLL
        for (int p = 0; p < wide; ++p) {
          const Pack difference = x[p] - point;
          square[c][p] += difference * difference;
        }
      }
    }
    GAUSSMIX_UNROLL
    for (int c = 0; c < together; ++c) {
      GAUSSMIX_UNROLL
      for (int p = 0; p < wide; ++p) use(k + c, n + p * kLanes, square[c][p]);
    }
  };
  int n = 0;
  for (; n + most * kLanes <= size; n += most * kLanes) measure_packs(std::integral_constant<int, most>{}, n);
  for (; n < size; n += kLanes) measure_packs(std::integral_constant<int, 1>{}, n);
}

// The same for all components.
template <class Use>
GAUSSMIX_INLINE void measure_distances(const Real* columns, int size, int d, const Real* means, int stride,
                                       int n_components, Use use) {
#if defined(__AVX512F__)
  constexpr int kTogether = 4;
#else
  constexpr int kTogether = 2;
#endif
  int k = 0;
  for (; k + kTogether <= n_components; k += kTogether) {
    measure_some_distances<kTogether, 4>(columns, size, d, means, stride, k, use);
  }
  for (; k < n_components; ++k) measure_some_distances<1, 4>(columns, size, d, means, stride, k, use);
}

}  // namespace gaussmix::GAUSSMIX_ISA
