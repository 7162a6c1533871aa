// A pack of doubles, one lane per row or per feature, for the instruction set this file is compiled for.
//
// The pass is compiled once per instruction set, each time inside its own namespace GAUSSMIX_ISA, so that no inline
// function of a wider set can be picked by the linker for a narrower machine. For the same reason nothing here uses
// the standard library's templates. Needs the vector types of GCC and Clang (clang-cl on Windows).
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

#define GAUSSMIX_INLINE inline __attribute__((always_inline))
// Loops over register tiles must be unrolled whole, or the tile lives in memory.
#if defined(__clang__)
#define GAUSSMIX_UNROLL _Pragma("unroll")
#else
#define GAUSSMIX_UNROLL _Pragma("GCC unroll 8")
#endif

namespace gaussmix::GAUSSMIX_ISA {

#if defined(__AVX512F__)
inline constexpr int kLanes = 8;
#elif defined(__AVX2__)
inline constexpr int kLanes = 4;
#else
inline constexpr int kLanes = 2;
#endif

inline constexpr double kInfinity = __builtin_huge_val();

using Pack = double __attribute__((vector_size(kLanes * 8)));
using Bits = std::int64_t __attribute__((vector_size(kLanes * 8)));

// Subtracting zero leaves every number as it is, so the compiler drops it; adding zero it must keep (-0 + 0 = 0).
GAUSSMIX_INLINE Pack broadcast(double value) { return value - Pack{}; }
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

GAUSSMIX_INLINE Pack fetch(const double* from) {
  Pack pack;
  std::memcpy(&pack, from, sizeof pack);
  return pack;
}
template <class T>
GAUSSMIX_INLINE Pack fetch_as_doubles(const T* from) {
  T values __attribute__((vector_size(kLanes * sizeof(T))));
  std::memcpy(&values, from, sizeof values);
  return __builtin_convertvector(values, Pack);
}
GAUSSMIX_INLINE void store(double* to, Pack pack) { std::memcpy(to, &pack, sizeof pack); }

GAUSSMIX_INLINE Pack larger(Pack a, Pack b) {
#if defined(__AVX512F__)
  return (Pack)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
  return (Pack)_mm256_max_pd((__m256d)a, (__m256d)b);
#else
  return select(a > b, a, b);
#endif
}

// One bit per lane with a >= b.
GAUSSMIX_INLINE unsigned at_least(Pack a, Pack b) {
#if defined(__AVX512F__)
  return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_GE_OQ);
#elif defined(__AVX2__)
  return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_GE_OQ)));
#else
  unsigned bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= static_cast<unsigned>(a[i] >= b[i]) << i;
  return bits;
#endif
}

// Writes first + i for every bit i that is set, and returns how many. There must be room for kLanes numbers.
GAUSSMIX_INLINE int list_bits(unsigned bits, int first, int* to) {
#if defined(__AVX512F__)
  const __m256i places = _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_maskz_compress_epi32(static_cast<__mmask8>(bits), places));
  return __builtin_popcount(bits);
#else
  int count = 0;
  for (; bits; bits &= bits - 1) to[count++] = first + __builtin_ctz(bits);
  return count;
#endif
}

// Writes the lanes whose bit is set, one after the other, and returns how many. There must be room for kLanes numbers.
GAUSSMIX_INLINE int compress(Pack x, unsigned bits, double* to) {
#if defined(__AVX512F__)
  store(to, (Pack)_mm512_maskz_compress_pd(static_cast<__mmask8>(bits), (__m512d)x));
  return __builtin_popcount(bits);
#else
  int count = 0;
  for (; bits; bits &= bits - 1) to[count++] = x[__builtin_ctz(bits)];
  return count;
#endif
}

// The sum of the lanes, always added in the same order.
GAUSSMIX_INLINE double sum_lanes(Pack x) {
  double sum = x[0];
  for (int i = 1; i < kLanes; ++i) sum += x[i];
  return sum;
}

// Lane r of the result is the sum of the lanes of rows[r].
GAUSSMIX_INLINE Pack sum_each(const Pack rows[kLanes]) {
#if defined(__AVX512F__)
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
#elif defined(__AVX2__)
  Pack a[2];
  for (int i = 0; i < 2; ++i) {
    a[i] = __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 0, 4, 2, 6) +
           __builtin_shufflevector(rows[2 * i], rows[2 * i + 1], 1, 5, 3, 7);
  }
  return __builtin_shufflevector(a[0], a[1], 0, 1, 4, 5) + __builtin_shufflevector(a[0], a[1], 2, 3, 6, 7);
