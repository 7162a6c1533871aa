#include "em/overlap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace gaussmix {

namespace {

// The constants of gaussmix.fitting.split_merge.
constexpr double kLeastOverlap = 1e-3;  // sum of the products of responsibilities, as a share of the smaller component
constexpr int kOverlapping = 4;         // pairs for each component
constexpr double kNothing = 1e-9;       // responsibility from which a row tells nothing about a pair

struct Pair {
  int first, second;
  double share;
};

double entropy_of(double share) { return share * std::log(share); }

}  // namespace

void find_overlap(const double* responsibilities, const double* row_weights, std::size_t n_rows, int n_components,
                  double* counts, double* unknown) {
  const int k = n_components;
  const auto weight_of = [&](std::size_t n) { return row_weights ? row_weights[n] : 1.0; };
  std::vector<double> products(static_cast<std::size_t>(k) * k);
  std::fill(counts, counts + k, 0.0);
  std::fill(unknown, unknown + products.size(), 0.0);
  for (std::size_t n = 0; n < n_rows; ++n) {
    const double* row = responsibilities + n * k;
    for (int i = 0; i < k; ++i) {
      const double share = weight_of(n) * row[i];
      counts[i] += share;
      if (share == 0.0) continue;
      for (int j = i + 1; j < k; ++j) products[i * k + j] += share * row[j];
    }
  }
  std::vector<Pair> pairs;
  for (int i = 0; i < k; ++i) {
    for (int j = i + 1; j < k; ++j) {
      const double smaller = std::max(std::min(counts[i], counts[j]), std::numeric_limits<double>::min());
      const double share = products[i * k + j] / smaller;
      if (share > kLeastOverlap) pairs.push_back({i, j, share});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.share > b.share; });
  pairs.resize(std::min(pairs.size(), static_cast<std::size_t>(kOverlapping) * k));
  for (const auto& [i, j, share] : pairs) {
    double sum = 0.0;
    for (std::size_t n = 0; n < n_rows; ++n) {
      const double one = responsibilities[n * k + i], other = responsibilities[n * k + j];
      if (!(std::min(one, other) > kNothing)) continue;
      sum += weight_of(n) * (entropy_of(one + other) - entropy_of(one) - entropy_of(other));
    }
    unknown[i * k + j] = unknown[j * k + i] = sum;
  }
}

}  // namespace gaussmix
