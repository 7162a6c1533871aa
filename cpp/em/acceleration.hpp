// Acceleration of EM as a fixed-point iteration s -> F(s): Newton steps in the span of the last moves, and SQUAREM
// after a refusal.
//
// The accelerator of the Python loop is the same method; its docstring has the theory and references. It factors the
// moves (QR); this one keeps fewer moves and their Gram matrix, which is updated by one row per pass.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "em/constants.hpp"
#include "em/dense.hpp"

namespace gaussmix {

class Extrapolation {
 public:
  // Points are in units in which the metric is Euclidean. group[i] is the component that coordinate i belongs to.
  Extrapolation(std::vector<int> group, int n_groups)
      : group_(std::move(group)), size_(group_.size()), counts_(n_groups), moved_(n_groups) {
    for (auto* points : {&sums_, &results_}) points->assign(kMemory + 1, std::vector<double>(size_));
    moves_.assign(kMemory, std::vector<double>(size_));
    bent_.assign(kMemory, std::vector<double>(size_));
    next_.resize(size_), step_.resize(size_), left_.resize(size_);
  }

  void clear() {
    kept_ = 0, plain_ = 0, has_next_ = has_moved_ = false;
    radius_ = kRadius, longest_ = kLongest, length_ = 0.0, predicted_ = 0.0, slowest_ = 1.0;
  }

  bool is_empty() const { return !has_next_; }
  // Takes F of the first point, which itself is unknown.
  void begin(const double* result) {
    std::copy(result, result + size_, next_.begin());
    has_next_ = true;
  }
  // Takes F of the last point.
  void remember(const double* result) {
    std::rotate(sums_.begin(), sums_.end() - 1, sums_.end());
    std::rotate(results_.begin(), results_.end() - 1, results_.end());
    std::swap(sums_[0], next_);
    std::copy(result, result + size_, results_[0].begin());
    next_ = results_[0];
    kept_ = std::min(kept_ + 1, kMemory + 1);
    std::rotate(moves_.begin(), moves_.end() - 1, moves_.end());
    std::rotate(bent_.begin(), bent_.end() - 1, bent_.end());
    for (int i = kMemory - 1; i > 0; --i) {
      for (int j = kMemory - 1; j > 0; --j) {
        gram_[i][j] = gram_[i - 1][j - 1];
        bends_[i][j] = bends_[i - 1][j - 1];
      }
      slopes_[i] = slopes_[i - 1];
    }
    for (int i = has_moved_ ? kept_ - 2 : std::min(kept_ - 2, 0); i >= 0; --i) add_move(i);
    has_moved_ = false;
    slowest_ = std::max(1.0, kFading * slowest_);
    for (int i = 0; i + 1 < kept_; ++i) {
      if (slopes_[i] > 0) slowest_ = std::max(slowest_, 1 / slopes_[i]);
    }
  }
  // Takes the number of rows of each component; a group after the components has all rows.
  void set_counts(const std::vector<double>& counts) {
    double total = 0.0;
    for (double count : counts) total += count;
    std::fill(counts_.begin(), counts_.end(), total);
    std::copy(counts.begin(), counts.end(), counts_.begin());
  }
  // Converts all points to new units.
  template <class Move>
  void move(Move move) {
    for (int i = 0; i < kept_; ++i) move(sums_[i].data()), move(results_[i].data());
    move(next_.data());
    has_moved_ = true;
  }

  // Adapts the radius to the ratio of gain and predicted gain. The objective, in nats, is that of the last point.
  void learn(double objective) {
    if (predicted_ > kDigits * std::abs(objective)) {
      const double ratio = (objective - objective_) / predicted_;
      if (ratio < kBad) {
        radius_ = std::max(length_ / kNarrower, kNarrowest);
      } else if (ratio > kGood && length_ > radius_ / 2) {
        radius_ = std::min(radius_ * kWider, kWidest);
      }
      if (!(kStraight[0] <= ratio && ratio <= kStraight[1])) forget(kBentHistory);
    }
    objective_ = objective, predicted_ = 0.0;
  }

  // The next point, if `accepts` returns true for it, since parameters follow from its sums. Null: F of the last point.
  template <class Accepts>
  const double* propose(Accepts accepts) {
    for (int back = kept_; back > 1; back = back > 2 ? (back + 1) / 2 : 1) {
      curved_ = true;
      if (newton(back) && accepts(step_.data())) return step_.data();
    }
    curved_ = false, predicted_ = 0.0;
    if (square() && accepts(step_.data())) return step_.data();
    ++plain_;
    return nullptr;
  }
  void accept() { next_ = step_, plain_ = 0; }
  void refuse() {
    plain_ = 1;
    if (curved_) {
      radius_ = std::max(std::min(length_, radius_) / kRefused, kNarrowest);
      predicted_ = 0.0;
      forget(kRefusedHistory);
    } else {
      longest_ = std::max(1.0, longest_ / kLongestGrowth);
    }
  }

