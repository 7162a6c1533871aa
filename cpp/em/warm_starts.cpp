// Starts from neighboring models: split one component, merge two.
#include "em/warm_starts.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "em/dense.hpp"

namespace gaussmix {

namespace {

constexpr int kPowers = 30;  // iterations of the power method
constexpr double kLogTwoPi = 1.8378770664093454836;

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

// The responsibilities of the rows at an optimum, (n, k).
void score(const Problem& m, const Optimum& optimum, double* table) {
  const Kernels& kernels = selected_kernels(false);
  const Parameters& p = optimum.state.now;
  const Mixture mixture{form_of(optimum.model), optimum.k,      optimum.d,
                        p.offsets.data(),       p.means.data(), p.factors.data()};
  const Layout layout = kernels.layout(mixture);
  Buffer packed(layout.packed), scratch(layout.scratch);
  kernels.pack(mixture, packed.data());
  const Rows rows{m.rows, Scalar::float64, m.n_rows, m.n_features, nullptr, nullptr};
  const Scores to{nullptr, table, nullptr, nullptr};
  const std::size_t block = block_rows(mixture.form, optimum.k, optimum.d);
  for (std::size_t begin = 0; begin < m.n_rows; begin += block) {
    kernels.score(rows, mixture, packed.data(), begin, std::min(m.n_rows, begin + block), scratch.data(), to);
  }
}

// Adds the sums of n rows with mean `mean` and a scatter to clusters whose place is c.
void put(ClusterSums& to, int c, int d, double count, const double* mean, const double* scatter) {
  to.counts[c] = count;
  std::copy(mean, mean + d, to.means.begin() + c * d);
  std::copy(scatter, scatter + d * d, to.scatter.begin() + static_cast<std::size_t>(c) * d * d);
}

ClusterSums empty_sums(int k, int d) {
  const std::size_t size = static_cast<std::size_t>(k) * d;
  return {std::vector<double>(k), std::vector<double>(size), std::vector<double>(size * d), {}};
}

// Sums about any center to sums about the mean: (count, shift, scatter) of a half.
void recenter(int d, double count, double* shift, double* scatter) {
  for (int j = 0; j < d; ++j) shift[j] /= count > 0 ? count : 1.0;
  for (int i = 0; i < d; ++i) {
    for (int j = 0; j <= i; ++j) scatter[i * d + j] -= count * shift[i] * shift[j];
  }
}

double weight_of(const Problem& m, std::size_t n) { return m.row_weights ? m.row_weights[n] : 1.0; }

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
    p.offsets[c] = std::log(p.weights[c]) + p.log_det[c] - 0.5 * d * kLogTwoPi;
  }
}

ClusterSums sums_at(const Problem& m, const Optimum& optimum) {
  const int k = optimum.k, d = optimum.d;
  const std::size_t size = static_cast<std::size_t>(d) * d;
  const Parameters& p = optimum.state.now;
  const Dimensions at{form_of(optimum.model), k, d};
  std::vector<double> factors(k * size), roots(k * size);
  for (int c = 0; c < k; ++c) {
    const double *factor = p.factors.data() + at.place_of(c), *root = at.root_of(p, c);
    for (std::size_t i = 0; i < size && at.is_triangular(); ++i) {
      factors[c * size + i] = factor[i], roots[c * size + i] = root[i];
    }
    for (int j = 0; j < d && !at.is_triangular(); ++j) {
      factors[c * size + j * d + j] = factor[at.diagonal(j)], roots[c * size + j * d + j] = root[at.diagonal(j)];
    }
  }
  const Mixture mixture{Form::full, k, d, p.offsets.data(), p.means.data(), factors.data()};
  const Kernels& kernels = selected_kernels(false);
  const Layout layout = kernels.layout(mixture);
  Buffer packed(layout.packed), scratch(layout.scratch), total(layout.partial), partial(layout.partial);
  kernels.pack(mixture, packed.data());
  const Rows rows{m.rows, Scalar::float64, m.n_rows, d, m.row_weights, nullptr};
  const std::size_t block = block_rows(Form::full, k, d);
  for (std::size_t begin = 0; begin < m.n_rows; begin += block) {
    partial.clear();
    kernels.accumulate(rows, mixture, packed.data(), begin, std::min(m.n_rows, begin + block), scratch.data(),
                       partial.data());
    total.add(partial);
  }
  const Places place = places_in_partial(mixture, kernels.pad);
  ClusterSums sums = empty_sums(k, d);
  std::vector<double> scatter(size), room(size), colored(size), mean(d);
  for (int c = 0; c < k; ++c) {
    const double count = total.data()[place.counts + c];
    const double *shift = total.data() + place.shifts + c * place.dp, *root = roots.data() + c * size;
    const double* own = total.data() + place.scatter + c * place.dp * place.dp;
    const double share = count > 0 ? 1 / count : 0.0;
    for (int i = 0; i < d; ++i) {
      mean[i] = p.means[c * d + i];
      for (int j = 0; j <= i; ++j) {
        scatter[i * d + j] = own[i * place.dp + j] - share * shift[i] * shift[j];
        mean[i] += share * root[i * d + j] * shift[j];
      }
    }
    color(root, scatter.data(), d, room.data(), colored.data());
    put(sums, c, d, count, mean.data(), colored.data());
  }
  sums.axes = p.axes;
  return sums;
}

