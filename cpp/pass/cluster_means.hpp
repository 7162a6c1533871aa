// Means of the clusters of a partition, and how far rows are from them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gaussmix {

// Rows (n, d) with their clusters (n,) from 0 to k - 1. Weights may be null.
struct Partition {
  const double* rows;
  const double* row_weights;
  const std::int64_t* labels;
  std::size_t n_rows;
  int n_features;
  int n_clusters;
};

// Fills the means (k, d), as differences from a center (d,) while they are summed; the mean of an empty cluster is the
// center. Fills the deviations (n, d) of the rows from them, times the roots of their weights and divided by a unit.
void cluster_means(const Partition& partition, const double* center, double unit, double* means, double* deviations);

}  // namespace gaussmix
