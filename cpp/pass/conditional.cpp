// Conditional moments by the law of total variance; quantiles by Newton's method within a bracket.
#include "pass/conditional.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "threads.hpp"

namespace gaussmix {

namespace {

constexpr std::size_t kBlock = 1024, kTile = 32;  // rows
constexpr double kRootHalf = 0.70710678118654752440, kRootTwoPi = 2.50662827463100050242;
constexpr int kMostSteps = 200;
constexpr double kTolerance = 1e-13;  // of the least standard deviation

// A few rows, whose numbers lie side by side so that the compiler computes several rows at once.
class Tile {
 public:
  explicit Tile(const Regressions& g)
      : g_(g),
        rows_(kTile * g.n_observed),
        weights_(kTile * g.n_components),
        found_(kTile * g.n_components * g.n_targets),
        means_(kTile * g.n_targets) {}

  void load(const ObservedRows& rows, std::size_t begin, std::size_t count) {
    count_ = count;
    transpose(rows.values + begin * g_.n_observed, g_.n_observed, rows_.data());
    transpose(rows.weights + begin * g_.n_components, g_.n_components, weights_.data());
  }

  // The conditional means of each component.
  void predict() {
    for (int c = 0; c < g_.n_components; ++c) {
      const double* center = g_.observed_means + static_cast<std::size_t>(c) * g_.n_observed;
      for (int j = 0; j < g_.n_targets; ++j) {
        const std::size_t at = static_cast<std::size_t>(c) * g_.n_targets + j;
        const double start = g_.target_means[at];
        double* to = found_.data() + at * kTile;
        double shift[kTile] = {};
        for (int i = 0; g_.coefficients && i < g_.n_observed; ++i) {
          const double slope = g_.coefficients[at * g_.n_observed + i];
          const double* values = rows_.data() + i * kTile;
          for (std::size_t l = 0; l < kTile; ++l) shift[l] += slope * (values[l] - center[i]);
        }
        for (std::size_t l = 0; l < kTile; ++l) to[l] = start + shift[l];
      }
    }
  }

  // The means over all components. A second sum, of the differences from the first one, removes its rounding.
  void average() {
    for (int j = 0; j < g_.n_targets; ++j) {
      double rough[kTile] = {}, rest[kTile] = {};
      for_each_component([&](int c, const double* weight) {
        const double* found = of_component(c, j);
        for (std::size_t l = 0; l < kTile; ++l) rough[l] += weight[l] > 0 ? weight[l] * found[l] : 0.0;
      });
      for_each_component([&](int c, const double* weight) {
        const double* found = of_component(c, j);
        for (std::size_t l = 0; l < kTile; ++l) rest[l] += weight[l] > 0 ? weight[l] * (found[l] - rough[l]) : 0.0;
      });
      for (std::size_t l = 0; l < kTile; ++l) means_[j * kTile + l] = rough[l] + rest[l];
    }
  }

  // The covariances of targets i and j: those within components and those of their means.
  void covariances(int i, int j, double* to) const {
    const std::size_t q = g_.n_targets;
    const double *mean_i = means_.data() + i * kTile, *mean_j = means_.data() + j * kTile;
    std::fill(to, to + kTile, 0.0);
    for_each_component([&](int c, const double* weight) {
      const double within = i == j ? g_.variances[c * q + i] : g_.covariances[(c * q + i) * q + j];
      const double *found_i = of_component(c, i), *found_j = of_component(c, j);
      for (std::size_t l = 0; l < kTile; ++l) {
        const double between = (found_i[l] - mean_i[l]) * (found_j[l] - mean_j[l]);
        to[l] += weight[l] > 0 ? weight[l] * (within + between) : 0.0;
      }
    });
  }

  // The mean of target j in row l, over all components and in component c.
  double mean(int j, std::size_t l) const { return means_[j * kTile + l]; }
  double mean(int c, int j, std::size_t l) const { return of_component(c, j)[l]; }

 private:
  const double* of_component(int c, int j) const {
    return found_.data() + (static_cast<std::size_t>(c) * g_.n_targets + j) * kTile;
  }
  template <class Work>
  void for_each_component(const Work& work) const {
    for (int c = 0; c < g_.n_components; ++c) work(c, weights_.data() + c * kTile);
  }
  // Missing rows of the last tile keep the numbers of earlier ones, or zeros.
  void transpose(const double* from, std::size_t width, double* to) const {
    for (std::size_t l = 0; l < count_; ++l) {
      for (std::size_t i = 0; i < width; ++i) to[i * kTile + l] = from[l * width + i];
    }
  }

