// Degenerate components: the tests of gaussmix.fitting.degeneracy, in the same order and with the same constants.
#include "em/soundness.hpp"

#include <algorithm>
#include <cmath>

#include "em/constants.hpp"
#include "em/dense.hpp"

namespace gaussmix {

namespace {

constexpr double kLarge = 100.0, kBelowRounding = 0.1, kBelowOthers = 0.01, kByChance = 0.01;

// log Gamma(x) by Stirling's series; std::lgamma writes to a global variable.
double log_gamma(double x) {
  double shift = 0.0;
  while (x < 10) shift -= std::log(x++);
  const double y = 1 / (x * x);
  return shift + (x - 0.5) * std::log(x) - x + 0.91893853320467274178 +
         (1.0 / 12 - y * (1.0 / 360 - y * (1.0 / 1260 - y / 1680))) / x;
}

class Examination : private Dimensions {
 public:
  Examination(Model model, int k, int d, const Parameters& p, const SoundnessReference& reference)
      : Dimensions{form_of(model), k, d},
        letters_(letters_of(model)),
        rows_needed_(gaussmix::rows_needed(model, d)),
        p_(p),
        to_(reference),
        size_(static_cast<std::size_t>(d) * d),
        dense_(k * size_),
        pooled_(size_),
        root_(size_),
        whiten_(size_),
        room_(4 * size_ + 2 * static_cast<std::size_t>(d)),
        ratios_(static_cast<std::size_t>(k) * d),
        counts_(k) {
    for (int c = 0; c < k_; ++c) {
      counts_[c] = p.weights[c] * to_.n;
      covariance(root_of(p, c), dense_.data() + c * size_);
      for (std::size_t i = 0; i < size_; ++i) pooled_[i] += p.weights[c] * dense_[c * size_ + i];
    }
  }

  bool is_sound() {
    for (int c = 0; c < k_; ++c) {
      if (counts_[c] <= kEmpty * to_.n || counts_[c] < rows_needed_) return false;
    }
    const bool has_pooled = find_root_of_pooled();
    if (has_pooled) compare(root_.data(), ratios_.data());
    if (has_collapsed(has_pooled) || has_rounded()) return false;
    if ((letters_[0] == 'E' && letters_[1] != 'V') || !has_pooled) return true;
    for (int c = 0; c < k_; ++c) {
      if (counts_[c] < kMany * (d_ + 2) && is_spurious(c)) return false;
    }
    return true;
  }

 private:
  void covariance(const double* root, double* to) const {
    for (int i = 0; i < d_; ++i) {
      for (int j = 0; j <= i; ++j) {
        double sum = 0.0;
        if (is_triangular()) {
          for (int m = 0; m <= j; ++m) sum += root[i * d_ + m] * root[j * d_ + m];
        } else if (i == j) {
          sum = root[diagonal(j)] * root[diagonal(j)];
        }
        to[i * d_ + j] = to[j * d_ + i] = sum;
      }
    }
  }

  bool find_root_of_pooled() {
    if (!find_root(pooled_.data(), d_, root_.data())) return false;
    invert_transposed(root_.data(), d_, whiten_.data());
    return true;
  }

  // Ascending variances (k, d) in units of a lower root (d, d).
  void compare(const double* root, double* ratios) {
    double *whiten = room_.data(), *turned = whiten + size_, *room = turned + size_, *axes = room + size_;
    invert_transposed(root, d_, whiten);
    for (int c = 0; c < k_; ++c) {
      double* own = ratios + c * d_;
      if (form_ == Form::tied && c > 0) {
        std::copy(ratios, ratios + d_, own);
        continue;
      }
      turn(whiten, dense_.data() + c * size_, d_, room, turned);
      if (is_triangular()) {
        set_identity(axes, d_);
        diagonalize(turned, d_, axes, 1e-12);
      }
      for (int j = 0; j < d_; ++j) own[j] = std::max(turned[j * d_ + j], 0.0);
      std::sort(own, own + d_);
    }
  }

  bool has_collapsed(bool has_pooled) {
    double least = 0.0, large = 0.0;
    if (has_pooled) {
      least = kLarge;
      for (int c = 0; c < k_; ++c) least = std::min(least, ratios_[c * d_]);
      for (int j = 0; j < d_; ++j) large = std::max(large, whiten_[j * d_ + j] * to_.root[j * d_ + j]);
    }
    const bool alike = letters_[0] == letters_[1] && letters_[1] == letters_[2] && letters_[0] == 'E';
    if (!alike && has_pooled && least > std::sqrt(kCollapsed) && large < kLarge) return false;
    std::vector<double> ratios(ratios_.size());
    compare(to_.root, ratios.data());
    least = kLarge;
    for (int c = 0; c < k_; ++c) least = std::min(least, ratios[c * d_]);
    return least < kCollapsed;
  }

