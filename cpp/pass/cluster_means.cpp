#include "pass/cluster_means.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace gaussmix {

void cluster_means(const Partition& p, const double* center, double unit, double* means, double* deviations) {
  const int d = p.n_features;
  std::vector<double> counts(p.n_clusters);
  std::fill(means, means + static_cast<std::size_t>(p.n_clusters) * d, 0.0);
  for (std::size_t n = 0; n < p.n_rows; ++n) {
    const double weight = p.row_weights ? p.row_weights[n] : 1.0;
    const double* row = p.rows + n * d;
    double* sums = means + p.labels[n] * d;
    counts[p.labels[n]] += weight;
    for (int j = 0; j < d; ++j) sums[j] += weight * (row[j] - center[j]);
  }
  for (int c = 0; c < p.n_clusters; ++c) {
    const double count = std::max(counts[c], std::numeric_limits<double>::min());
    for (int j = 0; j < d; ++j) means[c * d + j] = center[j] + means[c * d + j] / count;
  }
  for (std::size_t n = 0; n < p.n_rows; ++n) {
    const double root = p.row_weights ? std::sqrt(p.row_weights[n]) : 1.0;
    const double *row = p.rows + n * d, *mean = means + p.labels[n] * d;
    for (int j = 0; j < d; ++j) deviations[n * d + j] = (row[j] - mean[j]) / unit * root;
  }
}

}  // namespace gaussmix
