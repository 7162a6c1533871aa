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
  void weigh(const Tile&, int, int, const Partial&) {}
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
      if (tile.terms) {
        for (int n = begin; n < end; n += kLanes) score_incomplete(tile, t, line + n, n);
      } else if (t.inverse == 0) {
        const Pack center = broadcast(t.centers[m_.n_features]);
        for (int n = begin; n < end; n += kLanes) score_normal(tile, t, line + n, broadcast(m_.n_features), center);
      } else {
        const Pack center = broadcast(t.centers[m_.n_features]);
        for (int n = begin; n < end; n += kLanes) score_pack(tile, t, line + n, broadcast(m_.n_features), center);
      }
    }
  }

  // Adds counts and slopes, and turns the normalized shares of the tile into those of the weights r u.
  GAUSSMIX_ONCE void weigh(const Tile tile, int begin, int end, const Partial& partial) {
    if (!m_.tails) return;
    constexpr Real kLeastSum = 1e-280;  // of a row farther than 10^100 standard deviations
    Real *greatest = tile.greatest, *sum = tile.information;
    for (int n = begin; n < end; n += kLanes) {
      store(greatest + n, Pack{});
      store(sum + n, Pack{});
    }
    for (int k = 0; k < m_.n_components; ++k) {
      Real *share = tile.of(k), *slope = slopes_ + static_cast<std::size_t>(k) * size_;
      const Real* surplus = tile.surplus + static_cast<std::size_t>(k) * size_;
      Pack count{}, total{};
      for (int n = begin; n < end; n += kLanes) {
        const Pack r = fetch(share + n) * fetch(tile.normal + n), least = broadcast(kNegligible);
        if (!at_least(r, least)) {
          store(share + n, Pack{});
          continue;
        }
        const Bits counted = r >= least;
        const Pack w = select(counted, r * fetch(tile.weight + n), Pack{});
        const Pack scaled = select(counted, fetch(share + n) + fetch(share + n) * fetch(surplus + n), Pack{});
        count += w;
        total += w * fetch(slope + n);
        store(share + n, scaled);
        store(sum + n, fetch(sum + n) + scaled);
        if (m_.form == Form::tied) store(greatest + n, larger(fetch(greatest + n), scaled));
      }
      partial.rows[k] += sum_lanes(count);
      partial.slopes[k] += sum_lanes(total);
    }
    for (int n = begin; n < end; n += kLanes) {
      const Pack total = fetch(sum + n), normal = fetch(tile.normal + n);
      const Bits counted = (total > broadcast(kLeastSum)) & (normal > Pack{});
      store(tile.normal + n, select(counted, Real(1) / select(counted, total, broadcast(1.0)), Pack{}));
      store(tile.weight + n, select(counted, fetch(tile.weight + n) * total * normal, Pack{}));
    }
    if (m_.form == Form::tied) make_greatest_one(tile, begin, end);
  }

 private:
  // The numbers of one component (pass.hpp).
  struct TailOf {
    Real offset, inverse;
    const double *constants, *centers;

    TailOf(const Mixture& m, int k) {
      const std::size_t d = m.n_features;
      const double* line = m.tails + k * tail_numbers(m.n_features);
      offset = line[0];
      inverse = line[1];
      constants = line + 2;
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

  GAUSSMIX_INLINE void score_normal(const Tile tile, const TailOf& t, std::size_t at, Pack observed, Pack center) {
    const Pack half = fetch(tile.scores + at);
    const Pack apart = observed + Real(2) * half;
    store(tile.surplus + at, Pack{});
    store(slopes_ + at, select(half > broadcast(-kInfinity), Real(0.25) * apart * apart - center, Pack{}));
    store(tile.scores + at, t.offset + half);
  }

  // With x = delta / nu: u - 1 = (d / nu - x) / (1 + x), and the slope is nu^2 / 2 (u - 1 + log(1 + x)) - K.
  GAUSSMIX_INLINE void score_pack(const Tile tile, const TailOf& t, std::size_t at, Pack observed, Pack center) {
    constexpr Real kFarthest = 1e300;  // what is farther has density zero
    const Pack raw = Real(-2) * t.inverse * fetch(tile.scores + at);
    const Bits possible = raw < broadcast(kFarthest);
    const Pack x = select(possible, raw, Pack{});
    Pack inverse_of_sum;
    const Pack logs = log_of_one_plus(x, inverse_of_sum);
    const Pack surplus = (observed * t.inverse - x) * inverse_of_sum;
    const Real nu = Real(1) / t.inverse;
    const Pack score = t.offset - Real(0.5) * (nu + observed) * logs;
    store(tile.surplus + at, surplus);
    store(slopes_ + at, Real(0.5) * nu * nu * (surplus + logs) - center);
    store(tile.scores + at, select(possible, score, broadcast(-kInfinity)));
  }

  void score_incomplete(const Tile tile, const TailOf& t, std::size_t at, int n) {
    const Pack observed = fetch(tile.n_observed + n);
    Pack constant, center;
    for (int i = 0; i < kLanes; ++i) {
      const int seen = static_cast<int>(observed[i]);
      constant[i] = t.constants[seen];
      center[i] = t.centers[seen];
    }
    if (t.inverse == 0) {
      score_normal(tile, t, at, observed, center);
    } else {
      score_pack(tile, t, at, observed, center);
    }
    store(tile.scores + at, fetch(tile.scores + at) + (constant + fetch(tile.terms + at)));
  }

  const Mixture& m_;
  int size_;
  Real* slopes_ = nullptr;  // (k, size)
};

#endif

}  // namespace gaussmix::GAUSSMIX_ISA
