// Conditional distributions of some features given the others, one for each row: moments and quantiles.
//
// Plain C++: no Python, no exceptions except std::bad_alloc. A row is computed by one thread, so the bits do not depend
// on their number.
#pragma once

#include <cstddef>

#include "pass/pass.hpp"

namespace gaussmix {

// In component c the targets are target_means[c] + coefficients[c] (row - observed_means[c]) + residual. Without
// coefficients they do not depend on the row.
struct Regressions {
  int n_components, n_observed, n_targets;
  const double* observed_means;  // (k, s)
  const double* target_means;    // (k, q)
  const double* coefficients;    // (k, q, s) or null
  const double* variances;       // (k, q) of the residuals
  const double* covariances;     // (k, q, q) of the residuals; null if no covariances are wanted
};

struct ConditionalMoments {
  double* means;            // (n, q) or null
  double* covariances;      // (n, q, q) or null
  double* variances;        // (n, q) or null
  double* component_means;  // (n, k, q) or null
};

// The mixture is that of the observed features. Rows whose density is zero in double precision get zeros, except for
// their component means.
void condition_rows(const Rows& rows, const Mixture& mixture, const Regressions& regressions, int n_threads,
                    const ConditionalMoments& to);

// A mixture of normal distributions of one variable for each row; standard deviations are those of the components.
struct NormalMixtures {
  std::size_t n_rows;
  int n_components;
  const double* weights;     // (n, k)
  const double* means;       // (n, k)
  const double* deviations;  // (k,)
};

// Probabilities of at most the values (n,).
void cumulative_probabilities(const NormalMixtures& mixtures, const double* values, int n_threads, double* to);

// Quantiles (n, m) for levels (m,) between 0 and 1. `scores` are the quantiles of the standard normal distribution.
void quantiles(const NormalMixtures& mixtures, int n_levels, const double* levels, const double* scores, int n_threads,
               double* to);

}  // namespace gaussmix
