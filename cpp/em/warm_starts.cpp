// Starts from neighboring models: split one component, merge two.
#include "em/warm_starts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "em/dense.hpp"

namespace gaussmix {

namespace {

constexpr int kPowers = 30;  // iterations of the power method

// The direction of the greatest variance of a covariance (d, d), nearly.
std::vector<double> widest_direction(const std::vector<double>& covariance, int d) {
  int start = 0;
  for (int j = 1; j < d; ++j) {
    if (covariance[j * d + j] > covariance[start * d + start]) start = j;
  }
  std::vector<double> axis(covariance.begin() + start * d, covariance.begin() + (start + 1) * d), next(d);
  for (int power = 0; power < kPowers; ++power) {
    const double length = std::sqrt(dot(axis.data(), axis.data(), d));
    if (!(length > 0)) break;
    for (double& value : axis) value /= length;
    for (int i = 0; i < d; ++i) next[i] = dot(covariance.data() + i * d, axis.data(), d);
    axis.swap(next);
  }
  return axis;
}

// Log determinants of merged covariances.
class MergeCosts : private Dimensions {
 public:
  explicit MergeCosts(const Optimum& optimum)
      : Dimensions{form_of(optimum.model), optimum.k, optimum.d},
        p_(optimum.state.now),
        size_(static_cast<std::size_t>(d_) * d_),
        dense_(form_ == Form::full ? k_ * size_ : 0),
        both_(size_),
        root_(size_) {
    for (int c = 0; c < k_ && form_ == Form::full; ++c) {
      const double* root = root_of(p_, c);
      for (int i = 0; i < d_; ++i) {
        for (int j = 0; j <= i; ++j) dense_[c * size_ + i * d_ + j] = dot(root + i * d_, root + j * d_, j + 1);
      }
    }
  }

  // The log-likelihood per row that merging two components loses.
  double cost(int a, int b) {
    const double n = p_.weights[a] + p_.weights[b], share = p_.weights[a] / n, apart = share * (1 - share);
    const double *one = p_.means.data() + a * d_, *other = p_.means.data() + b * d_;
    if (form_ == Form::tied) {
      double distance = 0.0;
      for (int j = 0; j < d_; ++j) {
        double moved = 0.0;
        for (int i = 0; i <= j; ++i) moved += (one[i] - other[i]) * p_.factors[i * d_ + j];
        distance += moved * moved;
      }
      return 0.5 * n * apart * distance;
    }
    return 0.5 * n * log_det(a, b, share, apart) + p_.weights[a] * p_.log_det[a] + p_.weights[b] * p_.log_det[b];
  }

 private:
  double log_det(int a, int b, double share, double apart) {
    const double *one = p_.means.data() + a * d_, *other = p_.means.data() + b * d_;
    const auto variance = [&](int c, int j) {
      const double root = p_.roots[place_of(c) + diagonal(j)];
      return root * root;
    };
    double sum = 0.0;
    if (form_ != Form::full) {
      double mean = 0.0;
      for (int j = 0; j < d_; ++j) {
        const double between = apart * (one[j] - other[j]) * (one[j] - other[j]);
        const double both = share * variance(a, j) + (1 - share) * variance(b, j) + between;
        sum += std::log(both), mean += both / d_;
      }
      return form_ == Form::spherical ? d_ * std::log(mean) : sum;
    }
    for (int i = 0; i < d_; ++i) {
      for (int j = 0; j <= i; ++j) {
        both_[i * d_ + j] = share * dense_[a * size_ + i * d_ + j] + (1 - share) * dense_[b * size_ + i * d_ + j] +
                            apart * (one[i] - other[i]) * (one[j] - other[j]);
      }
    }
    if (!find_root(both_.data(), d_, root_.data())) return -kInfinity;
    for (int j = 0; j < d_; ++j) sum += 2 * std::log(root_[j * d_ + j]);
    return sum;
  }

