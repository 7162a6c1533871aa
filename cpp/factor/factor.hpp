// Passes for factor covariances, linear in features and factors (core/forms/factor.py).
#pragma once

#include <cstddef>
#include <cstdint>

#include "pass/pass.hpp"

namespace gaussmix {

// score[n, k] = offsets[k] - 1/2 |v|^2 with v = y - t G', y = (x - means) factors[:, 0], t = y G, G = factors[:, 1:].
struct FactorMixture {
  int n_components, n_features, n_factors;
  const double* offsets;  // (k,)
  const double* means;    // (k, d)
  const double* factors;  // (k, d, 1 + q)
};

// What an earlier pass over the same rows knows: lower bounds of |v|, from which a component may be left out, and the
// best component of each row. A length of at least a becomes one of at least (a - moves[k]) scales[k].
struct KnownLengths {
  const float* least;            // (n, k) or null
  const std::int32_t* best;      // (n,)
  const double *moves, *scales;  // (k,)
  float* next_least;             // (n, k) or null: bounds for the next pass
  std::int32_t* next_best;       // (n,)
};

// Sums over the rows, with r the responsibilities. Those below 1e-30 count as zero.
struct FactorSums {
  double *log_likelihood, *entropy;  // ()
  double* counts;                    // (k,) sum of r
  double* along;                     // (k, q) sum of r t
  double* inner;                     // (k, q, q) sum of r t t'
  double* columns;                   // (k, q + 2, d) sum of r y | r t y' | r y^2
};

// Rows per block, whose sums are added in order.
std::size_t factor_block_rows(int n_components, int n_factors);

// Writes all sums. They do not depend on what is known of the lengths.
void accumulate_factors(const Rows& rows, const FactorMixture& mixture, const KnownLengths& known, int n_threads,
                        const FactorSums& sums);
// Writes the scores (n, k).
void score_factors(const Rows& rows, const FactorMixture& mixture, int n_threads, double* scores);

}  // namespace gaussmix
