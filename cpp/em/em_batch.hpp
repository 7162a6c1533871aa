// Batched EM: many short runs on the same few rows, each from a table of responsibilities to a local optimum.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "em/structures.hpp"

namespace gaussmix {

// Settings of all runs. The objective is the log-likelihood plus, with precisions P_k,
//
//   sum_k 1/2 [pseudo_rows log det P_k - tr(pseudo_scatter P_k)].
struct Problem {
  const double* rows;         // (n, d)
  const double* row_weights;  // (n,) or null: every row counts once
  std::size_t n_rows;
  int n_features, n_components;
  Model model;
  const double* pseudo_scatter;  // (d, d)
  double pseudo_rows;            // of each component
  double ridge;                  // added to every variance before the structure
  int max_iter;                  // greatest number of passes of a run
  double nats;                   // a run ends when two successive passes estimate a smaller distance to the optimum
  bool accelerate;
};

// The final parameters of each run, and the results of the last pass at them.
struct Results {
  double* weights;          // (m, k)
  double* means;            // (m, k, d)
  double* roots;            // (m, k, d, d) lower triangular, of the covariances
  double* objectives;       // (m,) -inf for a run with a singular covariance or an empty component
  double* log_likelihoods;  // (m,) the same
  std::int64_t* n_passes;   // (m,)
};

// `responsibilities` (m, n, k): each run begins with the M-step of its table. Results have the same bits for any number
// of threads.
void em_batch(const Problem& problem, std::size_t n_runs, const double* responsibilities, int n_threads,
              const Results& results);

}  // namespace gaussmix
