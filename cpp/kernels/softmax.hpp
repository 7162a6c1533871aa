// Log densities and responsibilities from scores: a lane is a row.
#pragma once

#include "kernels/elementary.hpp"
#include "kernels/tile.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// Responsibilities below this are omitted from the sums; those of a row sum to at most k times this.
#ifdef GAUSSMIX_SINGLE
inline constexpr Real kNegligible = 4.2e-8f;
inline constexpr Real kLogNegligible = -17.0f;  // exp(-17) < 4.2e-8
#else
inline constexpr Real kNegligible = 1e-16;
inline constexpr Real kLogNegligible = -37.0;  // exp(-37) < 1e-16
#endif

inline constexpr Real kSmallest = sizeof(Real) == 4 ? 1.4e-45 : 4.9e-324;  // the least positive number

// A distance that overflows gives the score -inf, not NaN.
GAUSSMIX_INLINE Pack score_of(Real offset, Pack squared_distance) {
  return select(squared_distance < broadcast(kInfinity), offset - Real(0.5) * squared_distance, broadcast(-kInfinity));
}

GAUSSMIX_INLINE Pack greatest_score(const Tile tile, int n) {
  Pack greatest = broadcast(-kInfinity);
  for (int k = 0; k < tile.n_scores; ++k) greatest = larger(greatest, fetch(tile.of(k) + n));
  return greatest;
}

// Sets tile.normal from the greatest score of each row, the sum of exp(score - greatest) and tile.information, and sums
// up.
GAUSSMIX_INLINE void sum_up_densities(const Tile tile, int begin, int end, double& log_likelihood,
                                      double& total_entropy) {
  Pack likelihood{}, entropy{};
  for (int n = begin; n < end; n += kLanes) {
    const Pack reference = fetch(tile.greatest + n);
    const Bits possible = reference > broadcast(-kInfinity);
    const Pack safe_sum = select(possible, fetch(tile.normal + n), broadcast(1.0));
    const Pack normal = Real(1) / safe_sum;
    const Pack log_sum = log_positive(safe_sum);
    const Pack log_density = select(possible, reference + log_sum, broadcast(-kInfinity));
    const Pack weight = fetch(tile.weight + n);
    const Bits counted = weight > Pack{};
    store(tile.normal + n, select(counted & possible, normal, Pack{}));
    likelihood += select(counted, weight * log_density, Pack{});
    // -sum_k r log r = log sum - sum_k r (score - greatest)
    entropy += select(counted & possible, weight * (log_sum - fetch(tile.information + n) * normal), Pack{});
  }
  log_likelihood = sum_lanes(likelihood);
  total_entropy = sum_lanes(entropy);
}

// Replaces the scores by exp(score - greatest), sets tile.normal and sums up. The loop over packs is inside that over
// components, so that exponentials do not wait for the sum over a row.
GAUSSMIX_INLINE void normalize(const Tile tile, int begin, int end, double& log_likelihood, double& total_entropy) {
  Real *greatest = tile.greatest, *sum = tile.normal, *information = tile.information;
  for (int n = begin; n < end; n += kLanes) {
    store(greatest + n, greatest_score(tile, n));
    store(sum + n, Pack{});
    store(information + n, Pack{});
  }
  for (int k = 0; k < tile.n_scores; ++k) {
    for (int n = begin; n < end; n += kLanes) {
      Real* score = tile.of(k) + n;
      // -inf - -inf is NaN, for which at_least is false: such rows are handled below.
      Pack below = fetch(score) - fetch(greatest + n);
      if (!at_least(below, broadcast(kLogNegligible))) {
        store(score, Pack{});
        continue;
      }
      below = larger(below, broadcast(kLogSmallest));
      const Pack share = exp_nonpositive(below);
      store(sum + n, fetch(sum + n) + share);
      store(information + n, fetch(information + n) + share * below);
      store(score, share);
    }
  }
  sum_up_densities(tile, begin, end, log_likelihood, total_entropy);
}

// The sum of the weighted responsibilities of the background, of normalized scores.
GAUSSMIX_INLINE double sum_of_background(const Tile tile, int begin, int end) {
  Pack total{};
  for (int n = begin; n < end; n += kLanes) {
    total += fetch(tile.background() + n) * fetch(tile.normal + n) * fetch(tile.weight + n);
  }
  return sum_lanes(total);
}

