// One covariance for all components: whiten the rows once; then every component is a sphere.
//
// The pooled scatter needs no outer product per component. With nu_k the whitened means, z a whitened row and r_k its
// responsibilities,
//   sum_k r_k (z - nu_k)(z - nu_k)' = m m' + 1/2 sum_kl r_k r_l (nu_k - nu_l)(nu_k - nu_l)',  m = sum_k r_k (z - nu_k),
// so a pass returns the scatter of the m and the overlap[k, l] = sum of weight r_k r_l. Every term is positive:
// nothing cancels, however far apart the means are. With many more components than features the k^2 numbers of overlap
// would cost more than they save: then the outer products are summed pair by pair.
#pragma once

#include "distance.hpp"
#include "whiten.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class Tied {
 public:
  Tied(const Mixture& m, const double* packed, Arena& arena, bool)
      : mixture_(m),
        dp_(static_cast<int>(padded(m.n_features))),
        packed_(packed),
        tile(64, m.n_components, arena),
        survivors_(tile.size, arena) {
    const std::size_t size = static_cast<std::size_t>(tile.size) * dp_;
    rows_ = arena.take(size);
    whitened_ = arena.take(size);
    columns_ = arena.take(size);
    residual_ = arena.take(size);
    length_ = arena.take(tile.size > dp_ ? tile.size : dp_);  // scratch for a number per row or per column
    active_ = reinterpret_cast<Active*>(arena.take(2 * static_cast<std::size_t>(m.n_components)));
  }

  // (k,) offsets | center (dp,) | W (d, dp) | whitened means (k, dp)
  static std::size_t packed_size(const Mixture& m) {
    const std::size_t dp = padded(m.n_features);
    return padded(m.n_components) + (1 + m.n_features + m.n_components) * dp;
  }
  static void pack(const Mixture& m, double* to) {
    const std::size_t d = m.n_features, dp = padded(d);
    for (int k = 0; k < m.n_components; ++k) to[k] = m.offsets[k];
    double* center = to + padded(m.n_components);
    double* factor = center + dp;
    double* means = factor + d * dp;
    for (std::size_t j = 0; j < d; ++j) {
      double sum = 0.0;
      for (int k = 0; k < m.n_components; ++k) sum += m.means[k * d + j] / m.n_components;
      center[j] = sum;
    }
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = i; j < d; ++j) factor[i * dp + j] = m.factors[i * d + j];
    }
    for (int k = 0; k < m.n_components; ++k) {
      for (std::size_t i = 0; i < d; ++i) {
        const double difference = m.means[k * d + i] - center[i];
        for (std::size_t j = i; j < d; ++j) means[k * dp + j] += difference * factor[i * dp + j];
      }
    }
  }

  void load(const Rows& rows, std::size_t first, int count) {
    load_rows(rows, first, count, tile.size, rows_);
    subtract(rows_, center(), tile.size, dp_, rows_);
    whiten(rows_, tile.size, center() + dp_, mixture_.n_features, whitened_, length_);
    for (int n = 0; n < tile.size; ++n) {
      for (int j = 0; j < mixture_.n_features; ++j) {
        columns_[static_cast<std::size_t>(j) * tile.size + n] = whitened_[static_cast<std::size_t>(n) * dp_ + j];
      }
    }
  }

  void score() {
    for (int k = 0; k < mixture_.n_components; ++k) {
      score_distances<false>(columns_, tile.size, mixture_.n_features, packed_[k], mean(k), nullptr, tile.of(k));
    }
  }

  void add(const Partial& partial) {
    if (mixture_.n_components > 64 && mixture_.n_components > 4 * mixture_.n_features) {
      add_pair_by_pair(partial);
    } else {
      add_with_overlap(partial);
    }
  }

  void finish(const Partial&) {}

 private:
  struct Active {
    int component;
    std::uint64_t packs;  // bit p: some row of pack p has a share
  };

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
    const std::size_t size = static_cast<std::size_t>(tile.size) * dp_;
    for (std::size_t i = 0; i < size; ++i) residual_[i] = 0.0;
    int n_active = 0;
    for (int k = 0; k < mixture_.n_components; ++k) {
      partial.counts[k] += survivors_.find(tile, k);
      if (!survivors_.count) continue;
      add_residuals(mean(k), partial.shifts + static_cast<std::size_t>(k) * dp_);
      active_[n_active++] = {k, packs_with_a_share()};
    }
    add_residual_scatter(partial);
    for (int a = 0; a < n_active; ++a) {
      for (int b = 0; b < a; ++b) {
        const std::uint64_t packs = active_[a].packs & active_[b].packs;
        if (packs) add_overlap(active_[a].component, active_[b].component, packs, partial);
      }
    }
  }

  const double* center() const { return packed_ + padded(mixture_.n_components); }
  const double* mean(int k) const { return center() + static_cast<std::size_t>(1 + mixture_.n_features + k) * dp_; }

  // shift += sum of weight r (z - nu); residual += r (z - nu) in each row.
  void add_residuals(const double* nu, double* shift) {
    for (int j = 0; j < dp_; j += kLanes) {
      const Pack point = fetch(nu + j);
      Pack sum = fetch(shift + j);
      for (int s = 0; s < survivors_.count; ++s) {
        const int at = survivors_.index[s];
        double* residual = residual_ + static_cast<std::size_t>(at) * dp_ + j;
        const Pack u = fetch(whitened_ + static_cast<std::size_t>(at) * dp_ + j) - point;
        sum += survivors_.weighted[at] * u;
        store(residual, fetch(residual) + survivors_.responsibility[at] * u);
      }
      store(shift + j, sum);
    }
  }

  std::uint64_t packs_with_a_share() const {
    std::uint64_t packs = 0;
    for (int s = 0; s < survivors_.count; ++s) packs |= std::uint64_t{1} << (survivors_.index[s] / kLanes);
    return packs;
  }

  void add_residual_scatter(const Partial& partial) {
    int count = 0;
    for (int n = 0; n < tile.size; ++n) {
      if (tile.weight[n] > 0.0 && tile.normal[n] > 0.0) survivors_.index[count++] = n;
    }
    double* weighted = rows_;  // the rows themselves are no longer needed
    for (int j = 0; j < dp_; ++j) length_[j] = 0.0;
    weigh_rows(residual_, dp_, tile.weight, survivors_.index, count, weighted, length_);
    add_outer(weighted, residual_, survivors_.index, count, mixture_.n_features, partial.scatter);
  }

  void add_overlap(int a, int b, std::uint64_t packs, const Partial& partial) {
    Pack sum{};
    for (; packs; packs &= packs - 1) {
      const int n = __builtin_ctzll(packs) * kLanes;
      const Pack normal = fetch(tile.normal + n);
      sum += fetch(tile.of(a) + n) * normal * (fetch(tile.of(b) + n) * normal) * fetch(tile.weight + n);
    }
    partial.overlap[static_cast<std::size_t>(a) * mixture_.n_components + b] += sum_lanes(sum);
  }

  const Mixture& mixture_;
  int dp_;
  const double* packed_;

 public:
  Tile tile;

 private:
  Survivors survivors_;
  double *rows_, *whitened_, *columns_, *residual_, *length_;
  Active* active_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