#else
  Pack sums{};
  for (int i = 0; i < kLanes; ++i) sums[i] = sum_lanes(rows[i]);
  return sums;
#endif
}

// The polynomial with these coefficients, lowest first.
template <int n>
GAUSSMIX_INLINE Pack polynomial(const double (&coefficients)[n], Pack x) {
  Pack p = broadcast(coefficients[n - 1]);
  GAUSSMIX_UNROLL
  for (int i = n - 2; i >= 0; --i) p = p * x + coefficients[i];
  return p;
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

// exp(x) for -708 <= x <= 0, relative error below 4e-16: x = (n / parts) log 2 + f, exp(x) = 2^(n / parts) exp(f), with
// 2^(i / parts) from a table where the instruction set has one to look up in registers, and exp(f) interpolated
// at the Chebyshev points of |f| <= log(2) / (2 parts).
GAUSSMIX_INLINE Pack exp_nonpositive(Pack x) {
#if defined(__AVX512F__)
  constexpr int kPartBits = 4;
  constexpr double kExp[] = {1.0,
                             1.0000000000000022415,
                             0.50000000000000028019,
                             0.16666666662844725069,
                             0.041666666661889249788,
                             0.0083334962486869178998,
                             0.0013889092532749104752};
  alignas(64) constexpr double kTable[16] = {1.0,
                                             1.0442737824274138,
                                             1.0905077326652577,
                                             1.1387886347566916,
                                             1.189207115002721,
                                             1.2418578120734840,
                                             1.2968395546510096,
                                             1.3542555469368927,
                                             1.4142135623730951,
                                             1.4768261459394993,
                                             1.5422108254079407,
                                             1.6104903319492543,
                                             1.681792830507429,
                                             1.7562521603732995,
                                             1.8340080864093424,
                                             1.9152065613971474};
#else
  constexpr int kPartBits = 0;
  constexpr double kExp[] = {1.0,
                             1.0,
                             0.50000000000000183855,
                             0.16666666666666680806,
                             0.041666666666488095495,
                             0.0083333333333196006109,
                             0.0013888888952314774652,
                             0.00019841269890047113707,
                             0.000024801485482328492419,
                             2.7557240918578969823e-6,
                             2.7632639639041029749e-7,
                             2.5110037605963777712e-8};
#endif
  constexpr double kParts = 1 << kPartBits;
  constexpr double kLog2e = 1.4426950408889634;
  constexpr double kLn2High = 6.93147180369123816490e-01;  // fdlibm e_exp.c: 33 bits, so n * kLn2High is exact
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer in the low bits
  const Pack shifted = x * (kLog2e * kParts) + kRound;
  const Pack n = shifted - kRound;
  const Pack f = (x - n * (kLn2High / kParts)) - n * (kLn2Low / kParts);
  Pack p = polynomial(kExp, f);
#if defined(__AVX512F__)
  const __m512d low = _mm512_load_pd(kTable), high = _mm512_load_pd(kTable + 8);
  p *= (Pack)_mm512_permutex2var_pd(low, (__m512i)as_bits(shifted), high);  // reads four bits of each index
#endif
  return as_pack(as_bits(p) + (as_bits(shifted) >> kPartBits << 52));
}

// log(x) for finite normal x > 0: x = 2^n m with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m - 1) / (m + 1)).
GAUSSMIX_INLINE Pack log_positive(Pack x) {
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr std::int64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const Bits bits = as_bits(x) - kSqrtHalf;
  const Bits exponent = bits >> 52;
  const Pack m = as_pack((bits & std::int64_t{0x000fffffffffffff}) + kSqrtHalf);
  // An integer below 2^51 becomes a double by placing it in the low bits of 1.5 * 2^52.
  constexpr std::int64_t kRoundBits = 0x4338000000000000;
  const Pack n = as_pack(exponent + kRoundBits) - 6755399441055744.0;
  const Pack s = (m - 1.0) / (m + 1.0);
  const Pack z = s * s;
  Pack p = broadcast(2.0 / 23.0);
  p = p * z + 2.0 / 21.0;
  p = p * z + 2.0 / 19.0;
  p = p * z + 2.0 / 17.0;
  p = p * z + 2.0 / 15.0;
  p = p * z + 2.0 / 13.0;
  p = p * z + 2.0 / 11.0;
  p = p * z + 2.0 / 9.0;
  p = p * z + 2.0 / 7.0;
  p = p * z + 2.0 / 5.0;
  p = p * z + 2.0 / 3.0;
  return n * kLn2High + (2.0 * s + (s * z * p + n * kLn2Low));
}

}  // namespace gaussmix::GAUSSMIX_ISA