#ifndef GAUSSMIX_SINGLE
// Replaces the scores of a pack of rows by exp(score - reference), without omissions, and returns their sum.
GAUSSMIX_INLINE Pack exponentiate(const Tile tile, int n, Pack reference) {
  Pack sum{};
  for (int k = 0; k < tile.n_scores; ++k) {
    const Pack below = fetch(tile.of(k) + n) - reference;
    Pack share = exp_nonpositive(larger(below, broadcast(kLogSmallest)));
    share = select(below > broadcast(kLogSmallest), share, Pack{});
    sum += share;
    store(tile.of(k) + n, share);
  }
  return sum;
}

// Writes the scores of the tile's first `count` rows to the arrays that are not null, without omissions.
GAUSSMIX_ONCE void write_scores(const Tile tile, std::size_t first, int count, const Scores& out) {
  const int k_count = tile.n_scores;
  for (int n = 0; n < count; n += kLanes) {
    Pack greatest = broadcast(-kInfinity), label{};
    for (int k = 0; k < k_count; ++k) {
      const Pack score = fetch(tile.of(k) + n);
      const Bits better = score > greatest;
      greatest = select(better, score, greatest);
      label = select(better, broadcast(static_cast<Real>(k)), label);
    }
    const int lanes = smaller(kLanes, count - n);
    if (out.scores) {
      double* table = out.scores + (first + n) * static_cast<std::size_t>(k_count);
      for (int k = 0; k < k_count; ++k) {
        const Pack score = fetch(tile.of(k) + n);
        for (int i = 0; i < lanes; ++i) table[static_cast<std::size_t>(i) * k_count + k] = score[i];
      }
    }
    if (out.labels) {
      for (int i = 0; i < lanes; ++i) out.labels[first + n + i] = static_cast<std::int64_t>(label[i]);
    }
    if (!out.log_density && !out.responsibilities) continue;
    const Bits possible = greatest > broadcast(-kInfinity);
    const Pack sum = exponentiate(tile, n, select(possible, greatest, Pack{}));
    if (out.log_density) {
      const Pack log_sum = log_positive(select(possible, sum, broadcast(1.0)));
      const Pack log_density = select(possible, greatest + log_sum, broadcast(-kInfinity));
      for (int i = 0; i < lanes; ++i) out.log_density[first + n + i] = log_density[i];
    }
    if (out.responsibilities) {
      double* table = out.responsibilities + (first + n) * static_cast<std::size_t>(k_count);
      const Pack normal = Real(1) / select(possible, sum, broadcast(1.0));
      for (int k = 0; k < k_count; ++k) {
        const Pack share = fetch(tile.of(k) + n) * normal;
        for (int i = 0; i < lanes; ++i) table[static_cast<std::size_t>(i) * k_count + k] = share[i];
      }
    }
  }
}
#endif

// The rows of the tile in which the responsibility of a component is not negligible.
struct Survivors {
  int* index;              // (count,) their places in the tile
  Real* weighted;          // (size,) weight p(k | x) of every row
  unsigned* bits_of_pack;  // (size / kLanes,) the same rows, one bit each
  int count = 0;

  Survivors(int size, Arena& arena)
      : index(reinterpret_cast<int*>(arena.take(size))),
        weighted(arena.take(size)),
        bits_of_pack(reinterpret_cast<unsigned*>(arena.take(size))) {}

  // Lists them and returns the sum of their weighted responsibilities.
  double find(const Tile tile, int component) {
    count = 0;
    if (!tile.may_share(component)) return 0.0;
    const Real* share = tile.of(component);
    int* const to = index;
    int found = 0;
    unsigned* const bits_to = bits_of_pack;
    Real* const weighted_to = weighted;
    const Pack least = broadcast(kNegligible);
    Pack total{};
    for (int n = 0; n < tile.size; n += kLanes) {
      const Pack r = fetch(share + n) * fetch(tile.normal + n);
      const Pack w = r * fetch(tile.weight + n);
      store(weighted_to + n, w);
      const unsigned bits = at_least(r, least);
      bits_to[n / kLanes] = bits;
      if (!bits) continue;
      total += select(r >= least, w, Pack{});
      found += list_bits(bits, n, to + found);
    }
    count = found;
    return sum_lanes(total);
  }
};

}  // namespace gaussmix::GAUSSMIX_ISA