  // Aitken's estimate 1 / (1 - rate) from the slowest move kept. The estimate of a dropped move decays.
  double stretch() const { return kept_ < 2 ? std::numeric_limits<double>::infinity() : slowest_; }

  // Half its square is the gain of the next step of F, to second order.
  double residual_square() const {
    double sum = 0.0;
    for (std::size_t j = 0; j < size_; ++j) sum += (results_[0][j] - sums_[0][j]) * (results_[0][j] - sums_[0][j]);
    return kept_ ? sum : std::numeric_limits<double>::infinity();
  }

 private:
  void forget(int most) { kept_ = std::min(kept_, most); }

  double dot(const std::vector<double>& a, const std::vector<double>& b) const {
    return gaussmix::dot(a.data(), b.data(), size_);
  }

  // The greatest move of a component in a step, in standard deviations.
  double deviations(const std::vector<double>& step) {
    std::fill(moved_.begin(), moved_.end(), 0.0);
    for (std::size_t j = 0; j < size_; ++j) moved_[group_[j]] += step[j] * step[j];
    double most = 0.0;
    for (std::size_t c = 0; c < moved_.size(); ++c) {
      if (counts_[c] > 0) most = std::max(most, moved_[c] / counts_[c]);
    }
    return std::sqrt(most);
  }

  // Sets the i-th newest move, at unit length, and its products with itself and with older moves.
  void add_move(int i) {
    double *move = moves_[i].data(), *bent = bent_[i].data();
    const double *sum = sums_[i].data(), *before = sums_[i + 1].data();
    const double *result = results_[i].data(), *result_before = results_[i + 1].data();
    for (std::size_t j = 0; j < size_; ++j) move[j] = sum[j] - before[j];
    for (std::size_t j = 0; j < size_; ++j) bent[j] = move[j] - (result[j] - result_before[j]);  // H times the move
    const double square = dot(moves_[i], moves_[i]), scale = square > 0 ? 1 / std::sqrt(square) : 0.0;
    for (std::size_t j = 0; j < size_; ++j) move[j] *= scale, bent[j] *= scale;
    slopes_[i] = std::sqrt(dot(bent_[i], bent_[i]));
    for (int j = i; j + 1 < kept_; ++j) {
      gram_[i][j] = gram_[j][i] = dot(moves_[i], moves_[j]);
      bends_[i][j] = dot(moves_[i], bent_[j]);
      bends_[j][i] = dot(moves_[j], bent_[i]);
    }
  }

