// Conditional moments of the rows of a tile (pass/conditional.hpp): a lane is a row.
#pragma once

#include "kernels/softmax.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class ConditionalTile {
 public:
  ConditionalTile(const Regressions& g, const Tile tile, Arena& arena) : g_(g), tile_(tile) {
    const std::size_t size = tile.size;
    columns_ = arena.take(g.n_observed * size);
    found_ = arena.take(static_cast<std::size_t>(g.n_components) * g.n_targets * size);
    means_ = arena.take(g.n_targets * size);
  }

  void load(const Rows& rows, std::size_t first, int count) { load_columns(rows, first, count, tile_.size, columns_); }

  // The conditional means of each component.
  void predict() {
    constexpr int kTogether = 4;  // packs, so that a sum does not wait for itself
    for (int c = 0; c < g_.n_components; ++c) {
      for (int j = 0; j < g_.n_targets; ++j) {
        int n = 0;
        for (; n + kTogether * kLanes <= tile_.size; n += kTogether * kLanes) predict_packs<kTogether>(c, j, n);
        for (; n < tile_.size; n += kLanes) predict_packs<1>(c, j, n);
      }
    }
  }

  // Turns the scores of the tile into responsibilities, which are zero for a row without density, and averages the
  // means of the components. A second sum, of the differences from the first one, removes its rounding.
  GAUSSMIX_ONCE void average() {
    for (int n = 0; n < tile_.size; n += kLanes) {
      const Pack greatest = greatest_score(tile_, n);
      const Bits possible = greatest > broadcast(-kInfinity);
      const Pack sum = exponentiate(tile_, n, select(possible, greatest, Pack{}));
      const Pack normal = Real(1) / select(possible, sum, broadcast(1.0));
      for (int c = 0; c < g_.n_components; ++c) store(tile_.of(c) + n, fetch(tile_.of(c) + n) * normal);
      for (int j = 0; j < g_.n_targets; ++j) {
        const Pack rough = weighted_sum(n, [&](int c) { return of_component(c, j, n); });
        const Pack rest = weighted_sum(n, [&](int c) { return of_component(c, j, n) - rough; });
        store(means_ + static_cast<std::size_t>(j) * tile_.size + n, rough + rest);
      }
    }
  }

  // Writes what is wanted of the first `count` rows.
  GAUSSMIX_ONCE void write(std::size_t first, int count, const ConditionalMoments& to) const {
    const std::size_t k = g_.n_components, q = g_.n_targets;
    for (int n = 0; n < count; n += kLanes) {
      const std::size_t row = first + n;
      const int lanes = smaller(kLanes, count - n);
      for (int i = 0; i < g_.n_targets; ++i) {
        if (to.means) scatter(mean(i, n), lanes, q, to.means + row * q + i);
        if (to.variances) scatter(covariance(i, i, n), lanes, q, to.variances + row * q + i);
        for (int j = 0; to.covariances && j <= i; ++j) {
          const Pack value = covariance(i, j, n);
          scatter(value, lanes, q * q, to.covariances + (row * q + i) * q + j);
          scatter(value, lanes, q * q, to.covariances + (row * q + j) * q + i);
        }
        for (int c = 0; to.component_means && c < g_.n_components; ++c) {
          scatter(of_component(c, i, n), lanes, k * q, to.component_means + (row * k + c) * q + i);
        }
      }
    }
  }

 private:
  template <int packs>
  GAUSSMIX_INLINE void predict_packs(int c, int j, int n) {
    const std::size_t at = static_cast<std::size_t>(c) * g_.n_targets + j;
    const double* center = g_.observed_means + static_cast<std::size_t>(c) * g_.n_observed;
    const double* slopes = g_.coefficients + at * g_.n_observed;
    Pack shift[packs] = {};
    for (int i = 0; g_.coefficients && i < g_.n_observed; ++i) {
      const Real* values = columns_ + static_cast<std::size_t>(i) * tile_.size + n;
      const Pack origin = broadcast(static_cast<Real>(center[i])), slope = broadcast(static_cast<Real>(slopes[i]));
      GAUSSMIX_UNROLL
      for (int p = 0; p < packs; ++p) shift[p] += slope * (fetch(values + p * kLanes) - origin);
    }
    const Pack start = broadcast(static_cast<Real>(g_.target_means[at]));
    GAUSSMIX_UNROLL
    for (int p = 0; p < packs; ++p) store(found_ + at * tile_.size + n + p * kLanes, start + shift[p]);
  }

  // The covariances of targets i and j: those within components and those of their means.
  GAUSSMIX_INLINE Pack covariance(int i, int j, int n) const {
    const std::size_t q = g_.n_targets;
    const Pack mean_i = mean(i, n), mean_j = mean(j, n);
    return weighted_sum(n, [&](int c) {
      const double within = i == j ? g_.variances[c * q + i] : g_.covariances[(c * q + i) * q + j];
      const Pack between = (of_component(c, i, n) - mean_i) * (of_component(c, j, n) - mean_j);
      return broadcast(static_cast<Real>(within)) + between;
    });
  }

  // The mean of target j of a pack of rows, over all components and in component c.
  GAUSSMIX_INLINE Pack mean(int j, int n) const { return fetch(means_ + static_cast<std::size_t>(j) * tile_.size + n); }
  GAUSSMIX_INLINE Pack of_component(int c, int j, int n) const {
    return fetch(found_ + (static_cast<std::size_t>(c) * g_.n_targets + j) * tile_.size + n);
  }

  // Components without a share are left out: their values may be infinite.
  template <class Value>
  GAUSSMIX_INLINE Pack weighted_sum(int n, const Value& value) const {
    Pack sum{};
    for (int c = 0; c < g_.n_components; ++c) {
      const Pack share = fetch(tile_.of(c) + n);
      sum += select(share > Pack{}, share * value(c), Pack{});
    }
    return sum;
  }

  static GAUSSMIX_INLINE void scatter(Pack values, int lanes, std::size_t stride, double* to) {
    if (stride == 1 && lanes == kLanes) {
      for (int l = 0; l < kLanes; ++l) to[l] = values[l];
    } else {
      for (int l = 0; l < lanes; ++l) to[l * stride] = values[l];
    }
  }

  const Regressions& g_;
  const Tile tile_;
  Real *columns_, *found_, *means_;  // (s, size), (k, q, size), (q, size)
};

}  // namespace gaussmix::GAUSSMIX_ISA
