// Rows with missing values or errors of measurement that are independent, under diagonal or spherical covariances:
// every feature is on its own, and a lane is a row.
//
// With s the standard deviation of the error in whitened units, y = z + s e. The expectation of z is y / (1 + s^2), and
// its variance is s^2 / (1 + s^2). Of a missing number these are 0 and 1.
#pragma once

#include "kernels/form.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class IncompleteAxes final : public FormKernel {
 public:
  IncompleteAxes(const Mixture& m, const Real* packed, Arena& arena, bool)
      : FormKernel(kTileRows, m, arena), mixture_(m), dp_(static_cast<int>(padded(m.n_features))), packed_(packed) {
    const std::size_t size = static_cast<std::size_t>(m.n_features) * kTileRows;
    columns_ = arena.take(size);
    errors_ = arena.take(m.noise == Noise::none ? 0 : size);
    weights_ = arena.take(kTileRows);
  }

  // (k,) offsets | per component: mean (dp,), W (dp,), what a missing number adds to the score (dp,)
  static std::size_t packed_size(const Mixture& m) {
    return padded(m.n_components) + 3 * padded(m.n_features) * m.n_components;
  }
  static void pack(const Mixture& m, Real* to) {
    constexpr double kHalfLog2Pi = 0.91893853320467274178;
    const std::size_t d = m.n_features, dp = padded(d);
    for (int k = 0; k < m.n_components; ++k) to[k] = static_cast<Real>(m.offsets[k]);
    to += padded(m.n_components);
    for (int k = 0; k < m.n_components; ++k, to += 3 * dp) {
      for (std::size_t j = 0; j < d; ++j) {
        const double factor = m.form == Form::spherical ? m.factors[k] : m.factors[k * d + j];
        to[j] = static_cast<Real>(m.means[k * d + j]);
        to[dp + j] = static_cast<Real>(factor);
        to[2 * dp + j] = static_cast<Real>(kHalfLog2Pi - __builtin_log(factor));
      }
    }
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    const int d = mixture_.n_features;
    load_columns(rows, first, count, kTileRows, columns_);
    if (tile.n_observed) count_observed(columns_, kTileRows, d, tile.n_observed);
    if (mixture_.noise == Noise::none) return;
    load_columns(Rows{rows.noise, Scalar::float64, rows.n_rows, d, nullptr, nullptr}, first, count, kTileRows, errors_);
  }

  void score() override {
    for (int k = 0; k < mixture_.n_components; ++k) {
      for (int n = 0; n < kTileRows; n += kLanes) score_pack(k, n);
    }
  }

  void add(const Partial& partial) override {
    for (int k = 0; k < mixture_.n_components; ++k) {
      unsigned any = 0;
      Pack total{};
      for (int n = 0; n < kTileRows; n += kLanes) {
        const Pack r = fetch(tile.of(k) + n) * fetch(tile.normal + n);
        const Pack w = select(r >= broadcast(kNegligible), r * fetch(tile.weight + n), Pack{});
        any |= at_least(r, broadcast(kNegligible));
        store(weights_ + n, w);
        total += w;
      }
      partial.counts[k] += sum_lanes(total);
      if (any) add_component(k, partial);
    }
  }

 private:
  const Real* component(int k) const {
    return packed_ + padded(mixture_.n_components) + static_cast<std::size_t>(k) * 3 * dp_;
  }

  // s^2 of the rows of a pack, 0 without errors.
  GAUSSMIX_INLINE Pack error_of(int j, int n, Real factor) const {
    if (mixture_.noise == Noise::none) return Pack{};
    const Pack s = fetch(errors_ + static_cast<std::size_t>(j) * kTileRows + n) * factor;
    return s * s;
  }

  GAUSSMIX_ONCE void score_pack(int k, int n) {
    const Real *mean = component(k), *factor = mean + dp_, *missing = factor + dp_;
    const bool has_errors = mixture_.noise != Noise::none;
    Pack square{}, term{};
    for (int j = 0; j < mixture_.n_features; ++j) {
      const Pack x = fetch(columns_ + static_cast<std::size_t>(j) * kTileRows + n);
      const Bits known = x == x;
      const Pack y = select(known, (x - mean[j]) * factor[j], Pack{});
      if (has_errors) {
        const Pack variance = select(known, Real(1) + error_of(j, n, factor[j]), broadcast(1.0));
        square += y * y / variance;
        term -= Real(0.5) * log_positive(variance);
      } else {
        square += y * y;
      }
      term += select(known, Pack{}, broadcast(missing[j]));
    }
    const Pack score = score_of(packed_[k], square);
    store(tile.of(k) + n, tile.terms ? score : score + term);
    if (tile.terms) store(tile.terms + static_cast<std::size_t>(k) * kTileRows + n, term);
  }

  GAUSSMIX_ONCE void add_component(int k, const Partial& partial) {
    const Real *mean = component(k), *factor = mean + dp_;
    double* shift = partial.shifts + static_cast<std::size_t>(k) * dp_;
    const std::size_t line = static_cast<std::size_t>(k) * kTileRows;
    for (int j = 0; j < mixture_.n_features; ++j) {
      Pack first{}, second{};
      for (int n = 0; n < kTileRows; n += kLanes) {
        const Pack x = fetch(columns_ + static_cast<std::size_t>(j) * kTileRows + n), w = fetch(weights_ + n);
        const Pack error = error_of(j, n, factor[j]), inverse = Real(1) / (Real(1) + error);
        const Bits known = x == x;
        // A row without a share may be infinitely far.
        const Pack z = select(known & (w > Pack{}), (x - mean[j]) * factor[j] * inverse, Pack{});
        first += w * z;
        // The variance of missing values under a t distribution has the weight r, not r u.
        const Pack scale = tile.surplus ? Real(1) / (Real(1) + fetch(tile.surplus + line + n)) : broadcast(1.0);
        second += w * (z * z + select(known, error * inverse, scale));
      }
      shift[j] += sum_lanes(first);
      partial.scatter[mixture_.form == Form::spherical ? k : static_cast<std::size_t>(k) * dp_ + j] +=
          sum_lanes(second);
    }
  }

  const Mixture& mixture_;
  int dp_;
  const Real* packed_;
  Real *columns_, *errors_, *weights_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
