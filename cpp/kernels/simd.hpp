// A pack of numbers, one lane per row or per feature, for the instruction set that this file is compiled for.
//
// The pass is compiled once per instruction set and number type, each time in its own namespace GAUSSMIX_ISA, so
// that the linker cannot pick an inline function of a wider set for a narrower machine. For the same reason nothing
// here uses templates of the standard library, except type traits. Needs the vector types of GCC and Clang (clang-cl on
// Windows).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

#ifndef GAUSSMIX_ISA
#define GAUSSMIX_ISA baseline
#endif
// The numbers of a tile: double, or float where GAUSSMIX_SINGLE is defined. Sums over more than a few tiles are double.
#ifdef GAUSSMIX_SINGLE
#define GAUSSMIX_REAL float
#define GAUSSMIX_WHOLE std::int32_t
#else
#define GAUSSMIX_REAL double
#define GAUSSMIX_WHOLE std::int64_t
#endif

#define GAUSSMIX_INLINE inline __attribute__((always_inline))
// Functions that work on a whole tile: a call costs nothing there, and one copy compiles in less time than many.
#define GAUSSMIX_ONCE inline __attribute__((noinline))
// Loops over register tiles must be unrolled completely, or the tile is kept in memory.
#if defined(__clang__)
#define GAUSSMIX_UNROLL _Pragma("unroll")
#else
#define GAUSSMIX_UNROLL _Pragma("GCC unroll 16")
#endif

namespace gaussmix::GAUSSMIX_ISA {

using Real = GAUSSMIX_REAL;
using Whole = GAUSSMIX_WHOLE;

#if defined(__AVX512F__)
inline constexpr int kLanes = 64 / sizeof(Real);
#elif defined(__AVX2__)
inline constexpr int kLanes = 32 / sizeof(Real);
#else
inline constexpr int kLanes = 16 / sizeof(Real);
#endif

inline constexpr Real kInfinity = __builtin_huge_val();

using Pack = Real __attribute__((vector_size(kLanes * sizeof(Real))));
using Bits = Whole __attribute__((vector_size(kLanes * sizeof(Real))));
using Doubles = double __attribute__((vector_size(kLanes * sizeof(double))));

// The compiler may drop a subtraction of zero, which changes no number, but not an addition (-0 + 0 = 0).
GAUSSMIX_INLINE Pack broadcast(Real value) { return value - Pack{}; }
GAUSSMIX_INLINE Pack select(Bits mask, Pack yes, Pack no) { return mask ? yes : no; }
GAUSSMIX_INLINE Bits as_bits(Pack x) {
  Bits bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
GAUSSMIX_INLINE Pack as_pack(Bits x) {
  Pack pack;
  std::memcpy(&pack, &x, sizeof pack);
  return pack;
}

GAUSSMIX_INLINE Pack fetch(const Real* from) {
  Pack pack;
  std::memcpy(&pack, from, sizeof pack);
  return pack;
}
template <class T>
GAUSSMIX_INLINE Pack fetch_converted(const T* from) {
  T values __attribute__((vector_size(kLanes * sizeof(T))));
  std::memcpy(&values, from, sizeof values);
  if constexpr (sizeof(T) < 4) {
    using Shorts = std::uint16_t __attribute__((vector_size(kLanes * sizeof(std::uint16_t))));
    using Integers = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));
    return __builtin_convertvector(__builtin_convertvector(__builtin_convertvector(values, Shorts), Integers), Pack);
  } else {
    return __builtin_convertvector(values, Pack);
  }
}
GAUSSMIX_INLINE void store(Real* to, Pack pack) { std::memcpy(to, &pack, sizeof pack); }
GAUSSMIX_INLINE void add_to(double* to, Pack pack) {
  Doubles sum;
  std::memcpy(&sum, to, sizeof sum);
  sum += __builtin_convertvector(pack, Doubles);
  std::memcpy(to, &sum, sizeof sum);
}

#if defined(__AVX512F__) && defined(GAUSSMIX_SINGLE)

GAUSSMIX_INLINE Pack larger(Pack a, Pack b) { return (Pack)_mm512_max_ps((__m512)a, (__m512)b); }
// One bit per lane with a >= b.
GAUSSMIX_INLINE unsigned at_least(Pack a, Pack b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ); }
// Writes first + i for every bit i that is set, and returns how many. There must be room for kLanes numbers.
GAUSSMIX_INLINE int list_bits(unsigned bits, int first, int* to) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i places = _mm512_add_epi32(_mm512_set1_epi32(first), lanes);
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), places));
  return __builtin_popcount(bits);
}
inline constexpr bool kCompresses = true;  // in one instruction
// Writes the lanes whose bit is set, one after the other, and returns how many. There must be room for kLanes numbers.
GAUSSMIX_INLINE int compress(Pack x, unsigned bits, Real* to) {
  store(to, (Pack)_mm512_maskz_compress_ps(static_cast<__mmask16>(bits), (__m512)x));
  return __builtin_popcount(bits);
}

#elif defined(__AVX512F__)

GAUSSMIX_INLINE Pack larger(Pack a, Pack b) { return (Pack)_mm512_max_pd((__m512d)a, (__m512d)b); }
GAUSSMIX_INLINE unsigned at_least(Pack a, Pack b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_GE_OQ); }
GAUSSMIX_INLINE int list_bits(unsigned bits, int first, int* to) {
  const __m256i places = _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_maskz_compress_epi32(static_cast<__mmask8>(bits), places));
  return __builtin_popcount(bits);
}
inline constexpr bool kCompresses = true;
GAUSSMIX_INLINE int compress(Pack x, unsigned bits, Real* to) {
  store(to, (Pack)_mm512_maskz_compress_pd(static_cast<__mmask8>(bits), (__m512d)x));
  return __builtin_popcount(bits);
}