  const Parameters& p_;
  std::size_t size_;
  std::vector<double> dense_, both_, root_;
};

}  // namespace

void complete(const Dimensions& at, Parameters& p) {
  const int k = at.k_, d = at.d_;
  p.factors.resize(at.size()), p.log_det.resize(k), p.offsets.resize(k);
  for (int c = 0; c < at.n_roots(); ++c) {
    const double* root = p.roots.data() + c * at.each();
    double* factor = p.factors.data() + c * at.each();
    if (at.is_triangular()) {
      invert_transposed(root, d, factor);
    } else {
      for (std::size_t j = 0; j < at.each(); ++j) factor[j] = 1 / root[j];
    }
  }
  for (int c = 0; c < k; ++c) {
    p.log_det[c] = 0.0;
    for (int j = 0; j < d; ++j) p.log_det[c] -= std::log(at.root_of(p, c)[at.diagonal(j)]);
    p.offsets[c] = std::log(p.weights[c]) + p.log_det[c] - 0.5 * d * std::log(2 * M_PI);
  }
}

void WarmStarts::score(const Optimum& optimum, double* table) const {
  const Kernels& kernels = selected_kernels(false);
  const Parameters& p = optimum.state.now;
  const Mixture mixture{form_of(optimum.model), optimum.k,      optimum.d,
                        p.offsets.data(),       p.means.data(), p.factors.data()};
  const Layout layout = kernels.layout(mixture);
  Buffer packed(layout.packed), scratch(layout.scratch);
  kernels.pack(mixture, packed.data());
  const Rows rows{m_.rows, Scalar::float64, m_.n_rows, m_.n_features, nullptr, nullptr};
  const Scores to{nullptr, table, nullptr, nullptr};
  const std::size_t block = block_rows(mixture.form, optimum.k, optimum.d);
  for (std::size_t begin = 0; begin < m_.n_rows; begin += block) {
    kernels.score(rows, mixture, packed.data(), begin, std::min(m_.n_rows, begin + block), scratch.data(), to);
  }
}

void WarmStarts::same(const Optimum& optimum, double* table) const { score(optimum, table); }

void WarmStarts::partition(const std::int64_t* labels, double* table) const {
  std::fill(table, table + m_.n_rows * m_.n_components, 0.0);
  for (std::size_t n = 0; n < m_.n_rows; ++n) table[n * m_.n_components + labels[n]] = 1.0;
}

void WarmStarts::split(const Optimum& fewer, int component, double share, double* table) {
  const int k = fewer.k, d = m_.n_features;
  if (scored_ != &fewer) {
    other_.resize(m_.n_rows * k);
    score(fewer, other_.data());
    scored_ = &fewer;
  }
  const double* mean = fewer.state.now.means.data() + component * d;
  std::vector<double> covariance(static_cast<std::size_t>(d) * d), centered(d);
  for (std::size_t n = 0; n < m_.n_rows; ++n) {
    const double own = weight_of(n) * other_[n * k + component];
    if (own < 1e-6) continue;
    for (int j = 0; j < d; ++j) centered[j] = m_.rows[n * d + j] - mean[j];
    for (int i = 0; i < d; ++i) {
      for (int j = 0; j <= i; ++j) covariance[i * d + j] += own * centered[i] * centered[j];
    }
  }
  for (int i = 0; i < d; ++i) {
    for (int j = 0; j < i; ++j) covariance[j * d + i] = covariance[i * d + j];
  }
  const std::vector<double> axis = widest_direction(covariance, d);
  for (std::size_t n = 0; n < m_.n_rows; ++n) {
    double along = 0.0;
    for (int j = 0; j < d; ++j) along += (m_.rows[n * d + j] - mean[j]) * axis[j];
    const double *from = other_.data() + n * k, half = 0.5 * (1 + (along > 0 ? share : -share));
    double* to = table + n * (k + 1);
    for (int c = 0; c < k; ++c) to[c] = from[c];
    to[component] = from[component] * half;
    to[k] = from[component] * (1 - half);
  }
}

void WarmStarts::merge(const Optimum& more, int first, int second, double* table) {
  const int k = more.k;
  if (scored_ != &more) {
    other_.resize(m_.n_rows * k);
    score(more, other_.data());
    scored_ = &more;
  }
  for (std::size_t n = 0; n < m_.n_rows; ++n) {
    const double* from = other_.data() + n * k;
    double* to = table + n * (k - 1);
    for (int c = 0, place = 0; c < k; ++c) {
      if (c != second) to[place++] = from[c] + (c == first ? from[second] : 0.0);
    }
  }
}

std::vector<int> WarmStarts::splits(const Optimum& fewer, int most) {
  std::vector<int> order(fewer.k);
  std::iota(order.begin(), order.end(), 0);
  const std::vector<double>& weights = fewer.state.now.weights;
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return weights[a] > weights[b]; });
  order.resize(std::min(most, fewer.k));
  return order;
}

std::vector<std::pair<int, int>> WarmStarts::merges(const Optimum& more, int most) const {
  std::vector<std::pair<double, std::pair<int, int>>> costs;
  MergeCosts of(more);
  for (int a = 0; a < more.k; ++a) {
    for (int b = a + 1; b < more.k; ++b) costs.push_back({of.cost(a, b), {a, b}});
  }
  std::sort(costs.begin(), costs.end());
  std::vector<std::pair<int, int>> pairs;
  for (std::size_t i = 0; i < costs.size() && pairs.size() < static_cast<std::size_t>(most); ++i) {
    pairs.push_back(costs[i].second);
  }
  return pairs;
}

}  // namespace gaussmix
