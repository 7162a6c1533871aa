// Search for common axes by rotations of pairs of axes, for all components at once.
#include "em/common_axes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "em/dense.hpp"

namespace gaussmix {

namespace {

constexpr int kDirections = 8;  // angles tried if the Newton step fails
constexpr double kPi = 3.14159265358979323846;
constexpr double kFirstStep = 0.5 * kPi / kDirections;
constexpr int kMostHalvings = 40;
constexpr double kNearlyQuadratic = 0.3;  // relative change of the second derivative allowed in a step

constexpr double kNearlyParallel = 0.99;  // square of a correlation above which one minus it would cancel

// The rows (d, k, d) of the roots of all components along the axes, A_k = q' root_k, and the squares (d, k) of their
// lengths, which are the variances along the axes. Rotations of rows keep the digits of a variance that is far smaller
// than others; those of q' free_k q do not.
template <class Size>
class Roots {
 public:
  // `room` is (d k d + d k).
  Roots(int k, Size d, const double* roots, const double* axes, double* room)
      : k_(k), d_(d), rows_(room), squares_(room + static_cast<std::size_t>(d) * k * d) {
    std::fill(rows_, squares_, 0.0);
    for (int c = 0; c < k; ++c) {
      const double* root = roots + static_cast<std::size_t>(c) * d * d;
      for (int i = 0; i < d; ++i) {
        double* to = row(i, c);
        for (int p = 0; p < d; ++p) {
          const double share = axes[p * d + i];
          for (int j = 0; j <= p; ++j) to[j] += share * root[p * d + j];
        }
      }
    }
    for (int i = 0; i < d; ++i) measure(i);
  }

  double* row(int i, int c) { return rows_ + (static_cast<std::size_t>(i) * k_ + c) * d_; }
  const double* row(int i, int c) const { return rows_ + (static_cast<std::size_t>(i) * k_ + c) * d_; }
  const double* squares(int i) const { return squares_ + static_cast<std::size_t>(i) * k_; }
  bool are_positive(int i) const {
    for (int c = 0; c < k_; ++c) {
      if (!(squares(i)[c] > 0) || !std::isfinite(squares(i)[c])) return false;
    }
    return true;
  }
  void turn(int i, int j, double cosine, double sine) {
    rotate(row(i, 0), row(j, 0), static_cast<std::size_t>(k_) * d_, cosine, sine);
    measure(i), measure(j);
  }

 private:
  void measure(int i) {
    for (int c = 0; c < k_; ++c) squares_[static_cast<std::size_t>(i) * k_ + c] = dot(row(i, c), row(i, c), d_);
  }

  int k_;
  Size d_;
  double *rows_, *squares_;
};

// The objective as a function of the angle of one pair of axes. With det_k the determinant of a component's 2 x 2 block
// and w_k(a) its number off the diagonal after a rotation by a / 2, the product of the variances along the two axes is
// v_k = det_k + w_k^2. The objective is the sum of weight log v, or of weight v^(1/d) with weights that hold the other
// axes.
template <class Size>
class PairOfAxes {
 public:
  // `room` is (3 k).
  PairOfAxes(int k, Size d, const Roots<Size>& roots, int i, int j, double* weights, double* room, bool one_volume)
      : k_(k),
        d_(d),
        roots_(roots),
        i_(i),
        j_(j),
        p_(roots.squares(i)),
        r_(roots.squares(j)),
        off_(room),
        terms_(room + k),
        weights_(weights),
        power_(one_volume ? 1.0 / d : 0.0) {
    for (int c = 0; c < k; ++c) off_[c] = dot(roots.row(i, c), roots.row(j, c), d);
  }

  // The first two derivatives of the objective (of the second form, without its factor 1/d).
  struct Slope {
    double first, second;
  };
  Slope slope() const {
    double *firsts = terms_, *seconds = terms_ + k_;
    for (int c = 0; c < k_; ++c) {
      const double share = 1 / (p_[c] * r_[c]), u = 0.5 * (p_[c] - r_[c]);
      const double first = -2 * off_[c] * u * share, second = 2 * (u * u - off_[c] * off_[c]) * share;
      firsts[c] = weights_[c] * first;
      seconds[c] = weights_[c] * (second + (power_ - 1) * first * first);
    }
    Slope slope{0.0, 0.0};
    for (int c = 0; c < k_; ++c) slope.first += firsts[c], slope.second += seconds[c];
    return slope;
  }
  // A bound on the third derivative: with s^2 = (u^2 + off^2) / det, that of log v is at most 4 s^2 + 8 s^3, since v
  // exceeds both det and 2 sqrt(det) w.
  double third() const {
    double third = 0.0;
    for (int c = 0; c < k_; ++c) {
      const double u = 0.5 * (p_[c] - r_[c]), square = (u * u + off_[c] * off_[c]) / det(c);
      third += weights_[c] * square * (4 + (8 + 10 * power_) * std::sqrt(square));
    }
    return third;
  }
  // The increase of the objective in a rotation.
  double rise(double angle) const {
    const double cosine = std::cos(angle), sine = std::sin(angle);
    double sum = 0.0;
    for (int c = 0; c < k_; ++c) {
      const double log_ratio = log_change(c, cosine, sine);
      sum += weights_[c] * (power_ == 0.0 ? log_ratio : std::expm1(power_ * log_ratio) / power_);
    }
    return sum;
  }
  // Updates the weights after a rotation.
  void keep(double angle) {
    if (power_ == 0.0) return;
    const double cosine = std::cos(angle), sine = std::sin(angle);
    for (int c = 0; c < k_; ++c) weights_[c] *= std::exp(power_ * log_change(c, cosine, sine));
  }

