// Search::signs_of: what a state tells about degenerate components.
#include <algorithm>
#include <cmath>
#include <vector>

#include "em/dense.hpp"
#include "em/search.hpp"
#include "em/soundness.hpp"

namespace gaussmix {

std::int64_t Search::signs_of(const double* state) const {
  const std::vector<double> dense = dense_of(state);
  return (is_clearly_sound(state, dense) ? kClearlySound : 0) + (may_repeat(state, dense) ? kMayRepeat : 0);
}

// By lower bounds of the least variance of each component, relative to the covariance within components and to the
// target.
bool Search::is_clearly_sound(const double* state, const std::vector<double>& dense) const {
  const Dimensions is{form_, k_, d_};
  const std::size_t dd = static_cast<std::size_t>(d_) * d_;
  const double *weights = state + kNumbers, *roots = weights + k_ * (1 + d_), *counts = roots + is.size();
  const double fewest = std::max<double>(kLost, rows_needed(t_.model, d_)), many = kMany * (d_ + 2);
  for (int c = 0; c < k_; ++c) {
    if (!(counts[c] >= fewest)) return false;
  }
  std::vector<double> within(dd), within_root(dd), factor(dd);
  for (int c = 0; c < k_; ++c) {
    for (std::size_t i = 0; i < dd; ++i) within[i] += weights[c] * dense[c * dd + i];
  }
  if (!find_root(within.data(), d_, within_root.data())) return false;
  // 1 / |W' T|^2, with W W' the precision and T the root of the reference, is below the least relative variance.
  const auto bound = [&](const double* root) {
    double sum = 0.0;
    for (int j = 0; j < d_; ++j) {
      for (int p = 0; p < d_; ++p) {
        double product = 0.0;
        for (int i = p; i <= j; ++i) product += factor[i * d_ + j] * root[i * d_ + p];
        sum += product * product;
      }
    }
    return 1 / sum;
  };
  double pooled = 0.0;
  for (int c = 0; c < k_; ++c) {
    const double* own = roots + is.place_of(c);
    if (form_ != Form::tied || c == 0) {
      if (is.is_triangular()) {
        invert_transposed(own, d_, factor.data());
      } else {
        std::fill(factor.begin(), factor.end(), 0.0);
        for (int j = 0; j < d_; ++j) factor[j * d_ + j] = 1 / own[is.diagonal(j)];
      }
      if (!(bound(t_.target_root) >= 2 * kCollapsed)) return false;
      pooled = bound(within_root.data());
    }
    if (!(pooled > (counts[c] >= many ? 2 * kCollapsed : 1.01 * kThinness))) return false;
  }
  return true;
}

bool Search::may_repeat(const double* state, const std::vector<double>& dense) const {
  const double* means = state + kNumbers + k_;
  const std::size_t dd = static_cast<std::size_t>(d_) * d_;
  for (int a = 0; a < k_; ++a) {
    for (int b = a + 1; b < k_; ++b) {
      bool alike = true;
      for (int j = 0; alike && j < d_; ++j) {
        const double apart = std::abs(means[a * d_ + j] - means[b * d_ + j]);
        alike = apart < kRepeated * std::sqrt(dense[b * dd + j * d_ + j]);
      }
      if (alike) return true;
    }
  }
  return false;
}

}  // namespace gaussmix