ClusterSums sums_of_partition(const Problem& m, const std::int64_t* labels) {
  const int k = m.n_components, d = m.n_features;
  ClusterSums sums = empty_sums(k, d);
  for (std::size_t n = 0; n < m.n_rows; ++n) {
    const double weight = weight_of(m, n);
    sums.counts[labels[n]] += weight;
    for (int j = 0; j < d; ++j) sums.means[labels[n] * d + j] += weight * m.rows[n * d + j];
  }
  for (int c = 0; c < k; ++c) {
    for (int j = 0; j < d; ++j) sums.means[c * d + j] /= sums.counts[c] > 0 ? sums.counts[c] : 1.0;
  }
  std::vector<double> centered(d);
  for (std::size_t n = 0; n < m.n_rows; ++n) {
    const double* mean = sums.means.data() + labels[n] * d;
    double* scatter = sums.scatter.data() + labels[n] * d * d;
    for (int j = 0; j < d; ++j) centered[j] = m.rows[n * d + j] - mean[j];
    for (int i = 0; i < d; ++i) {
      const double share = weight_of(m, n) * centered[i];
      for (int j = 0; j <= i; ++j) scatter[i * d + j] += share * centered[j];
    }
  }
  // Clusters by descending count, so that equal partitions have equal sums.
  std::vector<int> order(k);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    if (sums.counts[a] != sums.counts[b]) return sums.counts[a] > sums.counts[b];
    return sums.means[a * d] > sums.means[b * d];
  });
  ClusterSums sorted = empty_sums(k, d);
  for (int c = 0; c < k; ++c) {
    put(sorted, c, d, sums.counts[order[c]], sums.means.data() + order[c] * d,
        sums.scatter.data() + static_cast<std::size_t>(order[c]) * d * d);
  }
  return sorted;
}

bool are_equal(const ClusterSums& a, const ClusterSums& b) { return a.counts == b.counts && a.means == b.means; }

