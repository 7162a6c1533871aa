// The parameters of a mixture and the moments of a pass at them, in the forms of pass.hpp.
#pragma once

#include <cstddef>
#include <vector>

#include "pass/pass.hpp"

namespace gaussmix {

// A mixture as the pass reads it, and the roots and axes that M-steps need.
struct Parameters {
  std::vector<double> weights, log_det, offsets;  // (k,); log_det is that of the factors
  std::vector<double> means;                      // (k, d)
  std::vector<double> roots, factors;             // full (k, d, d) | tied (d, d) | diagonal (k, d) | spherical (k,)
  std::vector<double> axes;                       // (d, d) if components have them in common
  double pseudo_distances = 0.0;                  // tr(pseudo_scatter P_k) with the precisions P_k, over all components
};

// Sums over the rows about the means of some parameters and in their whitened units. Square matrices hold their lower
// triangle.
struct Moments {
  std::vector<double> counts, shifts, scatter;
};

// Sums over the rows of each of k clusters, about its mean and in the units of the rows. Square matrices hold their
// lower triangle.
struct ClusterSums {
  std::vector<double> counts, means, scatter;  // (k,), (k, d), (k, d, d)
  std::vector<double> axes;                    // (d, d) if they come from components with common axes
};

// The dimensions of both, and where the numbers of a component begin.
struct Dimensions {
  Form form_;
  int k_, d_;

  // Whether a root is a triangular matrix.
  bool is_triangular() const { return form_ == Form::full || form_ == Form::tied; }
  // Numbers of one root.
  std::size_t each() const {
    return is_triangular() ? static_cast<std::size_t>(d_) * d_ : form_ == Form::diagonal ? d_ : 1;
  }
  std::size_t place_of(int c) const { return form_ == Form::tied ? 0 : c * each(); }
  const double* root_of(const Parameters& p, int c) const { return p.roots.data() + place_of(c); }

  std::size_t size() const { return (form_ == Form::tied ? 1 : k_) * each(); }
  int n_roots() const { return form_ == Form::tied ? 1 : k_; }
  // The place of the j-th diagonal number in a root.
  int diagonal(int j) const { return is_triangular() ? j * d_ + j : form_ == Form::diagonal ? j : 0; }
};

}  // namespace gaussmix
