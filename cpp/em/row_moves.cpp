#include "em/row_moves.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "em/dense.hpp"

namespace gaussmix {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTiny = 1e-9;
constexpr int kTogether = 8;  // ratios of determinants whose product neither overflows nor underflows

double entropy_of(double count) { return count * std::log(std::max(count, kTiny)); }

// The counts, means and sums of squares of the components.
class Sums {
 public:
  Sums(const Partition& partition, Form form)
      : p_(partition),
        d_(partition.n_features),
        is_diagonal_(form == Form::diagonal || form == Form::spherical),
        size_(is_diagonal_ ? d_ : static_cast<std::size_t>(d_) * d_),
        counts(partition.n_clusters),
        means(counts.size() * d_),
        scatter(form == Form::tied ? size_ : counts.size() * size_) {
    for (std::size_t n = 0; n < p_.n_rows; ++n) {
      const std::int64_t c = p_.labels[n];
      counts[c] += weight(n);
      for (int j = 0; j < d_; ++j) means[c * d_ + j] += weight(n) * row(n)[j];
    }
    for (std::size_t c = 0; c < counts.size(); ++c) {
      for (int j = 0; j < d_; ++j) means[c * d_ + j] /= std::max(counts[c], kTiny);
    }
    std::vector<double> away(d_);
    for (std::size_t n = 0; n < p_.n_rows; ++n) {
      const std::int64_t c = p_.labels[n];
      double* sums = scatter.data() + (form == Form::tied ? 0 : c * size_);
      for (int j = 0; j < d_; ++j) away[j] = row(n)[j] - means[c * d_ + j];
      for (int i = 0; i < d_; ++i) {
        const double share = weight(n) * away[i];
        if (is_diagonal_) {
          sums[i] += share * away[i];
        } else {
          for (int j = 0; j <= i; ++j) sums[i * d_ + j] += share * away[j];
        }
      }
    }
    if (form == Form::spherical) {
      for (std::size_t c = 0; c < counts.size(); ++c) {
        double* sums = scatter.data() + c * size_;
        double total = 0.0;
        for (int j = 0; j < d_; ++j) total += sums[j];
        std::fill(sums, sums + d_, total / d_);
      }
    }
  }
  const double* row(std::size_t n) const { return p_.rows + n * d_; }
  double weight(std::size_t n) const { return p_.row_weights ? p_.row_weights[n] : 1.0; }
  bool is_diagonal() const { return is_diagonal_; }

 private:
  const Partition& p_;
  int d_;
  bool is_diagonal_;
  std::size_t size_;

 public:
  std::vector<double> counts, means, scatter;  // (k,), (k, d), and (k, d), (k, d, d) or, for all components, (d, d)
};

// Fills W = inverse(L)' and the logarithm of the determinant of L L', a scatter divided by a count; false if it is
// singular. Only the lower triangle of the scatter is read.
bool whiten(const double* scatter, double count, int d, double* room, double* root, double* w, double& log_det) {
  for (int i = 0; i < d; ++i) {
    for (int j = 0; j <= i; ++j) room[i * d + j] = scatter[i * d + j] / count;
  }
  if (!find_root(room, d, root)) return false;
  log_det = 0.0;
  for (int j = 0; j < d; ++j) {
    if (!(root[j * d + j] > kTiny)) return false;
    log_det += 2 * std::log(root[j * d + j]);
  }
  invert_transposed(root, d, w);
  return true;
}

// z = x W for upper triangular W.
void turn_row(const double* x, const double* w, int d, double* z) {
  std::fill(z, z + d, 0.0);
  for (int i = 0; i < d; ++i) {
    for (int j = i; j < d; ++j) z[j] += x[i] * w[i * d + j];
  }
}

// With n rows in a component, and the squared Mahalanobis distance q of a row, the determinant of its covariance is
// multiplied by (n / (n + 1))^d (1 + q / (n + 1)) if the row is added, and likewise with -1 if it is removed. Diagonal
// covariances have such a ratio for each column, the spherical one has d times the same one.
class FreeComponent {
 public:
  FreeComponent(const Sums& sums, Form form, std::size_t component, int d)
      : d_(d),
        form_(form),
        count_(sums.counts[component]),
        mean_(sums.means.data() + component * d),
        units_(sums.is_diagonal() ? d : static_cast<std::size_t>(d) * d),
        away_(d),
        z_(d) {
    const double* scatter = sums.scatter.data() + component * units_.size();
    is_regular_ = count_ > 0;
    if (!is_regular_) return;
    if (sums.is_diagonal()) {
      for (int j = 0; j < d; ++j) {
        const double variance = scatter[j] / count_;
        is_regular_ = is_regular_ && variance > kTiny * kTiny;
        units_[j] = 1 / variance;
        log_det_ += std::log(variance);
      }
    } else {
      std::vector<double> room(units_.size()), root(units_.size());
      is_regular_ = whiten(scatter, count_, d, room.data(), root.data(), units_.data(), log_det_);
    }
  }
  bool is_regular() const { return is_regular_; }

