// The parameters of a mixture and the sums that a pass gives at them, of the forms of pass.hpp.
#pragma once

#include <cstddef>
#include <vector>

#include "pass/pass.hpp"

namespace gaussmix {

// A mixture as the pass reads it, and what else is asked of it.
struct Parameters {
  std::vector<double> weights, log_det, offsets;  // (k,); log_det is that of the factors
  std::vector<double> means;                      // (k, d)
  std::vector<double> roots, factors;             // full (k, d, d) | tied (d, d) | diagonal (k, d) | spherical (k,)
  std::vector<double> axes;                       // (d, d) where components have them in common
};

// Sums over the rows about the means of some parameters and in their whitened units. Of square matrices the lower
// triangle.
struct Moments {
  std::vector<double> counts, shifts, scatter;
};

// Where things are, for those who work on both.
struct Sized {
  Form form_;
  int k_, d_;

  bool is_triangular() const { return form_ == Form::full || form_ == Form::tied; }
  std::size_t each() const {
    return is_triangular() ? static_cast<std::size_t>(d_) * d_ : form_ == Form::diagonal ? d_ : 1;
  }
  std::size_t place_of(int c) const { return form_ == Form::tied ? 0 : c * each(); }
  const double* root_of(const Parameters& p, int c) const { return p.roots.data() + place_of(c); }

  std::size_t size() const { return (form_ == Form::tied ? 1 : k_) * each(); }
  int n_roots() const { return form_ == Form::tied ? 1 : k_; }
  // The place of the j-th number of the diagonal.
  int diagonal(int j) const { return is_triangular() ? j * d_ + j : form_ == Form::diagonal ? j : 0; }
};

}  // namespace gaussmix