  // Newton step in the span of the moves among the last `back` points, and a longer EM step orthogonal to it.
  bool newton(int back) {
    const int most = std::min<int>(back - 1, static_cast<int>(size_));
    // Orthonormal axes of the span, the newest first: moves = root axes, with root the Cholesky factor of their Gram
    // matrix.
    double projected[kMemory * kMemory], root[kMemory * kMemory], curvature[kMemory * kMemory], axes[kMemory * kMemory];
    int used = 0;
    for (; used < most; ++used) {
      double left = 0.0;
      for (int j = 0; j <= used; ++j) {
        double sum = gram_[used][j];
        for (int p = 0; p < j; ++p) sum -= root[used * kMemory + p] * root[j * kMemory + p];
        if (j < used) root[used * kMemory + j] = sum / root[j * kMemory + j];
        left = sum;
      }
      if (!(left > kIndependent)) break;
      root[used * kMemory + used] = std::sqrt(left);
    }
    if (used == 0) return false;
    const int m = used;
    for (int i = 0; i < m; ++i) {
      for (int j = 0; j < m; ++j) projected[i * m + j] = bends_[i][j];
    }
    solve_lower(root, projected, m, false);
    solve_lower(root, projected, m, true);
    for (int i = 0; i < m; ++i) {
      for (int j = 0; j < m; ++j) curvature[i * m + j] = 0.5 * (projected[i * m + j] + projected[j * m + i]);
    }
    set_identity(axes, m);
    diagonalize(curvature, m, axes, 0.0);
    for (std::size_t j = 0; j < size_; ++j) left_[j] = results_[0][j] - sums_[0][j];
    double inside[kMemory], slope[kMemory], along[kMemory], held[kMemory];
    project(root, m, inside);
    for (int i = 0; i < m; ++i) {
      slope[i] = 0.0;
      for (int p = 0; p < m; ++p) slope[i] += axes[p * m + i] * inside[p];
    }
    double least = kLeastCurvature;
    length_ = std::numeric_limits<double>::infinity();
    while (length_ > radius_ && least < 1) {
      for (int i = 0; i < m; ++i) held[i] = std::max(std::abs(curvature[i * m + i]), least);
      for (int i = 0; i < m; ++i) {
        along[i] = 0.0;
        for (int p = 0; p < m; ++p) along[i] += axes[i * m + p] * slope[p] / held[p];
      }
      for (int i = m - 1; i >= 0; --i) {  // in terms of the moves: inverse(root)' along
        for (int p = i + 1; p < m; ++p) along[i] -= root[p * kMemory + i] * along[p];
        along[i] /= root[i * kMemory + i];
      }
      double *left = left_.data(), *step = step_.data();
      const double *result = results_[0].data(), *sum = sums_[0].data();
      for (std::size_t j = 0; j < size_; ++j) left[j] = result[j] - sum[j], step[j] = 0.0;
      for (int i = 0; i < m; ++i) {
        const double *move = moves_[i].data(), *bent = bent_[i].data(), share = along[i];
        for (std::size_t j = 0; j < size_; ++j) step[j] += share * move[j], left[j] -= share * bent[j];
      }
      for (std::size_t j = 0; j < size_; ++j) step[j] += kAcross * left[j];
      length_ = deviations(step_);
      least *= std::max(kStiffer, std::sqrt(length_ / radius_));
    }
    double gain = 0.0, across = dot(left_, left_);
    for (int i = 0; i < m; ++i)
      gain += slope[i] / held[i] * (slope[i] - 0.5 * curvature[i * m + i] * slope[i] / held[i]);
    project(root, m, inside);
    for (int i = 0; i < m; ++i) across -= inside[i] * inside[i];
    predicted_ = gain + kAcross * (1 - 0.5 * kAcross) * std::max(across, 0.0);
    for (std::size_t j = 0; j < size_; ++j) step_[j] += sums_[0][j];
    return std::isfinite(length_);
  }

  // Coordinates, in the span, of the remaining residual.
  void project(const double* root, int m, double* inside) const {
    for (int i = 0; i < m; ++i) {
      inside[i] = dot(moves_[i], left_);
      for (int p = 0; p < i; ++p) inside[i] -= root[i * kMemory + p] * inside[p];
      inside[i] /= root[i * kMemory + i];
    }
  }

  // Solves with the lower triangular root in place: each column of a, or each row.
  static void solve_lower(const double* root, double* a, int m, bool rows) {
    const int along = rows ? 1 : m, across = rows ? m : 1;
    for (int c = 0; c < m; ++c) {
      for (int i = 0; i < m; ++i) {
        double& value = a[i * along + c * across];
        for (int p = 0; p < i; ++p) value -= root[i * kMemory + p] * a[p * along + c * across];
        value /= root[i * kMemory + i];
      }
    }
  }

  // SQUAREM's step, after two EM steps in a row.
  bool square() {
    if (plain_ < 1 || kept_ < 2) return false;
    double steps = 0.0, bends = 0.0;
    for (std::size_t j = 0; j < size_; ++j) {
      const double step = results_[1][j] - sums_[1][j], bend = results_[0][j] - sums_[0][j] - step;
      steps += step * step, bends += bend * bend;
    }
    if (!(bends > 0)) return false;
    double length = std::sqrt(steps / bends);
    if (length >= longest_) length = longest_, longest_ *= kLongestGrowth;
    if (length <= 1) return false;
    for (std::size_t j = 0; j < size_; ++j) {
      const double step = results_[1][j] - sums_[1][j], bend = results_[0][j] - sums_[0][j] - step;
      step_[j] = sums_[1][j] + 2 * length * step + length * length * bend;
    }
    return true;
  }

  std::vector<int> group_;
  std::size_t size_;
  std::vector<double> counts_, moved_;                       // (groups,)
  std::vector<std::vector<double>> sums_, results_;          // s and F(s), the newest first
  std::vector<std::vector<double>> moves_, bent_;            // unit moves, and H times them, the newest first
  double gram_[kMemory][kMemory], bends_[kMemory][kMemory];  // moves times moves, and times bent_
  double slopes_[kMemory];                                   // lengths of bent_
  std::vector<double> next_, step_, left_;
  int kept_ = 0, plain_ = 0;
  bool has_next_ = false, has_moved_ = false, curved_ = false;
  double radius_ = kRadius, longest_ = kLongest, length_ = 0.0, predicted_ = 0.0, objective_ = 0.0, slowest_ = 1.0;
};

}  // namespace gaussmix
