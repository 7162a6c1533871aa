// Up to 4 features (pixels): all numbers in registers, a lane is a row. A tied covariance has no code of its own here:
// every component sums its own scatter, and these are added at the end.
#pragma once

#include "kernels/form.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// The nonzero numbers of a factor. With one feature, all are the same.
enum class Shape { triangle, diagonal, sphere };

inline constexpr int kSmallRows = 128;

// What does not depend on the number of features at compile time.
class AnySmall : public FormKernel {
 public:
  AnySmall(const Mixture& m, const Real* packed, Arena& arena)
      : FormKernel(kSmallRows, m, arena), mixture_(m), n_components_(m.n_components), packed_(packed) {
    shrinks = true;
    columns_ = arena.take(static_cast<std::size_t>(m.n_features) * kSmallRows);
    const std::size_t size = packed_size(m) * kLanes;
    lanes_ = arena.take(size);
    if (lanes_) {
      for (std::size_t i = 0; i < size; ++i) lanes_[i] = 0.0;
    }
  }

  // Per component: offset, mean (d,), the columns of W down to the diagonal.
  static std::size_t packed_size(const Mixture& m) {
    const int d = m.n_features, n_factors = is_sphere(m) ? 1 : is_diagonal(m) ? d : d * (d + 1) / 2;
    return static_cast<std::size_t>(m.n_components) * (1 + d + n_factors);
  }
  static void pack(const Mixture& m, Real* to) {
    const int d = m.n_features;
    const bool diagonal = is_diagonal(m);
    for (int k = 0; k < m.n_components; ++k) {
      *to++ = static_cast<Real>(m.offsets[k]);
      for (int j = 0; j < d; ++j) *to++ = static_cast<Real>(m.means[k * d + j]);
      if (is_sphere(m)) *to++ = static_cast<Real>(m.factors[k]);
      for (int j = 0; !is_sphere(m) && j < d; ++j) {
        for (int i = diagonal ? j : 0; i <= j; ++i)
          *to++ = static_cast<Real>(m.factors[diagonal ? k * d + j : ((is_pooled(m) ? 0 : k) * d + i) * d + j]);
      }
    }
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    load_columns(rows, first, count, tile.size, columns_);
  }

  // The lanes are added once per block.
  void finish(const Partial& partial) override {
    const int d = mixture_.n_features;
    const bool diagonal = is_diagonal(mixture_), sphere = is_sphere(mixture_);
    const Real* lanes = lanes_;
    const auto next = [&] {
      const double sum = sum_lanes(fetch(lanes));
      lanes += kLanes;
      return sum;
    };
    for (int k = 0; k < n_components_; ++k) {
      partial.counts[k] += next();
      for (int j = 0; j < d; ++j) partial.shifts[k * kPad + j] += next();
      if (sphere) partial.scatter[k] += next();
      double* scatter =
          partial.scatter + static_cast<std::size_t>(is_pooled(mixture_) ? 0 : k) * kPad * (diagonal ? 1 : kPad);
      for (int i = 0; !sphere && i < d; ++i) {
        for (int j = diagonal ? i : 0; j <= i; ++j) scatter[diagonal ? i : i * kPad + j] += next();
      }
    }
  }

 protected:
  ~AnySmall() = default;

  const Mixture& mixture_;
  int n_components_;
  const Real* packed_;
  Real *columns_, *lanes_;

 private:
  static bool is_sphere(const Mixture& m) { return m.form == Form::spherical; }
  static bool is_diagonal(const Mixture& m) { return m.form == Form::diagonal || is_sphere(m); }
  static bool is_pooled(const Mixture& m) { return m.form == Form::tied; }
};

template <int d, Shape shape>
class Small final : public AnySmall {
 public:
  static constexpr bool sphere = shape == Shape::sphere, diagonal = shape != Shape::triangle;
  // Numbers of a component, both of its parameters and of its sums: one, a line, and a triangle (or its diagonal, or
  // one number).
  static constexpr int kNumbers = 1 + d + (sphere ? 1 : diagonal ? d : d * (d + 1) / 2);

  Small(const Mixture& m, const Real* packed, Arena& arena, bool) : AnySmall(m, packed, arena) {}

  void score() override {
    const Tile tile = this->tile;
    const Real *packed = packed_, *columns = columns_;
    for (int k = 0; k < tile.n_components; ++k) {
      const Real* component = packed + static_cast<std::size_t>(k) * kNumbers;
      Real* scores = tile.of(k);
      for (int n = 0; n < tile.size; n += kLanes) {
        Pack difference[d], y[d];
        GAUSSMIX_UNROLL
        for (int j = 0; j < d; ++j) difference[j] = column(columns, tile.size, j, n) - component[1 + j];
        whiten(component, difference, y);
        Pack square{};
        GAUSSMIX_UNROLL
        for (int j = 0; j < d; ++j) square += y[j] * y[j];
        store(scores + n, score_of(component[0], square));
      }
    }
  }

  void add(const Partial&) override {
    const Tile tile = this->tile;
    const Real *packed = packed_, *columns = columns_;
    for (int k = 0; k < tile.n_components; ++k) {
      const Real* component = packed + static_cast<std::size_t>(k) * kNumbers;
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
        for (int j = 0; j < d; ++j)
          difference[j] = select(counted, column(columns, tile.size, j, n) - component[1 + j], Pack{});
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

 private:
  static GAUSSMIX_INLINE Pack column(const Real* columns, int size, int j, int n) {
    return fetch(columns + static_cast<std::size_t>(j) * size + n);
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
};

}  // namespace gaussmix::GAUSSMIX_ISA
