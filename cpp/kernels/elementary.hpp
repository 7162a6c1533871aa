// exp and log of packs, on the ranges that the pass needs.
#pragma once

#include "kernels/simd.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// The polynomial with these coefficients, lowest first.
template <int n>
GAUSSMIX_INLINE Pack polynomial(const Real (&coefficients)[n], Pack x) {
  Pack p = broadcast(coefficients[n - 1]);
  GAUSSMIX_UNROLL
  for (int i = n - 2; i >= 0; --i) p = p * x + coefficients[i];
  return p;
}

#ifdef GAUSSMIX_SINGLE

inline constexpr Real kLogSmallest = -87.0f;  // exp of less is not a normal number

// exp(x) for -87 <= x <= 0, relative error below 2e-7. The method for double below, without a table.
GAUSSMIX_INLINE Pack exp_nonpositive(Pack x) {
  constexpr Real kExp[] = {1.0f, 1.00000004f, 0.500000005f, 0.166664155f, 0.0416663529f, 0.0083751264f, 0.00139411084f};
  constexpr Real kLog2e = 1.44269504f;
  constexpr Real kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // 9 bits, and the rest
  constexpr Real kRound = 12582912.0f;                                // 1.5 * 2^23
  const Pack shifted = x * kLog2e + kRound;
  const Pack n = shifted - kRound;
  const Pack f = (x - n * kLn2High) - n * kLn2Low;
  return as_pack(as_bits(polynomial(kExp, f)) + (as_bits(shifted) << 23));
}

// log(x) for finite normal x > 0. The method for double below.
GAUSSMIX_INLINE Pack log_positive(Pack x) {
  constexpr Whole kSqrtHalf = 0x3f3504f3;
  constexpr Real kSeries[] = {2.0f / 3.0f, 2.0f / 5.0f, 2.0f / 7.0f, 2.0f / 9.0f, 2.0f / 11.0f};
  const Bits bits = as_bits(x) - kSqrtHalf;
  const Pack n = __builtin_convertvector(bits >> 23, Pack);
  const Pack m = as_pack((bits & 0x007fffff) + kSqrtHalf);
  const Pack s = (m - 1.0f) / (m + 1.0f);
  const Pack z = s * s;
  return n * 0.693147181f + (2.0f * s + s * z * polynomial(kSeries, z));
}

#else

inline constexpr Real kLogSmallest = -708.0;  // exp of less is not a normal number

// exp(x) for -708 <= x <= 0, relative error below 4e-16: x = (n / parts) log 2 + f, exp(x) = 2^(n / parts) exp(f), with
// 2^(i / parts) from a table if the instruction set can look it up in registers, and exp(f) interpolated at the
// Chebyshev points of |f| <= log(2) / (2 parts).
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
  constexpr double kSeries[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
                                2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23};
  const Bits bits = as_bits(x) - kSqrtHalf;
  const Bits exponent = bits >> 52;
  const Pack m = as_pack((bits & std::int64_t{0x000fffffffffffff}) + kSqrtHalf);
  // An integer below 2^51 becomes a double by placing it in the low bits of 1.5 * 2^52.
  constexpr std::int64_t kRoundBits = 0x4338000000000000;
  const Pack n = as_pack(exponent + kRoundBits) - 6755399441055744.0;
  const Pack s = (m - 1.0) / (m + 1.0);
  const Pack z = s * s;
  return n * kLn2High + (2.0 * s + (s * z * polynomial(kSeries, z) + n * kLn2Low));
}

#if defined(__AVX512F__)

// log(1 + x) and 1 / (1 + x) for 0 <= x < 1e300, relative errors below 1e-15. With r a rough inverse of 1 + x, rounded
// to four bits, log(1 + x) = log(1 + c) - log r, c = (1 + x) r - 1, |c| <= 1/32; c is x itself where r is 1.
GAUSSMIX_INLINE Pack log_of_one_plus(Pack x, Pack& inverse) {
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr double kSeries[] = {-1.0 / 2, 1.0 / 3, -1.0 / 4, 1.0 / 5, -1.0 / 6, 1.0 / 7, -1.0 / 8, 1.0 / 9, -1.0 / 10};
  alignas(64) constexpr double kLogs[16] = {0.0,
                                            0.06062462181643484,
                                            0.11778303565638346,
                                            0.17185025692665923,
                                            0.22314355131420976,
                                            0.27193371548364176,
                                            0.31845373111853459,
                                            0.36290549368936847,
                                            0.40546510810816438,
                                            0.44628710262841953,
                                            0.48550781578170082,
                                            0.52324814376454787,
                                            0.55961578793542266,
                                            0.59470710774669278,
                                            0.62860865942237409,
                                            0.66139848224536502};
  const Pack u = 1.0 + x;
  const Pack guess = (Pack)_mm512_rcp14_pd((__m512d)u);
  const Pack better = guess + guess * (1.0 - u * guess);
  inverse = better + better * (1.0 - u * better);
  constexpr std::int64_t kHalf = std::int64_t{1} << 47;
  const Bits bits = (as_bits(guess) + kHalf) & ~(2 * kHalf - 1);
  const Pack r = as_pack(bits);
  const __m512d low = _mm512_load_pd(kLogs), high = _mm512_load_pd(kLogs + 8);
  const Pack log_mantissa = (Pack)_mm512_permutex2var_pd(low, (__m512i)(bits >> 48), high);
  const Pack n = (Pack)_mm512_getexp_pd((__m512d)r);
  const Pack c = select(r == broadcast(1.0), x, u * r - 1.0);
  const Pack series = c + c * c * polynomial(kSeries, c);
  return (series - (n * kLn2Low + log_mantissa)) - n * kLn2High;
}

#else

// log(1 + x) and 1 / (1 + x) for 0 <= x < 1e300, by one division: log(1 + x) as above, exact for small x.
GAUSSMIX_INLINE Pack log_of_one_plus(Pack x, Pack& inverse) {
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr std::int64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  constexpr double kSeries[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11, 2.0 / 13,
                                2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21, 2.0 / 23};
  const Pack u = 1.0 + x;
  const Bits bits = as_bits(u) - kSqrtHalf;
  const Bits exponent = bits >> 52;
  const Pack m = as_pack((bits & std::int64_t{0x000fffffffffffff}) + kSqrtHalf);
  constexpr std::int64_t kRoundBits = 0x4338000000000000;
  const Pack n = as_pack(exponent + kRoundBits) - 6755399441055744.0;
  const Pack f = select(exponent == Bits{}, x, m - 1.0);
  const Pack quotient = 1.0 / ((f + 2.0) * u);
  inverse = (f + 2.0) * quotient;
  const Pack s = f * u * quotient;
  const Pack z = s * s;
  return n * kLn2High + (2.0 * s + (s * z * polynomial(kSeries, z) + n * kLn2Low));
}

#endif
#endif

}  // namespace gaussmix::GAUSSMIX_ISA
