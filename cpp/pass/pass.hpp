// One pass over the rows of a Gaussian mixture: its inputs, its sums and its scores.
//
// Plain C++: no Python, no allocation visible to the caller, no exceptions except std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gaussmix {

enum class Scalar { float32, float64, uint8, uint16 };

// Shape of the factors W of a mixture; the returned sums have the same shape.
enum class Form { full, tied, diagonal, spherical };

// What is known of the errors of each row: nothing, d standard deviations, or K of the covariance K K', the rows of a
// lower triangle of d (d + 1) / 2 numbers. Column j of K is a unit vector if feature j is missing.
enum class Noise { none, diagonal, full };
static inline std::size_t numbers_of_noise(Noise noise, int n_features) {
  const std::size_t d = n_features;
  return noise == Noise::none ? 0 : noise == Noise::diagonal ? d : d * (d + 1) / 2;
}

struct Rows {
  const void* data;  // (n, d) row-major, of the given scalar type
  Scalar scalar;
  std::size_t n_rows;
  int n_features;
  const double* weights;          // (n,) or null: every row counts once
  const double* log_prior;        // (n, n_scores) row-major or null: added to the scores
  const double* noise = nullptr;  // (n, numbers_of_noise) row-major or null
};

// score[n, k] = offsets[k] - 1/2 | (x[n] - means[k]) W[k] |^2, where W[k] is factors[k] or basis factors[k]
//
// For t distributions the offsets are zero, and `tails` has the numbers of each component: offset | 1 / nu, 0 if it is
// normal | nu / 2 | for 0, ..., d observed features: what is added to the offset | K (core/student.py). Rows may have
// missing values, but no errors.
struct Mixture {
  Form form;
  int n_components;
  int n_features;
  const double* offsets;  // (k,)
  const double* means;    // (k, d)
  const double* factors;  // full (k, d, d) upper triangular | tied (d, d) the same | diagonal (k, d) | spherical (k,)
  const double* basis = nullptr;  // (d, d) for diagonal or spherical factors | null
  bool incomplete = false;        // whether rows may have missing values (NaN) or errors; then there is no basis
  Noise noise = Noise::none;      // of such rows; full for full and tied factors only
  // (1 + d,) or null: the log weight of uniform noise, and the logs of the lengths of its box. Its score is one more,
  // after those of the components: the log weight minus the log lengths of the features that are not missing.
  const double* background = nullptr;
  const double* tails = nullptr;  // (k, tail_numbers(d)) or null
};
static inline std::size_t tail_numbers(int n_features) { return 3 + 2 * (static_cast<std::size_t>(n_features) + 1); }

// The scores of a row.
static inline int n_scores_of(const Mixture& m) { return m.n_components + (m.background ? 1 : 0); }

// A basis is estimated from the full scatter.
static inline Form form_of_sums(const Mixture& m) { return m.basis ? Form::full : m.form; }

// Sums over the rows, to which a pass adds, with r[n, k] = weight[n] p(k | x[n]) and y = (x[n] - means[k]) W[k].
struct Sums {
  double* counts;   // (k,)    sum of r
  double* shifts;   // (k, d)  sum of r y
  double* scatter;  // full or with a basis (k, d, d) sum of r y y' | diagonal (k, d) sum of r y^2 | spherical (k,) sum
                    // of r |y|^2 | tied (d, d): form_tied.hpp
  double* overlap;  // tied (k, k): form_tied.hpp | null
  double* log_likelihood;  // ()      sum of weight log p(x)
  double* entropy;         // ()      sum of -r log p(k | x)
  double* background;      // ()      sum of r of the background
  // For t distributions, else null; shifts and scatter are then sums of r u y and r u y y', u = (nu + d) / (nu +
  // |y|^2).
  double* scaled_counts = nullptr;  // (k,) sum of r u
  double* slopes = nullptr;         // (k,) derivative of the log likelihood with respect to 1 / nu
};

struct Scores {
  double* log_density;       // (n,) or null
  double* responsibilities;  // (n, n_scores) row-major or null
  std::int64_t* labels;      // (n,) or null: the first component of greatest score
  double* scores;            // (n, n_scores) row-major or null
};

// Rows per block. Each block is summed separately and the blocks are added in order, so the bits do not depend on
// the number of threads, nor on a division of the rows into calls at multiples of it. The form is that of the sums.
std::size_t block_rows(Form form, int n_components, int n_features, bool incomplete = false);

// Threads that a pass over some blocks uses. Waking one takes about ten microseconds, so each must get more work.
int useful_threads(const Mixture& mixture, std::size_t n_rows, std::int64_t n_blocks, int n_threads);

// A rough pass computes in single precision and adds in double. Its sums have a relative error of about 1e-6, as long
// as whitened rows and means are not much longer than 10^4.
//
// With `segment_rows`, a multiple of the rows per block, each run of so many rows is summed on its own, and the sums of
// the runs are added in order.
void accumulate(const Rows& rows, const Mixture& mixture, int n_threads, bool rough, std::size_t segment_rows,
                Sums& sums);
void score_rows(const Rows& rows, const Mixture& mixture, int n_threads, const Scores& scores);

// The compiled instruction sets that this processor has, best first. Selecting any other name returns false.
int instruction_sets(const char* names[4]);
const char* selected_instruction_set();
bool select_instruction_set(const char* name);

}  // namespace gaussmix