#else

GAUSSMIX_INLINE Pack larger(Pack a, Pack b) {
#if defined(__AVX2__) && defined(GAUSSMIX_SINGLE)
  return (Pack)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__AVX2__)
  return (Pack)_mm256_max_pd((__m256d)a, (__m256d)b);
#else
  return select(a > b, a, b);
#endif
}
GAUSSMIX_INLINE unsigned at_least(Pack a, Pack b) {
#if defined(__AVX2__) && defined(GAUSSMIX_SINGLE)
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GE_OQ)));
#elif defined(__AVX2__)
  return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_GE_OQ)));
#else
  unsigned bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= static_cast<unsigned>(a[i] >= b[i]) << i;
  return bits;
#endif
}
GAUSSMIX_INLINE int list_bits(unsigned bits, int first, int* to) {
  int count = 0;
  for (; bits; bits &= bits - 1) to[count++] = first + __builtin_ctz(bits);
  return count;
}
inline constexpr bool kCompresses = false;
GAUSSMIX_INLINE int compress(Pack x, unsigned bits, Real* to) {
  int count = 0;
  for (; bits; bits &= bits - 1) to[count++] = x[__builtin_ctz(bits)];
  return count;
}

#endif

// Writes numbers[i] for every bit i that is set, at most `count` of them, and -1 in the places that are left.
GAUSSMIX_INLINE void choose_numbers(const std::int32_t* numbers, std::uint64_t bits, int count, std::int32_t* to) {
#if defined(__AVX512F__)
  if (bits < 1 << 16 && count <= 16) {
    const auto chosen = static_cast<__mmask16>(bits), places = static_cast<__mmask16>((1 << count) - 1);
    const __m512i found = _mm512_maskz_loadu_epi32(chosen, numbers);
    _mm512_mask_storeu_epi32(to, places, _mm512_mask_compress_epi32(_mm512_set1_epi32(-1), chosen, found));
    return;
  }
#endif
  int found = 0;
  for (; bits && found < count; bits &= bits - 1) to[found++] = numbers[__builtin_ctzll(bits)];
  while (found < count) to[found++] = -1;
}

// The sum of the lanes, added in a fixed order.
GAUSSMIX_INLINE double sum_lanes(Pack x) {
  double sum = x[0];
  for (int i = 1; i < kLanes; ++i) sum += x[i];
  return sum;
}

template <int step, int... lanes>
GAUSSMIX_INLINE void transpose_step(Pack rows[kLanes], std::integer_sequence<int, lanes...> all) {
  GAUSSMIX_UNROLL
  for (int i = 0; i < kLanes; ++i) {
    if (i & step) continue;
    const Pack a = rows[i], b = rows[i + step];
    rows[i] = __builtin_shufflevector(a, b, (lanes & step ? kLanes + lanes - step : lanes)...);
    rows[i + step] = __builtin_shufflevector(a, b, (lanes & step ? kLanes + lanes : lanes + step)...);
  }
  if constexpr (2 * step < kLanes) transpose_step<2 * step>(rows, all);
}

// Lane i of row j becomes lane j of row i (Eklundh 1972).
GAUSSMIX_INLINE void transpose(Pack rows[kLanes]) {
  transpose_step<1>(rows, std::make_integer_sequence<int, kLanes>{});
}

// Lane r of the result is the sum of the lanes of rows[r].
GAUSSMIX_INLINE Pack sum_each(const Pack rows[kLanes]) {
#if defined(__AVX512F__) && !defined(GAUSSMIX_SINGLE)
  Pack a[4], b[2];
  for (int i = 0; i < 4; ++i) {
    a[i] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14) +
           __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 2; ++i) {
    b[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
           __builtin_shufflevector(a[2 * i], a[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  return __builtin_shufflevector(b[0], b[1], 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(b[0], b[1], 4, 5, 6, 7, 12, 13, 14, 15);
#elif defined(__AVX2__) && !defined(GAUSSMIX_SINGLE)
  Pack a[2];
  for (int i = 0; i < 2; ++i) {
    a[i] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 0, 4, 2, 6) +
           __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 1, 5, 3, 7);
  }
  return __builtin_shufflevector(a[0], a[1], 0, 1, 4, 5) + __builtin_shufflevector(a[0], a[1], 2, 3, 6, 7);
#else
  Pack columns[kLanes], sum{};
  for (int i = 0; i < kLanes; ++i) columns[i] = rows[i];
  transpose(columns);
  for (int i = 0; i < kLanes; ++i) sum += columns[i];
  return sum;
#endif
}

// to[i] += the sum of the lanes of the i-th of `count` packs.
inline void add_sums(const Real* packs, int count, double* to) {
  int i = 0;
  for (; i + kLanes <= count; i += kLanes, packs += kLanes * kLanes) {
    Pack rows[kLanes];
    GAUSSMIX_UNROLL
    for (int l = 0; l < kLanes; ++l) rows[l] = fetch(packs + l * kLanes);
    add_to(to + i, sum_each(rows));
  }
  for (; i < count; ++i, packs += kLanes) to[i] += sum_lanes(fetch(packs));
}

}  // namespace gaussmix::GAUSSMIX_ISA
