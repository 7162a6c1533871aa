// Diagonal covariances: in distances a lane is a row, in sums it is a feature.
#pragma once

#include "kernels/distance.hpp"
#include "kernels/form.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class Diagonal final : public FormKernel {
 public:
  Diagonal(const Mixture& m, const Real* packed, Arena& arena, bool)
      : FormKernel(kTileRows, m, arena),
        mixture_(m),
        dp_(static_cast<int>(padded(m.n_features))),
        packed_(packed),
        survivors_(kTileRows, arena) {
    columns_ = arena.take(static_cast<std::size_t>(m.n_features) * kTileRows);
    copies_ = arena.take(static_cast<std::size_t>(dp_) * kTileRows);
    shrinks = true;
  }

  // (k,) offsets | per component: mean (dp,), W (dp,)
  static std::size_t packed_size(const Mixture& m) {
    return padded(m.n_components) + 2 * padded(m.n_features) * m.n_components;
  }
  static void pack(const Mixture& m, Real* to) {
    const std::size_t d = m.n_features, dp = padded(d);
    for (int k = 0; k < m.n_components; ++k) to[k] = static_cast<Real>(m.offsets[k]);
    to += padded(m.n_components);
    for (int k = 0; k < m.n_components; ++k, to += 2 * dp) {
      for (std::size_t j = 0; j < d; ++j) to[j] = static_cast<Real>(m.means[k * d + j]);
      for (std::size_t j = 0; j < d; ++j) to[dp + j] = static_cast<Real>(m.factors[k * d + j]);
    }
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    load_columns(rows, first, count, tile.size, columns_);
    rows_ = rows_or_copies(rows, first, count, tile.size, copies_);
  }

  void score() override {
    for (int k = 0; k < mixture_.n_components; ++k) {
      const Real* mean = component(k);
      score_distances(columns_, tile.size, mixture_.n_features, packed_[k], mean, mean + dp_, tile.of(k));
    }
  }

  void add(const Partial& partial) override {
    for (int k = 0; k < mixture_.n_components; ++k) {
      partial.counts[k] += survivors_.find(tile, k);
      if (!survivors_.count) continue;
      const Real* mean = component(k);
      double* shift = partial.shifts + static_cast<std::size_t>(k) * dp_;
      double* scatter = partial.scatter + static_cast<std::size_t>(k) * dp_;
      int j = 0;
      for (; j + 4 * kLanes <= dp_; j += 4 * kLanes) add_columns<4, 1>(mean, j, shift, scatter);
      for (; j + 2 * kLanes <= dp_; j += 2 * kLanes) add_columns<2, 2>(mean, j, shift, scatter);
      for (; j < dp_; j += kLanes) add_columns<1, 4>(mean, j, shift, scatter);
    }
  }

 private:
  const Real* component(int k) const {
    return packed_ + padded(mixture_.n_components) + static_cast<std::size_t>(k) * 2 * dp_;
  }

  // The sums over the survivors for `wide` packs of columns, in `chains` independent sums that hide the latency.
  template <int wide, int chains>
  GAUSSMIX_INLINE void add_columns(const Real* mean, int column, double* shift, double* scatter) {
    const Real* factor = mean + dp_;
    Pack center[wide], first[chains][wide] = {}, second[chains][wide] = {};
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) center[p] = fetch(mean + column + p * kLanes);
    const auto add_row = [&](int s, int chain) {
      const int at = survivors_.index[s];
      const Real* row = rows_ + static_cast<std::size_t>(at) * dp_ + column;
      const Pack w = broadcast(survivors_.weighted[at]);
      GAUSSMIX_UNROLL
      for (int p = 0; p < wide; ++p) {
        const Pack difference = fetch(row + p * kLanes) - center[p];
        const Pack weighted = difference * w;
        first[chain][p] += weighted;
        second[chain][p] += weighted * difference;
      }
    };
    int s = 0;
    for (; s + chains <= survivors_.count; s += chains) {
      GAUSSMIX_UNROLL
      for (int chain = 0; chain < chains; ++chain) add_row(s + chain, chain);
    }
    for (; s < survivors_.count; ++s) add_row(s, 0);
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) {
      double *to_shift = shift + column + p * kLanes, *to_scatter = scatter + column + p * kLanes;
      GAUSSMIX_UNROLL
      for (int chain = 1; chain < chains; ++chain) {
        first[0][p] += first[chain][p];
        second[0][p] += second[chain][p];
      }
      const Pack scale = fetch(factor + column + p * kLanes);
      add_to(to_shift, first[0][p] * scale);
      add_to(to_scatter, second[0][p] * scale * scale);
    }
  }

  const Mixture& mixture_;
  int dp_;
  const Real* packed_;
  Survivors survivors_;
  Real *columns_, *copies_;
  const Real* rows_ = nullptr;  // (size, dp)
};

}  // namespace gaussmix::GAUSSMIX_ISA