  const Regressions& g_;
  std::size_t count_ = 0;
  std::vector<double> rows_, weights_, found_, means_;
};

// Writes what is wanted of the rows of a tile.
void store(const Tile& tile, const Regressions& g, std::size_t begin, std::size_t count, const ConditionalMoments& to) {
  const std::size_t k = g.n_components, q = g.n_targets;
  double values[kTile];
  for (int i = 0; i < g.n_targets; ++i) {
    for (std::size_t l = 0; to.means && l < count; ++l) to.means[(begin + l) * q + i] = tile.mean(i, l);
    if (to.variances) {
      tile.covariances(i, i, values);
      for (std::size_t l = 0; l < count; ++l) to.variances[(begin + l) * q + i] = values[l];
    }
    for (int j = 0; to.covariances && j <= i; ++j) {
      tile.covariances(i, j, values);
      for (std::size_t l = 0; l < count; ++l) {
        double* matrix = to.covariances + (begin + l) * q * q;
        matrix[i * q + j] = matrix[j * q + i] = values[l];
      }
    }
    for (int c = 0; to.component_means && c < g.n_components; ++c) {
      for (std::size_t l = 0; l < count; ++l) {
        to.component_means[((begin + l) * k + c) * q + i] = tile.mean(c, i, l);
      }
    }
  }
}

template <class Work>
void for_each_row(std::size_t n_rows, int n_threads, const Work& work) {
  const auto n_blocks = static_cast<std::int64_t>((n_rows + kBlock - 1) / kBlock);
  parallel_for(n_blocks, n_threads, [&](std::int64_t block, int) {
    const std::size_t begin = block * kBlock, end = std::min(n_rows, begin + kBlock);
    for (std::size_t row = begin; row < end; ++row) work(row);
  });
}

// One row of a `NormalMixtures`, mirrored at zero if `sign` is -1.
struct NormalMixture {
  int n_components;
  const double *weights, *means, *deviations;
  double sign;

  double mean(int c) const { return sign * means[c]; }

  // The probability of at most y, and the density.
  void evaluate(double y, double& share, double& density) const {
    share = density = 0.0;
    for (int c = 0; c < n_components; ++c) {
      if (!(weights[c] > 0)) continue;
      const double z = (y - mean(c)) / deviations[c];
      share += weights[c] * (0.5 * std::erfc(-z * kRootHalf));
      density += weights[c] * (std::exp(-0.5 * z * z) / (kRootTwoPi * deviations[c]));
    }
  }
};

// The quantile of a level of at most 1/2, by Newton's method for the logarithm of the probability, which is concave for
// a normal distribution. The quantile lies between those of the components.
double quantile(const NormalMixture& mixture, double level, double score) {
  double low = std::numeric_limits<double>::infinity(), high = -low, y = 0.0, total = 0.0, least = low;
  for (int c = 0; c < mixture.n_components; ++c) {
    if (!(mixture.weights[c] > 0)) continue;
    const double own = mixture.mean(c) + score * mixture.deviations[c];
    low = std::min(low, own);
    high = std::max(high, own);
    least = std::min(least, mixture.deviations[c]);
    y += mixture.weights[c] * own;
    total += mixture.weights[c];
  }
  y = std::clamp(y / total, low, high);
  double before = high - low;  // the last step but one must have been at least twice as long
  for (int step = 0; step < kMostSteps && low < high; ++step) {
    double share, density;
    mixture.evaluate(y, share, density);
    (share < level * total ? low : high) = y;
    const double rounding = 2 * std::numeric_limits<double>::epsilon() * std::abs(y);
    double next = y - std::log(share / (level * total)) * share / density;
    if (!(next >= low && next <= high) || std::abs(next - y) > 0.5 * before) next = low + 0.5 * (high - low);
    before = std::abs(next - y);
    y = next;
    if (before <= kTolerance * least + rounding) break;
  }
  return y;
}

}  // namespace

void condition_rows(const ObservedRows& rows, const Regressions& g, int n_threads, const ConditionalMoments& to) {
  std::vector<Tile> tiles(n_threads, Tile(g));
  const bool needs_means = to.means || to.variances || to.covariances;
  const auto n_blocks = static_cast<std::int64_t>((rows.n_rows + kBlock - 1) / kBlock);
  parallel_for(n_blocks, n_threads, [&](std::int64_t block, int thread) {
    Tile& tile = tiles[thread];
    const std::size_t end = std::min(rows.n_rows, (block + 1) * kBlock);
    for (std::size_t begin = block * kBlock; begin < end; begin += kTile) {
      const std::size_t count = std::min(kTile, end - begin);
      tile.load(rows, begin, count);
      tile.predict();
      if (needs_means) tile.average();
      store(tile, g, begin, count, to);
    }
  });
}

void cumulative_probabilities(const NormalMixtures& mixtures, const double* values, int n_threads, double* to) {
  const std::size_t k = mixtures.n_components;
  for_each_row(mixtures.n_rows, n_threads, [&](std::size_t row) {
    double density;
    const NormalMixture mixture{mixtures.n_components, mixtures.weights + row * k, mixtures.means + row * k,
                                mixtures.deviations, 1.0};
    mixture.evaluate(values[row], to[row], density);
  });
}

void quantiles(const NormalMixtures& mixtures, int n_levels, const double* levels, const double* scores, int n_threads,
               double* to) {
  const std::size_t k = mixtures.n_components;
  for_each_row(mixtures.n_rows, n_threads, [&](std::size_t row) {
    for (int level = 0; level < n_levels; ++level) {
      const bool upper = levels[level] > 0.5;  // from above, where the probability has more digits
      const double sign = upper ? -1.0 : 1.0;
      const NormalMixture mixture{mixtures.n_components, mixtures.weights + row * k, mixtures.means + row * k,
                                  mixtures.deviations, sign};
      const double share = upper ? 1.0 - levels[level] : levels[level];
      to[row * n_levels + level] = sign * quantile(mixture, share, sign * scores[level]);
    }
  });
}

}  // namespace gaussmix
