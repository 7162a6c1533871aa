// Starts of a model from optima of its neighbors, as tables of responsibilities.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstdint>
#include <vector>

#include "em/em_batch.hpp"
#include "em/em_run.hpp"

namespace gaussmix {

// An optimum of a model on the rows of a search, and the sums over its soft clusters, from which other models start.
struct Optimum {
  Model model;
  int k, d;
  RunState state;
  ClusterSums sums;
  bool is_sound = false;
};

// Sets factors, determinants and offsets from weights and roots.
void complete(const Dimensions& dimensions, Parameters& p);

// The sums over the soft clusters at the parameters of an optimum.
ClusterSums sums_at(const Problem& problem, const Optimum& optimum);

// The sums over the clusters of a partition of the rows into k clusters, and whether two are equal.
ClusterSums sums_of_partition(const Problem& problem, const std::int64_t* labels);
bool are_equal(const ClusterSums& a, const ClusterSums& b);

// Starts in which one component of an optimum is split in two, at its mean and across the direction of its greatest
// variance: the heaviest components, one after the other. With a small share of each row that goes to its own half, the
// halves are almost equal.
std::vector<ClusterSums> split(const Problem& problem, const Optimum& fewer, double share, int most);

// Starts in which two components of an optimum are merged: the pairs that cost the least log-likelihood first (Python:
// AbstractCovariance.merge_costs).
std::vector<ClusterSums> merge(const Optimum& more, int most);

}  // namespace gaussmix
