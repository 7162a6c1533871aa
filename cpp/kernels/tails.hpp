// t distributions: what differs from normal ones in a tile. A lane is a row.
//
// The forms compute distances: with offsets of zero, a score is -delta / 2. `score` turns it into that of a t
// distribution. After `normalize`, `weigh` multiplies every responsibility r by u = (nu + d) / (nu + delta), divides
// them by their sum over the row and multiplies the weight of the row by it. So the forms add the weights r u without
// knowing of them, and the identities that need responsibilities of sum one still hold.
#pragma once

#include "kernels/form.hpp"

namespace gaussmix::GAUSSMIX_ISA {

#ifdef GAUSSMIX_SINGLE

// Rough passes are for normal mixtures.
struct TailKernel {
  TailKernel(const Mixture&, const Tile&, const Arena&) {}
  void score(const Tile&, int, int) {}
  void weigh(const Tile&, int, int) {}
  void finish(const Partial&) {}
};

#else

class TailKernel {
 public:
  // Takes what it needs from the arena, and prepares the tile; does nothing for a normal mixture.
  TailKernel(const Mixture& m, Tile& tile, Arena& arena) : m_(m), size_(tile.size) {
    if (!m.tails) return;
    const std::size_t area = static_cast<std::size_t>(m.n_components) * size_;
    tile.surplus = arena.take(area);
    slopes_ = arena.take(area);
    const std::size_t n_lanes = 2 * static_cast<std::size_t>(m.n_components) * kLanes;
    lanes_ = arena.take(n_lanes);
    for (std::size_t i = 0; lanes_ && i < n_lanes; ++i) lanes_[i] = 0.0;
    if (!m.incomplete) return;
    tile.terms = arena.take(area);
    tile.n_observed = arena.take(size_);
  }

  // Turns scores of offset zero into those of the t distributions, for rows [begin, end) of the tile.
  GAUSSMIX_ONCE void score(const Tile tile, int begin, int end) {
    if (!m_.tails) return;
    for (int k = 0; k < m_.n_components; ++k) {
      const std::size_t line = static_cast<std::size_t>(k) * size_;
      const TailOf t(m_, k);
      Real *const scores = tile.of(k), *const surplus = tile.surplus + line, *const slopes = slopes_ + line;
      if (tile.terms) {
        for (int n = begin; n < end; n += kLanes)
          score_incomplete(tile, t, scores + n, surplus + n, slopes + n, line, n);
      } else if (t.inverse == 0) {
        const Pack center = broadcast(t.centers[m_.n_features]), observed = broadcast(m_.n_features);
        for (int n = begin; n < end; n += kLanes)
          score_normal(t, scores + n, surplus + n, slopes + n, observed, center);
      } else {
        const Pack center = broadcast(t.centers[m_.n_features]), observed = broadcast(m_.n_features);
        for (int n = begin; n < end; n += kLanes) score_pack(t, scores + n, surplus + n, slopes + n, observed, center);
      }
    }
  }

  // Sums up counts and slopes, and turns the normalized shares of the tile into those of the weights r u.
  GAUSSMIX_ONCE void weigh(const Tile tile, int begin, int end) {
    if (!m_.tails) return;
    constexpr Real kLeastSum = 1e-280;  // of a row farther than 10^100 standard deviations
    const bool tied = m_.form == Form::tied;
    Real *const greatest = tile.greatest, *const sum = tile.information;
    const Real *const normals = tile.normal, *const weights = tile.weight;
    for (int n = begin; n < end; n += kLanes) {
      store(greatest + n, Pack{});
      store(sum + n, Pack{});
    }
    for (int k = 0; k < m_.n_components; ++k) {
      Real *share = tile.of(k), *slope = slopes_ + static_cast<std::size_t>(k) * size_;
      const Real* surplus = tile.surplus + static_cast<std::size_t>(k) * size_;
      Real* const lanes = lanes_ + 2 * static_cast<std::size_t>(k) * kLanes;
      Pack count = fetch(lanes), total = fetch(lanes + kLanes);
      for (int n = begin; n < end; n += kLanes) {
        const Pack r = fetch(share + n) * fetch(normals + n), least = broadcast(kNegligible);
        if (!at_least(r, least)) {
          store(share + n, Pack{});
          continue;
        }
        const Bits counted = r >= least;
        const Pack w = select(counted, r * fetch(weights + n), Pack{});
        const Pack scaled = select(counted, fetch(share + n) + fetch(share + n) * fetch(surplus + n), Pack{});
        count += w;
        total += w * fetch(slope + n);
        store(share + n, scaled);
        store(sum + n, fetch(sum + n) + scaled);
        if (tied) store(greatest + n, larger(fetch(greatest + n), scaled));
      }
      store(lanes, count);
      store(lanes + kLanes, total);
    }
    for (int n = begin; n < end; n += kLanes) {
      const Pack total = fetch(sum + n), normal = fetch(tile.normal + n);
      const Bits counted = (total > broadcast(kLeastSum)) & (normal > Pack{});
      store(tile.normal + n, select(counted, Real(1) / select(counted, total, broadcast(1.0)), Pack{}));
      store(tile.weight + n, select(counted, fetch(tile.weight + n) * total * normal, Pack{}));
    }
    if (tied) make_greatest_one(tile, begin, end);
  }

