// Kernels that estimate the fractions of a few pixels: a lane is a pixel.
#include "imaging/fraction_kernels.hpp"

#include "kernels/elementary.hpp"

namespace gaussmix {
namespace GAUSSMIX_ISA {
namespace {

// Scratch, with a pack for each state: its log prior and then its prior probability, its log posterior and then its
// posterior probability, its agreement with nearest and with second neighbors; then the sums of a tile.
enum { kPrior, kPosterior, kNear, kFar, kPlanes };

std::size_t scratch(const FractionStates& m) {
  const FractionSums at{m.n_states, m.n_features};
  return (static_cast<std::size_t>(kPlanes) * m.n_states + at.size()) * kLanes;
}

GAUSSMIX_INLINE void add_pack(float* to, Pack pack) { store(to, fetch(to) + pack); }

// Replaces logs by normalized probabilities; returns the log of the total.
GAUSSMIX_INLINE Pack normalize(float* logs, int n_states, Pack greatest) {
  Pack total{};
  for (int s = 0; s < n_states; ++s) {
    const Pack below = fetch(logs + s * kLanes) - greatest;
    Pack share = exp_nonpositive(larger(below, broadcast(kLogSmallest)));
    share = select(below > broadcast(kLogSmallest), share, Pack{});
    store(logs + s * kLanes, share);
    total += share;
  }
  const Pack scale = 1.0f / total;
  for (int s = 0; s < n_states; ++s) store(logs + s * kLanes, fetch(logs + s * kLanes) * scale);
  return greatest + log_positive(total);
}

void update(const FractionStates& m, const FractionTile& tile, float* scratch, double* sums) {
  const FractionSums at{m.n_states, m.n_features};
  const int n = m.n_states, k = m.n_classes, d = m.n_features;
  float* prior = scratch + kPrior * n * kLanes;
  float* posterior = scratch + kPosterior * n * kLanes;
  float* near = scratch + kNear * n * kLanes;
  float* far = scratch + kFar * n * kLanes;
  float* sum = scratch + kPlanes * n * kLanes;
  for (int i = 0; i < at.size(); ++i) store(sum + i * kLanes, Pack{});
  for (int i = 0; i < tile.count; i += kLanes) {
    Pack greatest_prior = broadcast(-kInfinity), greatest = greatest_prior;
    for (int s = 0; s < n; ++s) {
      Pack agrees{}, agrees_far{}, distance{};
      for (int c = 0; c < k; ++c) {
        agrees += m.fractions[s * k + c] * fetch(tile.neighbors[0] + c * kFractionTile + i);
        agrees_far += m.fractions[s * k + c] * fetch(tile.neighbors[1] + c * kFractionTile + i);
      }
      for (int j = 0; j < d; ++j) {
        const Pack off = fetch(tile.rows + j * kFractionTile + i) - m.means[s * d + j];
        distance += off * off;
      }
      const Pack log_prior = m.log_weights[s] + m.smoothing[0] * agrees + m.smoothing[1] * agrees_far;
      const Pack log_posterior = log_prior - 0.5f * distance;
      store(near + s * kLanes, agrees);
      store(far + s * kLanes, agrees_far);
      store(prior + s * kLanes, log_prior);
      store(posterior + s * kLanes, log_posterior);
      greatest_prior = larger(greatest_prior, log_prior);
      greatest = larger(greatest, log_posterior);
    }
    const Pack log_density = normalize(posterior, n, greatest) - normalize(prior, n, greatest_prior);
    for (int c = 0; c < k; ++c) {
      Pack share{};
      for (int s = 0; s < n; ++s) share += m.fractions[s * k + c] * fetch(posterior + s * kLanes);
      store(tile.fractions + c * kFractionTile + i, share);
    }
    const Pack counted = fetch(tile.counted + i);
    add_pack(sum + at.log_likelihood * kLanes, counted * log_density);
    add_pack(sum + at.n_counted * kLanes, counted);
    Pack gradient[2]{}, mean[2]{}, squares[3]{};
    for (int s = 0; s < n; ++s) {
      const Pack p = fetch(prior + s * kLanes), q = fetch(posterior + s * kLanes);
      const Pack a = fetch(near + s * kLanes), b = fetch(far + s * kLanes);
      gradient[0] += (q - p) * a;
      gradient[1] += (q - p) * b;
      mean[0] += p * a;
      mean[1] += p * b;
      squares[0] += p * a * a;
      squares[1] += p * a * b;
      squares[2] += p * b * b;
      add_pack(sum + (at.counts + s) * kLanes, counted * q);
      add_pack(sum + (at.expected() + s) * kLanes, counted * p);
      for (int j = 0; j < d; ++j) {
        add_pack(sum + (at.rows() + s * d + j) * kLanes, counted * q * fetch(tile.rows + j * kFractionTile + i));
      }
    }
    for (int r = 0; r < 2; ++r) add_pack(sum + (at.gradient + r) * kLanes, counted * gradient[r]);
    add_pack(sum + (at.curvature + 0) * kLanes, counted * (squares[0] - mean[0] * mean[0]));
    add_pack(sum + (at.curvature + 1) * kLanes, counted * (squares[1] - mean[0] * mean[1]));
    add_pack(sum + (at.curvature + 2) * kLanes, counted * (squares[2] - mean[1] * mean[1]));
    for (int j = 0; j < d; ++j) {
      const Pack row = counted * fetch(tile.rows + j * kFractionTile + i);
      for (int l = 0; l < d; ++l) {
        add_pack(sum + (at.squares() + j * d + l) * kLanes, row * fetch(tile.rows + l * kFractionTile + i));
      }
    }
  }
  add_sums(sum, at.size(), sums);
}

#define GAUSSMIX_JOIN(a, b) a##b
#define GAUSSMIX_TABLE(name) GAUSSMIX_JOIN(fractions_, name)

}  // namespace
}  // namespace GAUSSMIX_ISA

const FractionKernels GAUSSMIX_TABLE(GAUSSMIX_ISA) = {GAUSSMIX_ISA::scratch, GAUSSMIX_ISA::update};

}  // namespace gaussmix