 private:
  double det(int c) const {
    const double p = p_[c], r = r_[c], off = off_[c];
    if (off * off < kNearlyParallel * p * r) return p * r - off * off;
    const double *longer = roots_.row(p > r ? i_ : j_, c), *shorter = roots_.row(p > r ? j_ : i_, c);
    const double along = off / std::max(p, r);  // the rest of the shorter row is across the longer one
    double across = 0.0;
    for (int t = 0; t < d_; ++t) {
      const double rest = shorter[t] - along * longer[t];
      across += rest * rest;
    }
    return std::max(p, r) * across;
  }
  // The logarithm of the ratio of v after and before a rotation.
  double log_change(int c, double cosine, double sine) const {
    const double p = p_[c], r = r_[c], off = off_[c];
    const double w = off * cosine - 0.5 * (p - r) * sine;
    const double change = (w - off) * (w + off) / (p * r);
    return change > -0.5 ? std::log1p(change) : std::log((det(c) + w * w) / (p * r));
  }

  int k_;
  Size d_;
  const Roots<Size>& roots_;
  int i_, j_;
  const double *p_, *r_;  // (k,) variances along the two axes
  double *off_, *terms_;  // (k,) numbers off the diagonal; (2, k)
  double* weights_;
  double power_;
};

// Twice the angle to rotate a pair by; zero if no rotation lowers the objective by more than `least`.
template <class Size>
double find_angle(const PairOfAxes<Size>& pair, bool look_around, double least) {
  const auto slope = pair.slope();
  const bool is_newton = slope.second > 0 && !look_around;
  if (is_newton) {
    if (!(0.5 * slope.first * slope.first > least * slope.second)) return 0.0;
    const double angle = -slope.first / slope.second;
    if (std::abs(angle) * pair.third() < kNearlyQuadratic * slope.second) return angle;
  }
  double best = -least, found = 0.0;
  for (int direction = 1; !is_newton && direction < kDirections; ++direction) {
    const double angle = kPi * direction / kDirections, rise = pair.rise(angle);
    if (rise < best) best = rise, found = angle;
  }
  if (found != 0.0 || slope.first == 0.0) return found;
  // The tried angles may miss a narrow minimum, and Newton's step may be too long: follow the negative gradient,
  // halving the step until the objective falls.
  double angle = slope.first > 0 ? -kFirstStep : kFirstStep;
  if (is_newton) angle = std::clamp(-slope.first / slope.second, -1.0, 1.0);
  for (int halving = 0; halving < kMostHalvings; ++halving, angle *= 0.5) {
    if (pair.rise(angle) < -least) return angle;
  }
  return 0.0;
}

template <class Size>
bool find_axes(int k, Size d, const double* counts, const double* roots, bool one_volume, const AxesSearch& search,
               std::vector<double>& room, double* axes, double* variances) {
  if (!make_orthonormal(axes, d)) return false;
  const std::size_t n_variances = static_cast<std::size_t>(d) * k, n_roots = n_variances * d;
  room.resize(std::max(room.size(), n_roots + n_variances + 4 * k));
  Roots<Size> turned(k, d, roots, axes, room.data());
  double *weights = room.data() + n_roots + n_variances, *room_of_pair = weights + k;
  for (int i = 0; i < d; ++i) {
    if (!turned.are_positive(i)) return false;
  }
  for (int sweep = 0; sweep < search.most_sweeps; ++sweep) {
    const bool look = search.look_around && sweep == 0;
    bool rotated = look;
    double total = 0.0;
    for (int c = 0; c < k; ++c) {
      double sum = 0.0;
      for (int j = 0; one_volume && j < d; ++j) sum += std::log(turned.squares(j)[c]);
      total += weights[c] = counts[c] * std::exp(sum / d);
    }
    const double least = 0.5 * search.tolerance * search.tolerance * total;
    for (int i = 0; i + 1 < d; ++i) {
      for (int j = i + 1; j < d; ++j) {
        PairOfAxes<Size> pair(k, d, turned, i, j, weights, room_of_pair, one_volume);
        const double angle = find_angle(pair, look, least);
        if (angle == 0.0) continue;
        rotated = true;
        pair.keep(angle);
        const double cosine = std::cos(0.5 * angle), sine = std::sin(0.5 * angle);
        turned.turn(i, j, cosine, sine);
        if (!turned.are_positive(i) || !turned.are_positive(j)) return false;
        for (int p = 0; p < d; ++p) rotate(axes + p * d + i, axes + p * d + j, 1, cosine, sine);
      }
    }
    if (!rotated) break;
  }
  for (int c = 0; c < k; ++c) {
    for (int j = 0; j < d; ++j) variances[c * d + j] = turned.squares(j)[c];
  }
  return true;
}

}  // namespace

bool find_common_axes(int k, int d, const double* counts, const double* roots, bool one_volume,
                      const AxesSearch& search, std::vector<double>& room, double* axes, double* variances) {
  return with_size(
      d, [&](auto size) { return find_axes(k, size, counts, roots, one_volume, search, room, axes, variances); });
}

}  // namespace gaussmix
