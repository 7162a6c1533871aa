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

// The objective as a function of the angle of one pair of axes. With det_k the determinant of a component's 2 x 2 block
// and w_k(a) its number off the diagonal after a rotation by a / 2, the product of the variances along the two axes is
// v_k = det_k + w_k^2. The objective is the sum of weight log v, or of weight v^(1/d) with weights that hold the other
// axes.
class PairOfAxes {
 public:
  PairOfAxes(int k, int d, int i, int j, const double* turned, double* weights, bool one_volume)
      : k_(k), d_(d), i_(i), j_(j), turned_(turned), weights_(weights), power_(one_volume ? 1.0 / d : 0.0) {}

  // The first two derivatives of the objective (of the second form, without its factor 1/d), and a bound on the third.
  struct Slope {
    double first, second, third;
  };
  Slope slope() const {
    Slope slope{0.0, 0.0, 0.0};
    for (int c = 0; c < k_; ++c) {
      const Block b = block(c);
      const double share = 1 / (b.p * b.r), u = 0.5 * (b.p - b.r);
      const double first = -2 * b.off * u * share, second = 2 * (u * u - b.off * b.off) * share;
      slope.first += weights_[c] * first;
      slope.second += weights_[c] * (second + (power_ - 1) * first * first);
      slope.third += weights_[c] * 8 * (u * u + b.off * b.off) * share;
    }
    return slope;
  }
  // The increase of the objective in a rotation.
  double rise(double angle) const {
    const double cosine = std::cos(angle), sine = std::sin(angle);
    double sum = 0.0;
    for (int c = 0; c < k_; ++c) {
      const double log_ratio = std::log1p(change(c, cosine, sine));
      sum += weights_[c] * (power_ == 0.0 ? log_ratio : std::expm1(power_ * log_ratio) / power_);
    }
    return sum;
  }
  // Updates the weights after a rotation.
  void keep(double angle) {
    if (power_ == 0.0) return;
    const double cosine = std::cos(angle), sine = std::sin(angle);
    for (int c = 0; c < k_; ++c) {
      const double by = change(c, cosine, sine);
      weights_[c] *= std::abs(by) < 1e-3 ? 1 + power_ * by * (1 + 0.5 * (power_ - 1) * by) : std::pow(1 + by, power_);
    }
  }

 private:
  struct Block {
    double p, r, off;
  };
  Block block(int c) const {
    const double *line = turned_ + static_cast<std::size_t>(i_) * d_ * k_ + c, *other = line + (j_ - i_) * d_ * k_;
    return {line[i_ * k_], other[j_ * k_], line[j_ * k_]};
  }
  // The relative change of v.
  double change(int c, double cosine, double sine) const {
    const Block b = block(c);
    const double w = b.off * cosine - 0.5 * (b.p - b.r) * sine;
    return (w - b.off) * (w + b.off) / (b.p * b.r);
  }

  int k_, d_, i_, j_;
  const double* turned_;
  double* weights_;
  double power_;
};

// Twice the angle to rotate a pair by; zero if no rotation lowers the objective by more than `least`.
double find_angle(const PairOfAxes& pair, bool look_around, double least) {
  const PairOfAxes::Slope slope = pair.slope();
  if (slope.second > 0 && !look_around) {
    if (!(0.5 * slope.first * slope.first > least * slope.second)) return 0.0;
    double angle = std::clamp(-slope.first / slope.second, -1.0, 1.0);
    if (std::abs(angle) * slope.third < kNearlyQuadratic * slope.second) return angle;
    for (int halving = 0; halving < 4; ++halving, angle *= 0.5) {
      if (pair.rise(angle) < 0) return angle;
    }
  }
  double best = -least, found = 0.0;
  for (int direction = 1; direction < kDirections; ++direction) {
    const double angle = kPi * direction / kDirections, rise = pair.rise(angle);
    if (rise < best) best = rise, found = angle;
  }
  // The tried angles may miss a narrow minimum: follow the negative gradient, halving the step until the objective
  // falls.
  double angle = slope.first > 0 ? -kFirstStep : kFirstStep;
  for (int halving = 0; found == 0.0 && slope.first != 0.0 && halving < kMostHalvings; ++halving, angle *= 0.5) {
    if (pair.rise(angle) < -least) found = angle;
  }
  return found;
}

}  // namespace

bool find_common_axes(int k, int d, const double* counts, const double* free, bool one_volume, const AxesSearch& search,
                      double* axes, double* variances) {
  const std::size_t size = static_cast<std::size_t>(d) * d, line = static_cast<std::size_t>(d) * k;
  std::vector<double> room(2 * size + k + line * d);
  double *weights = room.data() + 2 * size, *turned = weights + k;  // (d, d, k): a rotation is that of all components
  if (!make_orthonormal(axes, d)) return false;
  for (int c = 0; c < k; ++c) {
    double* own = room.data() + size;
    turn(axes, free + c * size, d, room.data(), own);
    double sum = 0.0;
    for (int j = 0; j < d; ++j) {
      if (!(own[j * d + j] > 0) || !std::isfinite(own[j * d + j])) return false;
      sum += std::log(own[j * d + j]);
    }
    weights[c] = counts[c] * (one_volume ? std::exp(sum / d) : 1.0);
    for (std::size_t i = 0; i < size; ++i) turned[i * k + c] = own[i];
  }
  for (int sweep = 0; sweep < search.most_sweeps; ++sweep) {
    const bool look = search.look_around && sweep == 0;
    bool rotated = look;
    double total = 0.0;
    for (int c = 0; c < k; ++c) total += weights[c];
    const double least = 0.5 * search.tolerance * search.tolerance * total;
    for (int i = 0; i + 1 < d; ++i) {
      for (int j = i + 1; j < d; ++j) {
        PairOfAxes pair(k, d, i, j, turned, weights, one_volume);
        const double angle = find_angle(pair, look, least);
        if (angle == 0.0) continue;
        rotated = true;
        pair.keep(angle);
        const double cosine = std::cos(0.5 * angle), sine = std::sin(0.5 * angle);
        rotate(turned + i * line, turned + j * line, line, cosine, sine);
        for (int p = 0; p < d; ++p) rotate(turned + p * line + i * k, turned + p * line + j * k, k, cosine, sine);
        for (int c = 0; c < k; ++c) {
          if (!(turned[i * line + i * k + c] > 0) || !(turned[j * line + j * k + c] > 0)) return false;
        }
        for (int p = 0; p < d; ++p) rotate(axes + p * d + i, axes + p * d + j, 1, cosine, sine);
      }
    }
    if (!rotated) break;
  }
  for (int c = 0; c < k; ++c) {
    for (int j = 0; j < d; ++j) variances[c * d + j] = turned[j * line + j * k + c];
  }
  return true;
}

}  // namespace gaussmix