  // Whether a variance is far below that of rounding and that of the reference in the same direction.
  bool has_rounded() {
    int some = 0;
    for (int j = 0; j < d_; ++j) some += to_.rounding[j] > 0;
    if (k_ == 1 || some == 0) return false;
    std::vector<int> which;
    for (int j = 0; j < d_; ++j) {
      if (to_.rounding[j] > 0) which.push_back(j);
    }
    std::vector<double> scaled(some * some), axes(some * some);
    for (int c = 0; c < (form_ == Form::tied ? 1 : k_); ++c) {
      if (precision_in_rounding(c) * kBelowRounding < 1) continue;
      for (int i = 0; i < some; ++i) {
        for (int j = 0; j < some; ++j)
          scaled[i * some + j] = in_rounding(dense_.data() + c * size_, which[i], which[j]);
      }
      set_identity(axes.data(), some);
      diagonalize(scaled.data(), some, axes.data(), 1e-12);
      for (int v = 0; v < some; ++v) {
        double beside = 0.0;
        for (int i = 0; i < some; ++i) {
          for (int j = 0; j < some; ++j) {
            double sum = 0.0;
            for (int m = 0; m <= std::min(which[i], which[j]); ++m) {
              sum += to_.root[which[i] * d_ + m] * to_.root[which[j] * d_ + m];
            }
            beside += axes[i * some + v] * axes[j * some + v] * sum /
                      std::sqrt(to_.rounding[which[i]] * to_.rounding[which[j]]);
          }
        }
        const double variance = scaled[v * some + v];
        if (variance < kBelowRounding && variance < kBelowOthers * beside) return true;
      }
    }
    return false;
  }
  double in_rounding(const double* matrix, int i, int j) const {
    return matrix[i * d_ + j] / std::sqrt(to_.rounding[i] * to_.rounding[j]);
  }
  // The trace of the precision in units of rounding, not below the inverse of any variance there.
  double precision_in_rounding(int c) const {
    const double* factor = p_.factors.data() + place_of(c);
    double sum = 0.0;
    for (int j = 0; j < d_; ++j) {
      double own = 0.0;
      if (is_triangular()) {
        for (int m = j; m < d_; ++m) own += factor[j * d_ + m] * factor[j * d_ + m];
      } else {
        own = factor[diagonal(j)] * factor[diagonal(j)];
      }
      sum += own * to_.rounding[j];
    }
    return sum;
  }

  bool is_spurious(int c) {
    double expected = -1.0, sum = 0.0;
    for (int j = 1; j <= d_; ++j) {
      sum += std::log(std::max(ratios_[c * d_ + j - 1], kCollapsed));
      if (!(sum < std::log(kThinness) * j)) continue;
      if (letters_[1] != 'V' && letters_[2] != 'V' && j < d_) continue;
      if (expected < 0) expected = expected_rows(c);
      double places, fixing = 1.0;
      if (letters_[2] == 'V') {
        fixing = d_ - j + 1.0;
        places = log_gamma(to_.n + 1) - log_gamma(fixing + 1) - log_gamma(std::max(to_.n - fixing, 0.0) + 1);
      } else {
        places = log_gamma(d_ + 1.0) - log_gamma(j + 1.0) - log_gamma(d_ - j + 1.0) + std::log(to_.n);
      }
      const double there = std::max(counts_[c] - fixing, 1.0) + expected;
      const double found = places + there * std::log(expected) - expected - log_gamma(there + 1);
      if (found > std::log(kByChance)) return true;
    }
    return false;
  }

  // The expected number of rows of other components in the region of this one.
  double expected_rows(int c) {
    double *both = room_.data(), *root = both + size_, *moved = root + size_;
    const double own = 2 * log_det_of(dense_.data() + c * size_, root);
    double expected = 0.0;
    for (int other = 0; other < k_; ++other) {
      if (other == c) continue;
      for (std::size_t i = 0; i < size_; ++i) both[i] = dense_[other * size_ + i] + dense_[c * size_ + i];
      const double log_det = 2 * log_det_of(both, root);
      double distance = 0.0;
      for (int i = 0; i < d_; ++i) {
        double rest = p_.means[other * d_ + i] - p_.means[c * d_ + i];
        for (int j = 0; j < i; ++j) rest -= root[i * d_ + j] * moved[j];
        moved[i] = rest / root[i * d_ + i];
        distance += moved[i] * moved[i];
      }
      expected += counts_[other] * std::exp(0.5 * (d_ * std::log(2.0) + own - log_det - distance));
    }
    return expected;
  }
  double log_det_of(const double* covariance, double* root) const {
    find_root(covariance, d_, root);
    double sum = 0.0;
    for (int j = 0; j < d_; ++j) sum += std::log(root[j * d_ + j]);
    return sum;
  }

  const char* letters_;
  int rows_needed_;
  const Parameters& p_;
  const SoundnessReference& to_;
  std::size_t size_;
  std::vector<double> dense_, pooled_, root_, whiten_, room_, ratios_, counts_;
};

}  // namespace

int rows_needed(Model model, int d) {
  const char* letters = letters_of(model);
  if (letters[2] == 'V') return d + 1;
  return letters[1] == 'V' ? 3 : letters[0] == 'V' ? 2 : 0;
}

bool is_sound(Model model, int k, int d, const Parameters& parameters, const SoundnessReference& reference) {
  return Examination(model, k, d, parameters, reference).is_sound();
}

}  // namespace gaussmix
