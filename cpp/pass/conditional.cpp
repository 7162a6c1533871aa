// Conditional moments by the law of total variance; quantiles by Newton's method within a bracket.
#include "pass/conditional.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/kernels.hpp"
#include "pass/in_order.hpp"
#include "threads.hpp"

namespace gaussmix {

const Kernels& selected_kernels(bool rough);  // dispatch.cpp

namespace {

constexpr std::size_t kBlock = 1024;  // rows
constexpr double kRootHalf = 0.70710678118654752440, kRootTwoPi = 2.50662827463100050242;
constexpr int kMostSteps = 200;
constexpr double kTolerance = 1e-13;  // of the least standard deviation

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

void condition_rows(const Rows& rows, const Mixture& mixture, const Regressions& regressions, int n_threads,
                    const ConditionalMoments& to) {
  const Kernels& kernels = selected_kernels(false);
  Buffer packed(kernels.layout(mixture).packed);
  kernels.pack(mixture, packed.data());
  Buffers scratch(n_threads, kernels.condition_scratch(mixture, regressions));
  const auto n_blocks = static_cast<std::int64_t>((rows.n_rows + kBlock - 1) / kBlock);
  parallel_for(n_blocks, n_threads, [&](std::int64_t block, int thread) {
    const std::size_t begin = block * kBlock, end = std::min(rows.n_rows, begin + kBlock);
    kernels.condition(rows, mixture, packed.data(), begin, end, scratch.of(thread), regressions, to);
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