std::vector<ClusterSums> split(const Problem& m, const Optimum& fewer, double share, int most) {
  const int k = fewer.k, d = m.n_features;
  const std::size_t size = static_cast<std::size_t>(d) * d;
  std::vector<double> table(m.n_rows * k);
  score(m, fewer, table.data());
  std::vector<int> order(k);
  std::iota(order.begin(), order.end(), 0);
  const ClusterSums& whole = fewer.sums;
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return whole.counts[a] > whole.counts[b]; });
  order.resize(std::min(most, k));
  std::vector<ClusterSums> starts;
  std::vector<double> covariance(size), centered(d), shifts(2 * d), scatters(2 * size);
  for (const int component : order) {
    const double* mean = whole.means.data() + component * d;
    const double* own = whole.scatter.data() + component * size;
    for (int i = 0; i < d; ++i) {
      for (int j = 0; j <= i; ++j) covariance[i * d + j] = covariance[j * d + i] = own[i * d + j];
    }
    const std::vector<double> axis = widest_direction(covariance, d);
    double above = 0.0;
    std::fill(shifts.begin(), shifts.end(), 0.0);
    std::fill(scatters.begin(), scatters.end(), 0.0);
    double *shift = shifts.data(), *scatter = scatters.data();  // of the rows on the upper side; then of both halves
    for (std::size_t n = 0; n < m.n_rows; ++n) {
      const double r = weight_of(m, n) * table[n * k + component];
      if (r < kNoShare) continue;
      double along = 0.0;
      for (int j = 0; j < d; ++j) {
        centered[j] = m.rows[n * d + j] - mean[j];
        along += centered[j] * axis[j];
      }
      if (!(along > 0)) continue;
      above += r;
      for (int i = 0; i < d; ++i) {
        shift[i] += r * centered[i];
        for (int j = 0; j <= i; ++j) scatter[i * d + j] += r * centered[i] * centered[j];
      }
    }
    // The upper half has (1 + share) / 2 of these rows and (1 - share) / 2 of the others.
    const double upper = 0.5 * (1 + share), lower = 0.5 * (1 - share), count = whole.counts[component];
    double counts[2] = {upper * above + lower * (count - above), 0.0};
    counts[1] = count - counts[0];
    for (int i = 0; i < d; ++i) {
      shift[i] = upper * shift[i] - lower * shift[i], shift[d + i] = -shift[i];
      for (int j = 0; j <= i; ++j) {
        double& one = scatter[i * d + j];
        one = share * one + lower * own[i * d + j];
        scatter[size + i * d + j] = own[i * d + j] - one;
      }
    }
    ClusterSums start = empty_sums(k + 1, d);
    start.axes = whole.axes;
    for (int c = 0; c < k; ++c) {
      put(start, c, d, whole.counts[c], whole.means.data() + c * d, whole.scatter.data() + c * size);
    }
    for (int half = 0; half < 2; ++half) {
      recenter(d, counts[half], shift + half * d, scatter + half * size);
      for (int j = 0; j < d; ++j) shift[half * d + j] += mean[j];
      put(start, half == 0 ? component : k, d, counts[half], shift + half * d, scatter + half * size);
    }
    starts.push_back(std::move(start));
  }
  return starts;
}

std::vector<ClusterSums> merge(const Optimum& more, int most) {
  const int k = more.k, d = more.d;
  const std::size_t size = static_cast<std::size_t>(d) * d;
  std::vector<std::pair<double, std::pair<int, int>>> costs;
  MergeCosts of(more);
  for (int a = 0; a < k; ++a) {
    for (int b = a + 1; b < k; ++b) costs.push_back({of.cost(a, b), {a, b}});
  }
  std::sort(costs.begin(), costs.end());
  costs.resize(std::min<std::size_t>(most, costs.size()));
  const ClusterSums& from = more.sums;
  std::vector<ClusterSums> starts;
  std::vector<double> mean(d), scatter(size);
  for (const auto& [cost, pair] : costs) {
    const auto [a, b] = pair;
    ClusterSums start = empty_sums(k - 1, d);
    start.axes = from.axes;
    const double n = from.counts[a] + from.counts[b], share = n > 0 ? from.counts[a] / n : 0.5;
    const double *one = from.means.data() + a * d, *other = from.means.data() + b * d;
    for (int i = 0; i < d; ++i) {
      mean[i] = share * one[i] + (1 - share) * other[i];
      for (int j = 0; j <= i; ++j) {
        scatter[i * d + j] = from.scatter[a * size + i * d + j] + from.scatter[b * size + i * d + j] +
                             n * share * (1 - share) * (one[i] - other[i]) * (one[j] - other[j]);
      }
    }
    for (int c = 0, place = 0; c < k; ++c) {
      if (c == b) continue;
      if (c == a) {
        put(start, place++, d, n, mean.data(), scatter.data());
      } else {
        put(start, place++, d, from.counts[c], from.means.data() + c * d, from.scatter.data() + c * size);
      }
    }
    starts.push_back(std::move(start));
  }
  return starts;
}

}  // namespace gaussmix
