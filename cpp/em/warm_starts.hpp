// Starts of a model from optima of its neighbors, as tables of responsibilities.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstdint>
#include <vector>

#include "em/em_batch.hpp"
#include "em/em_run.hpp"

namespace gaussmix {

// An optimum of a model on the rows of a search.
struct Optimum {
  Model model;
  int k, d;
  RunState state;
  bool is_sound = false;
};

// Sets factors, determinants and offsets from weights and roots.
void complete(const Dimensions& dimensions, Parameters& p);

// Makes tables (n, k) of the responsibilities of the rows of a problem.
class WarmStarts {
 public:
  explicit WarmStarts(const Problem& problem) : m_(problem) {}

  // The responsibilities at an optimum with as many components.
  void same(const Optimum& optimum, double* table) const;
  // One row per label.
  void partition(const std::int64_t* labels, double* table) const;
  // The components of an optimum with one component less, the one at `component` split at its mean, across the
  // direction of its greatest variance. With a small share the halves are almost equal.
  void split(const Optimum& fewer, int component, double share, double* table);
  // The components of an optimum with one component more, two of them merged.
  void merge(const Optimum& more, int first, int second, double* table);

  // The components to split: the heaviest first.
  static std::vector<int> splits(const Optimum& fewer, int most);
  // The pairs to merge: those that cost the least log-likelihood first (Python: AbstractCovariance.merge_costs).
  std::vector<std::pair<int, int>> merges(const Optimum& more, int most) const;

 private:
  void score(const Optimum& optimum, double* table) const;
  double weight_of(std::size_t n) const { return m_.row_weights ? m_.row_weights[n] : 1.0; }

  const Problem& m_;
  std::vector<double> other_;        // a table with another number of components
  const Optimum* scored_ = nullptr;  // whose responsibilities it has
};

}  // namespace gaussmix
