// What one instruction set provides: the work on one block of rows.
#pragma once

#include "pass.hpp"

namespace gaussmix {

// Room that a kernel asks for, in doubles, aligned to 64 bytes.
struct Layout {
  std::size_t packed;   // the mixture in the order the kernel reads it: shared, read-only
  std::size_t scratch;  // tiles of rows and scores: one per thread
  std::size_t partial;  // the sums over a block: the slots of in_order.hpp, and the total
};

struct Kernels {
  const char* name;
  Layout (*layout)(const Mixture&);
  void (*pack)(const Mixture&, double* packed);
  // Adds the rows [begin, end) to a partial that was zero.
  void (*accumulate)(const Rows&, const Mixture&, const double* packed, std::size_t begin, std::size_t end,
                     double* scratch, double* partial);
  void (*score)(const Rows&, const Mixture&, const double* packed, std::size_t begin, std::size_t end, double* scratch,
                const Scores&);
};

// A partial is, in this order and on every instruction set:
//   log likelihood, entropy, padding to 8 | counts, padded to 8 | shifts (k, dp) | scatter: full (k, dp, dp) lower
//   triangle, tied (dp, dp) lower triangle and overlap (k, k), diagonal (k, dp)
// where dp is d rounded up to a multiple of 8.
inline constexpr int kPad = 8;
static inline std::size_t padded(std::size_t size) { return (size + kPad - 1) / kPad * kPad; }

extern const Kernels kernels_baseline;
extern const Kernels kernels_avx2;
extern const Kernels kernels_avx512;

}  // namespace gaussmix
