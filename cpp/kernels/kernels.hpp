// Functions that each instruction set provides for one block of rows.
#pragma once

#include "pass/conditional.hpp"
#include "pass/pass.hpp"
#include "truncated/nearest.hpp"

namespace gaussmix {

// Sizes of the buffers of a kernel, in doubles, aligned to 64 bytes.
struct Layout {
  std::size_t packed;   // the mixture in the order the kernel reads it: shared, read-only
  std::size_t scratch;  // tiles of rows and scores: one per thread
  std::size_t partial;  // the sums over a block: the slots of in_order.hpp, and the total
  std::size_t shared;   // of the wide form: a block of rows, its scores and its whitened rows; zero for others
};

// Above this number of features, a factor fills a cache, and large blocks of rows are multiplied by it.
inline constexpr int kMostNarrow = 96;
inline constexpr int kWideRows = 512;
static inline bool is_wide(const Mixture& m) {
  return m.form == Form::full && m.n_features > kMostNarrow && !m.incomplete;
}

struct Kernels {
  const char* name;
  int pad;  // numbers of features and components in a partial are rounded up to this
  Layout (*layout)(const Mixture&);
  void (*pack)(const Mixture&, double* packed);
  // Adds the sums of the rows [begin, end) to a partial that is zero.
  void (*accumulate)(const Rows&, const Mixture&, const double* packed, std::size_t begin, std::size_t end,
                     double* scratch, double* partial);
  // The wide form: adds the sums of all rows. `scratch` has a pointer for each thread.
  void (*accumulate_together)(const Rows&, const Mixture&, const double* packed, double* shared, double* const* scratch,
                              int n_threads, double* partial);
  void (*score)(const Rows&, const Mixture&, const double* packed, std::size_t begin, std::size_t end, double* scratch,
                const Scores&);
  // Conditional moments of the rows [begin, end); the first function returns the size of their scratch, in doubles.
  std::size_t (*condition_scratch)(const Mixture&, const Regressions&);
  void (*condition)(const Rows&, const Mixture&, const double* packed, std::size_t begin, std::size_t end,
                    double* scratch, const Regressions&, const ConditionalMoments&);
  // Like accumulate, for the best components of each row only. Not for the wide form, t distributions and noise. The
  // first function returns the size of the scratch, in doubles.
  std::size_t (*nearest_scratch)(const Mixture&, int n_kept);
  void (*accumulate_nearest)(const Rows&, const Mixture&, const double* packed, std::size_t begin, std::size_t end,
                             const Nearest&, double* scratch, double* partial);
};

// Static, like all functions that the kernels share: each instruction set must keep its own copy.
static inline std::size_t padded(std::size_t size, int pad) { return (size + pad - 1) / pad * pad; }

// Where the pieces of a partial begin; dp is d rounded up.
struct Places {
  std::size_t dp;
  std::size_t counts;  // (k,); before them the log likelihood, the entropy and the sum of the background
  std::size_t shifts;  // (k, dp)
  // full (k, dp, dp) lower triangles | tied (dp, dp) lower triangle | diagonal (k, dp) | spherical (k,)
  std::size_t scatter;
  std::size_t overlap;  // tied (k, k rounded up like d)
  std::size_t rows;     // of t distributions: the counts; those before are sums of r u
  std::size_t slopes;
  std::size_t size;
};
static inline Places places_in_partial(const Mixture& m, int pad) {
  const std::size_t k = m.n_components, dp = padded(m.n_features, pad);
  const std::size_t counts = pad, shifts = counts + padded(k, pad), scatter = shifts + k * dp;
  const Form form = form_of_sums(m);
  const std::size_t overlap = scatter + (form == Form::full       ? k * dp * dp
                                         : form == Form::tied     ? dp * dp
                                         : form == Form::diagonal ? k * dp
                                                                  : padded(k, pad));
  const std::size_t rows = overlap + (m.form == Form::tied ? k * padded(k, pad) : 0);
  const std::size_t slopes = rows + (m.tails ? padded(k, pad) : 0);
  return {dp, counts, shifts, scatter, overlap, rows, slopes, slopes + slopes - rows};
}

// Two for each instruction set: tiles in double precision, and in single precision (sums only, no scores).
extern const Kernels kernels_baseline, kernels_baseline_single;
extern const Kernels kernels_avx2, kernels_avx2_single;
extern const Kernels kernels_avx512, kernels_avx512_single;

}  // namespace gaussmix
