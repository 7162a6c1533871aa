// One covariance for all components: whiten the rows once; then every component is a sphere.
//
// The pooled scatter needs no outer product per component. With nu_k the whitened means, z a whitened row, r_k its
// responsibilities and a its most probable component,
//   sum_k r_k (z - nu_k)(z - nu_k)' = m m' - b b' + sum_k r_k (nu_a - nu_k)(nu_a - nu_k)',
//   m = sum_k r_k (z - nu_k),  b = m - (z - nu_a) = sum_k r_k (nu_a - nu_k),
// so a pass returns the scatter of the m less that of the b, and the overlap[a, k] = sum of weight r_k over the rows
// whose most probable component is a. The last two terms together are positive and no less than r_a of the last one,
// and r_a is at least 1 / k: nothing cancels, however far apart the means are. With very many components the k^2
// numbers of overlap would cost more than they save: then the outer products are summed pair by pair.
#pragma once

#include "distance.hpp"
#include "whiten.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class Tied {
 public:
  Tied(const Mixture& m, const Real* packed, Arena& arena, bool sums)
      : mixture_(m),
        dp_(static_cast<int>(padded(m.n_features))),
        pairwise_(m.n_components > 512 && m.n_components > 4 * m.n_features),
        packed_(packed),
        tile(kTileRows, m.n_components, arena),
        survivors_(tile.size, arena) {
    const std::size_t size = static_cast<std::size_t>(tile.size) * dp_;
    rows_ = arena.take(size);
    whitened_ = arena.take(size);
    columns_ = arena.take(size);
    residual_ = arena.take(size);
    top_ = arena.take(tile.size);
    n_shares_ = arena.take(tile.size);
    unused_ = reinterpret_cast<double*>(arena.take(dp_ * sizeof(double) / sizeof(Real)));
    length_ = arena.take(tile.size);
    active_ = reinterpret_cast<int*>(arena.take(m.n_components));
    const std::size_t n_lanes = static_cast<std::size_t>(m.n_components) * m.n_features * kLanes;
    lanes_ = sums && !pairwise_ ? arena.take(n_lanes) : nullptr;
    if (lanes_) {
      for (std::size_t i = 0; i < n_lanes; ++i) lanes_[i] = 0.0;
    }
  }

  // (k,) offsets | center (dp,) | W (d, dp) | whitened means (k, dp)
  static std::size_t packed_size(const Mixture& m) {
    const std::size_t dp = padded(m.n_features);
    return padded(m.n_components) + (1 + m.n_features + m.n_components) * dp;
  }
  static void pack(const Mixture& m, Real* to) {
    const std::size_t d = m.n_features, dp = padded(d);
    for (int k = 0; k < m.n_components; ++k) to[k] = static_cast<Real>(m.offsets[k]);
    Real* center = to + padded(m.n_components);
    Real* factor = center + dp;
    Real* means = factor + d * dp;
    for (std::size_t j = 0; j < d; ++j) {
      double sum = 0.0;
      for (int k = 0; k < m.n_components; ++k) sum += m.means[k * d + j] / m.n_components;
      center[j] = static_cast<Real>(sum);
    }
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = i; j < d; ++j) factor[i * dp + j] = static_cast<Real>(m.factors[i * d + j]);
    }
    for (int k = 0; k < m.n_components; ++k) {
      for (std::size_t i = 0; i < d; ++i) {
        const Real difference = static_cast<Real>(m.means[k * d + i] - center[i]);
        for (std::size_t j = i; j < d; ++j) means[k * dp + j] += difference * factor[i * dp + j];
      }
    }
  }

  void load(const Rows& rows, std::size_t first, int count) {
    load_rows(rows, first, count, tile.size, rows_);
    subtract(rows_, center(), tile.size, dp_, rows_);
    whiten(rows_, tile.size, center() + dp_, mixture_.n_features, whitened_, length_);
    load_columns(whitened_, dp_, tile.size, tile.size, mixture_.n_features, columns_);
  }

  void score() {
    for (int k = 0; k < mixture_.n_components; ++k) {
      score_distances<false>(columns_, tile.size, mixture_.n_features, packed_[k], mean(k), nullptr, tile.of(k));
    }
  }

  void add(const Partial& partial) { pairwise_ ? add_pair_by_pair(partial) : add_with_overlap(partial); }

  // The lanes are added once per block.
  void finish(const Partial& partial) {
    if (pairwise_) return;
    const int d = mixture_.n_features;
    const Real* lanes = lanes_;
    for (int k = 0; k < mixture_.n_components; ++k) {
      add_sums(lanes, d, partial.shifts + static_cast<std::size_t>(k) * dp_);
      lanes += static_cast<std::size_t>(d) * kLanes;
    }
  }

 private:
  void add_pair_by_pair(const Partial& partial) {
    for (int k = 0; k < mixture_.n_components; ++k) {
      partial.counts[k] += survivors_.find(tile, k);
      if (!survivors_.count) continue;
      for (int s = 0; s < survivors_.count; ++s) {
        const std::size_t row = static_cast<std::size_t>(survivors_.index[s]) * dp_;
        for (int j = 0; j < dp_; j += kLanes) {
          store(residual_ + row + j, fetch(whitened_ + row + j) - fetch(mean(k) + j));
        }
      }
      double* shift = partial.shifts + static_cast<std::size_t>(k) * dp_;
      weigh_rows(residual_, dp_, survivors_.weighted, survivors_.index, survivors_.count, rows_, shift);
      add_outer(rows_, residual_, survivors_.index, survivors_.count, mixture_.n_features, partial.scatter);
    }
  }

  void add_with_overlap(const Partial& partial) {
    const int n_active = find_responsibilities(partial);
    add_residuals(n_active);
    add_overlaps(partial);
    add_scatter(partial);
  }

  // Replaces the shares by responsibilities, zero where negligible; finds each row's most probable component and how
  // many have a share in it, and lists the components that have a share of any row. Returns how many these are.
  int find_responsibilities(const Partial& partial) {
    const Pack least = broadcast(kNegligible);
    int n_active = 0;
    for (int n = 0; n < tile.size; n += kLanes) {
      store(top_ + n, Pack{});
      store(n_shares_ + n, Pack{});
    }
    for (int k = mixture_.n_components - 1; k >= 0; --k) {
      Pack total{};
      unsigned any = 0;
      for (int n = 0; n < tile.size; n += kLanes) {
        const Pack share = fetch(tile.of(k) + n);
        Pack r = share * fetch(tile.normal + n);
        any |= at_least(r, least);
        const Bits counted = r >= least;
        r = select(counted, r, Pack{});
        const Bits most = share >= broadcast(1.0);
        store(n_shares_ + n, fetch(n_shares_ + n) + select(counted, broadcast(1.0), Pack{}));
        store(top_ + n, select(most, broadcast(static_cast<Real>(k)), fetch(top_ + n)));
        store(tile.of(k) + n, r);
        total += r * fetch(tile.weight + n);
      }
      partial.counts[k] += sum_lanes(total);
      if (any) active_[n_active++] = k;
    }
    return n_active;
  }

  // residual columns m = sum_k r_k (z - nu_k), and the lanes of the shifts += weight r_k (z - nu_k).
  void add_residuals(int n_active) {
    for (int a = 0; a < n_active; a += kTogether) {
      if (n_active - a >= kTogether) {
        add_some_residuals<kTogether>(active_ + a, a == 0);
      } else {
        for (; a < n_active; ++a) add_some_residuals<1>(active_ + a, a == 0);
      }
    }
  }

  template <int wide>
  void add_some_residuals(const int* components, bool first) {
    const int d = mixture_.n_features, size = tile.size;
    const Real *shares[wide], *weights = tile.weight;
    for (int c = 0; c < wide; ++c) shares[c] = tile.of(components[c]);
    for (int j = 0; j < d; ++j) {
      Pack point[wide], shift[wide];
      Real* lanes[wide];
      GAUSSMIX_UNROLL
      for (int c = 0; c < wide; ++c) {
        point[c] = broadcast(mean(components[c])[j]);
        lanes[c] = lanes_ + (static_cast<std::size_t>(components[c]) * d + j) * kLanes;
        shift[c] = fetch(lanes[c]);
      }
      const Real* column = columns_ + static_cast<std::size_t>(j) * size;
      Real* residual = residual_ + static_cast<std::size_t>(j) * size;
      for (int n = 0; n < size; n += kLanes) {
        const Pack z = fetch(column + n), weight = fetch(weights + n);
        Pack sum = first ? Pack{} : fetch(residual + n);
        GAUSSMIX_UNROLL
        for (int c = 0; c < wide; ++c) {
          const Pack u = fetch(shares[c] + n) * (z - point[c]);
          sum += u;
          shift[c] += weight * u;
        }
        store(residual + n, sum);
      }
      GAUSSMIX_UNROLL
      for (int c = 0; c < wide; ++c) store(lanes[c], shift[c]);
    }
  }

  void add_overlaps(const Partial& partial) {
    const int k_count = mixture_.n_components;
    const std::size_t line_size = padded(k_count);
    for (int n = 0; n < tile.size; n += kLanes) {
      const unsigned several = at_least(fetch(n_shares_ + n), broadcast(2.0));
      if (!several) continue;
      const Pack weight = fetch(tile.weight + n);
      for (int k = 0; k < k_count; k += kLanes) {
        Pack square[kLanes], any{};
        for (int i = 0; i < kLanes; ++i) {
          square[i] = k + i < k_count ? weight * fetch(tile.of(k + i) + n) : Pack{};
          any += square[i];
        }
        if (!(at_least(any, broadcast(kSmallest)) & several)) continue;
        transpose(square);
        for (unsigned bits = several; bits; bits &= bits - 1) {
          const int i = __builtin_ctz(bits);
          double* line = partial.overlap + static_cast<std::size_t>(top_[n + i]) * line_size + k;
          add_to(line, square[i]);
        }
      }
    }
  }

  // scatter += weight (m m' - b b')
  void add_scatter(const Partial& partial) {
    const int d = mixture_.n_features;
    Real *m = rows_, *b = columns_, *weighted = residual_;  // their former contents are no longer needed
    load_columns(residual_, tile.size, d, dp_, tile.size, m);
    int count = 0;
    for (int n = 0; n < tile.size; ++n) {
      if (tile.weight[n] > 0.0 && n_shares_[n] > 0.0) survivors_.index[count++] = n;
    }
    weigh_rows(m, dp_, tile.weight, survivors_.index, count, weighted, unused_);
    add_outer(weighted, m, survivors_.index, count, d, partial.scatter);
    int several = 0;
    for (int s = 0; s < count; ++s) {
      const int n = survivors_.index[s];
      if (n_shares_[n] < 2.0) continue;
      survivors_.index[several++] = n;
      survivors_.weighted[n] = -tile.weight[n];
      const Real* nu = mean(static_cast<int>(top_[n]));
      for (int j = 0; j < dp_; j += kLanes) {
        const std::size_t at = static_cast<std::size_t>(n) * dp_ + j;
        store(b + at, fetch(m + at) - (fetch(whitened_ + at) - fetch(nu + j)));
      }
    }
    weigh_rows(b, dp_, survivors_.weighted, survivors_.index, several, weighted, unused_);
    add_outer(weighted, b, survivors_.index, several, d, partial.scatter);
  }

  static constexpr int kTogether = 4;
  static constexpr Real kSmallest = sizeof(Real) == 4 ? 1e-45 : 4.9e-324;

  const Real* center() const { return packed_ + padded(mixture_.n_components); }
  const Real* mean(int k) const { return center() + static_cast<std::size_t>(1 + mixture_.n_features + k) * dp_; }

  const Mixture& mixture_;
  int dp_;
  bool pairwise_;
  const Real* packed_;

 public:
  Tile tile;

 private:
  Survivors survivors_;
  Real *rows_, *whitened_, *columns_, *residual_, *lanes_;
  Real *top_, *n_shares_;  // (size,) the most probable component of each row, and how many have a share in it
  double* unused_;         // (dp,)
  Real* length_;           // (size,)
  int* active_;            // (k,)
};

}  // namespace gaussmix::GAUSSMIX_ISA