  // What the component gains if a row of some mass, negative if it is removed, is added.
  double gain(const double* row, double mass) {
    const double after = std::max(count_ + mass, kTiny), share = mass / after;
    for (int j = 0; j < d_; ++j) away_[j] = row[j] - mean_[j];
    double log_ratio = 0.0;
    if (form_ == Form::diagonal) {
      for (int begin = 0; begin < d_; begin += kTogether) {
        double product = 1.0;
        for (int j = begin; j < std::min(begin + kTogether, d_); ++j) {
          product *= std::max(1 + share * away_[j] * away_[j] * units_[j], kTiny);
        }
        log_ratio += std::log(product);
      }
    } else if (form_ == Form::spherical) {
      const double square = dot(away_.data(), away_.data(), d_) / d_ * units_[0];
      log_ratio = d_ * std::log(std::max(1 + share * square, kTiny));
    } else {
      turn_row(away_.data(), units_.data(), d_, z_.data());
      log_ratio = std::log(std::max(1 + share * dot(z_.data(), z_.data(), d_), kTiny));
    }
    const double log_after = log_det_ + d_ * std::log(count_ / after) + log_ratio;
    return entropy_of(after) - entropy_of(count_) - 0.5 * (after * log_after - count_ * log_det_);
  }

 private:
  int d_;
  Form form_;
  double count_;
  const double* mean_;
  std::vector<double> units_, away_, z_;  // inverse variances, or W
  double log_det_ = 0.0;
  bool is_regular_;
};

void gains_of_free(const Partition& p, Form form, const std::int64_t* some, std::size_t n_some, double* gains) {
  const Sums sums(p, form);
  const std::size_t k = p.n_clusters;
  std::vector<double> removed(n_some);
  for (std::size_t c = 0; c < k; ++c) {
    FreeComponent component(sums, form, c, p.n_features);
    for (std::size_t m = 0; m < n_some; ++m) {
      const std::size_t n = some[m];
      const bool is_own = p.labels[n] == static_cast<std::int64_t>(c);
      gains[m * k + c] = component.is_regular() ? component.gain(sums.row(n), sums.weight(n)) : -kInfinity;
      if (is_own) removed[m] = component.is_regular() ? component.gain(sums.row(n), -sums.weight(n)) : -kInfinity;
    }
  }
  for (std::size_t m = 0; m < n_some; ++m) {
    for (std::size_t c = 0; c < k; ++c) gains[m * k + c] += removed[m];
  }
}

// Moving a row changes the common sum of squares by a rank of two.
void gains_of_tied(const Partition& p, const std::int64_t* some, std::size_t n_some, double* gains) {
  const Sums sums(p, Form::tied);
  const int d = p.n_features;
  const std::size_t k = p.n_clusters, dd = static_cast<std::size_t>(d) * d;
  std::vector<double> room(dd), root(dd), w(dd), away(d), own(d), z(d);
  double total = 0.0, log_det = 0.0;
  for (double count : sums.counts) total += count;
  if (!whiten(sums.scatter.data(), 1.0, d, room.data(), root.data(), w.data(), log_det)) {
    std::fill(gains, gains + n_some * k, 0.0);
    return;
  }
  const auto turn = [&](std::size_t n, std::size_t c, double* to) {
    for (int j = 0; j < d; ++j) away[j] = sums.row(n)[j] - sums.means[c * d + j];
    turn_row(away.data(), w.data(), d, to);
  };
  for (std::size_t m = 0; m < n_some; ++m) {
    const std::size_t n = some[m], from = p.labels[n];
    const double mass = sums.weight(n), before = sums.counts[from];
    turn(n, from, own.data());
    const double own_square = dot(own.data(), own.data(), d);
    const double remove = mass * before / std::max(before - mass, kTiny);
    for (std::size_t c = 0; c < k; ++c) {
      const double count = sums.counts[c], add = mass * count / (count + mass);
      turn(n, c, z.data());
      const double product = dot(own.data(), z.data(), d), square = dot(z.data(), z.data(), d);
      const double ratio = (1 - remove * own_square) * (1 + add * square) + remove * add * product * product;
      gains[m * k + c] = -0.5 * total * std::log(std::max(ratio, kTiny)) + entropy_of(before - mass) -
                         entropy_of(before) + entropy_of(count + mass) - entropy_of(count);
    }
  }
}

}  // namespace

void gains_of_row_moves(const Partition& partition, Form form, const std::int64_t* some, std::size_t n_some,
                        double* gains) {
  if (form == Form::tied) {
    gains_of_tied(partition, some, n_some, gains);
  } else {
    gains_of_free(partition, form, some, n_some, gains);
  }
}

}  // namespace gaussmix