  // Adds the sums of all tiles of a block.
  void finish(const Partial& partial) const {
    for (int k = 0; m_.tails && k < m_.n_components; ++k) {
      const Real* lanes = lanes_ + 2 * static_cast<std::size_t>(k) * kLanes;
      partial.rows[k] += sum_lanes(fetch(lanes));
      partial.slopes[k] += sum_lanes(fetch(lanes + kLanes));
    }
  }

 private:
  // The numbers of one component (pass.hpp).
  struct TailOf {
    Real offset, inverse;
    Real half, scale;  // nu / 2, nu^2 / 2
    const double *constants, *centers;

    TailOf(const Mixture& m, int k) {
      const std::size_t d = m.n_features;
      const double* line = m.tails + k * tail_numbers(m.n_features);
      offset = line[0];
      inverse = line[1];
      half = line[2];
      scale = 2 * half * half;
      constants = line + 3;
      centers = constants + d + 1;
    }
  };

  // form_tied.hpp finds the most probable component by its share of one.
  void make_greatest_one(const Tile tile, int begin, int end) {
    for (int k = 0; k < m_.n_components; ++k) {
      for (int n = begin; n < end; n += kLanes) {
        const Pack share = fetch(tile.of(k) + n), greatest = fetch(tile.greatest + n);
        const Bits counted = greatest > Pack{};
        store(tile.of(k) + n, select(counted, share / select(counted, greatest, broadcast(1.0)), Pack{}));
      }
    }
    for (int n = begin; n < end; n += kLanes) {
      store(tile.normal + n, fetch(tile.normal + n) * fetch(tile.greatest + n));
    }
  }

  static GAUSSMIX_INLINE void score_normal(const TailOf& t, Real* score, Real* surplus, Real* slope, Pack observed,
                                           Pack center) {
    const Pack half = fetch(score);
    const Pack apart = observed + Real(2) * half;
    store(surplus, Pack{});
    store(slope, select(half > broadcast(-kInfinity), Real(0.25) * apart * apart - center, Pack{}));
    store(score, t.offset + half);
  }

  // With x = delta / nu: u - 1 = (d / nu - x) / (1 + x), and the slope is nu^2 / 2 (u - 1 + log(1 + x)) - K.
  static GAUSSMIX_INLINE void score_pack(const TailOf& t, Real* score, Real* surplus, Real* slope, Pack observed,
                                         Pack center) {
    constexpr Real kFarthest = 1e300;  // what is farther has density zero
    const Pack raw = Real(-2) * t.inverse * fetch(score);
    const Bits possible = raw < broadcast(kFarthest);
    const Pack x = select(possible, raw, Pack{});
    Pack inverse_of_sum;
    const Pack logs = log_of_one_plus(x, inverse_of_sum);
    const Pack more = (observed * t.inverse - x) * inverse_of_sum;
    const Pack log_density = t.offset - (t.half + Real(0.5) * observed) * logs;
    store(surplus, more);
    store(slope, t.scale * (more + logs) - center);
    store(score, select(possible, log_density, broadcast(-kInfinity)));
  }

  static void score_incomplete(const Tile tile, const TailOf& t, Real* score, Real* surplus, Real* slope,
                               std::size_t line, int n) {
    const Pack observed = fetch(tile.n_observed + n);
    Pack constant, center;
    for (int i = 0; i < kLanes; ++i) {
      const int seen = static_cast<int>(observed[i]);
      constant[i] = t.constants[seen];
      center[i] = t.centers[seen];
    }
    if (t.inverse == 0) {
      score_normal(t, score, surplus, slope, observed, center);
    } else {
      score_pack(t, score, surplus, slope, observed, center);
    }
    store(score, fetch(score) + (constant + fetch(tile.terms + line + n)));
  }

  const Mixture& m_;
  int size_;
  Real* slopes_ = nullptr;  // (k, size)
  Real* lanes_ = nullptr;   // (k, 2 packs) sums of r and of r times the slope
};

#endif

}  // namespace gaussmix::GAUSSMIX_ISA
