// Up to 4 features (pixels): all numbers in registers, a lane is a row. A tied covariance has no code of its own here:
// every component sums its own scatter, and these are added at the end.
#pragma once

#include "kernels/softmax.hpp"

namespace gaussmix::GAUSSMIX_ISA {

template <int d, Form form>
class Small {
 public:
  static constexpr bool sphere = form == Form::spherical, pooled = form == Form::tied;
  static constexpr bool diagonal = form == Form::diagonal || sphere;
  // Numbers of a component, both of its parameters and of its sums: one, a line, and a triangle (or its diagonal, or
  // one number).
  static constexpr int kNumbers = 1 + d + (sphere ? 1 : diagonal ? d : d * (d + 1) / 2);

  Small(const Mixture& m, const Real* packed, Arena& arena, bool)
      : n_components_(m.n_components), packed_(packed), tile(128, m.n_components, arena) {
    columns_ = arena.take(static_cast<std::size_t>(d) * tile.size);
    const std::size_t size = static_cast<std::size_t>(m.n_components) * kNumbers * kLanes;
    lanes_ = arena.take(size);
    if (lanes_) {
      for (std::size_t i = 0; i < size; ++i) lanes_[i] = 0.0;
    }
  }

  // Per component: offset, mean (d,), the columns of W down to the diagonal.
  static std::size_t packed_size(const Mixture& m) { return static_cast<std::size_t>(m.n_components) * kNumbers; }
  static void pack(const Mixture& m, Real* to) {
    for (int k = 0; k < m.n_components; ++k) {
      *to++ = static_cast<Real>(m.offsets[k]);
      for (int j = 0; j < d; ++j) *to++ = static_cast<Real>(m.means[k * d + j]);
      if (sphere) *to++ = static_cast<Real>(m.factors[k]);
      for (int j = 0; !sphere && j < d; ++j) {
        for (int i = diagonal ? j : 0; i <= j; ++i)
          *to++ = static_cast<Real>(m.factors[diagonal ? k * d + j : ((pooled ? 0 : k) * d + i) * d + j]);
      }
    }
  }

  void load(const Rows& rows, std::size_t first, int count) { load_columns(rows, first, count, tile.size, columns_); }

  void score() {
    for (int k = 0; k < n_components_; ++k) {
      const Real* component = packed_ + static_cast<std::size_t>(k) * kNumbers;
      Real* scores = tile.of(k);
      for (int n = 0; n < tile.size; n += kLanes) {
        Pack difference[d], y[d];
        GAUSSMIX_UNROLL
        for (int j = 0; j < d; ++j) difference[j] = column(j, n) - component[1 + j];
        whiten(component, difference, y);
        Pack square{};
        GAUSSMIX_UNROLL
        for (int j = 0; j < d; ++j) square += y[j] * y[j];
        store(scores + n, score_of(component[0], square));
      }
    }
  }

  void add(const Partial&) {
    for (int k = 0; k < n_components_; ++k) {
      const Real* component = packed_ + static_cast<std::size_t>(k) * kNumbers;
      const Real* shares = tile.of(k);
      Real* lanes = lanes_ + static_cast<std::size_t>(k) * kNumbers * kLanes;
      Pack sums[kNumbers];
      GAUSSMIX_UNROLL
      for (int s = 0; s < kNumbers; ++s) sums[s] = fetch(lanes + s * kLanes);
      for (int n = 0; n < tile.size; n += kLanes) {
        const Pack responsibility = fetch(shares + n) * fetch(tile.normal + n);
        const Pack least = broadcast(kNegligible);
        if (!at_least(responsibility, least)) continue;
        const Bits counted = responsibility >= least;
        const Pack r = select(counted, responsibility * fetch(tile.weight + n), Pack{});
        Pack difference[d], y[d];
        GAUSSMIX_UNROLL
        for (int j = 0; j < d; ++j) difference[j] = select(counted, column(j, n) - component[1 + j], Pack{});
        whiten(component, difference, y);
        sums[0] += r;
        int s = 1 + d;
        GAUSSMIX_UNROLL
        for (int i = 0; i < d; ++i) {
          const Pack ry = r * y[i];
          sums[1 + i] += ry;
          GAUSSMIX_UNROLL
          for (int j = diagonal ? i : 0; j <= i; ++j) sums[sphere ? s : s++] += ry * y[j];
        }
      }
      GAUSSMIX_UNROLL
      for (int s = 0; s < kNumbers; ++s) store(lanes + s * kLanes, sums[s]);
    }
  }

  // The lanes are added once per block.
  void finish(const Partial& partial) {
    for (int k = 0; k < n_components_; ++k) {
      const Real* lanes = lanes_ + static_cast<std::size_t>(k) * kNumbers * kLanes;
      const auto next = [&] {
        const double sum = sum_lanes(fetch(lanes));
        lanes += kLanes;
        return sum;
      };
      partial.counts[k] += next();
      for (int j = 0; j < d; ++j) partial.shifts[k * kPad + j] += next();
      if (sphere) partial.scatter[k] += next();
      double* scatter = partial.scatter + static_cast<std::size_t>(pooled ? 0 : k) * kPad * (diagonal ? 1 : kPad);
      for (int i = 0; !sphere && i < d; ++i) {
        for (int j = diagonal ? i : 0; j <= i; ++j) scatter[diagonal ? i : i * kPad + j] += next();
      }
    }
  }

 private:
  GAUSSMIX_INLINE Pack column(int j, int n) const {
    return fetch(columns_ + static_cast<std::size_t>(j) * tile.size + n);
  }
  static GAUSSMIX_INLINE void whiten(const Real* component, const Pack difference[d], Pack y[d]) {
    const Real* w = component + 1 + d;
    GAUSSMIX_UNROLL
    for (int j = 0; j < d; ++j) {
      y[j] = difference[diagonal ? j : 0] * *(sphere ? w : w++);
      GAUSSMIX_UNROLL
      for (int i = 1; !diagonal && i <= j; ++i) y[j] += difference[i] * *w++;
    }
  }

  int n_components_;
  const Real* packed_;

 public:
  Tile tile;

 private:
  Real *columns_, *lanes_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
