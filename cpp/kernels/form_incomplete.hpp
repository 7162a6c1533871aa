// Rows with missing values or measurement errors, under full or tied covariances: a lane is a row. directions.hpp has
// the method.
#pragma once

#include "kernels/directions.hpp"
#include "kernels/form.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class Incomplete final : public FormKernel {
 public:
  Incomplete(const Mixture& m, const Real* packed, Arena& arena, bool sums)
      : FormKernel(kRows, m, arena),
        d_(m.n_features),
        n_components_(m.n_components),
        n_factors_(Directions::n_factors_of(m)),
        sums_(sums),
        packed_(packed),
        directions_(m, factors(), arena, sums) {
    const std::size_t size = static_cast<std::size_t>(d_) * kRows;
    columns_ = arena.take(size);
    filled_ = arena.take(size);
    squares_ = arena.take(kRows);
    weights_ = arena.take(kRows);
    residuals_ = arena.take((sums ? n_components_ : 1) * static_cast<std::size_t>(directions_.height()) * kRows);
    const std::size_t n_pending = static_cast<std::size_t>(n_factors_) * kRows;
    const std::size_t n_lanes = (n_components_ * d_ + n_factors_ * triangle(d_)) * kLanes;
    pending_ = arena.take(sums ? n_pending : 0);
    lanes_ = arena.take(sums ? n_lanes : 0);
    if (!sums || !lanes_) return;
    for (std::size_t i = 0; i < n_pending; ++i) pending_[i] = 0.0;
    for (std::size_t i = 0; i < n_lanes; ++i) lanes_[i] = 0.0;
  }

  // (k,) offsets | means (k, d) | factors
  static std::size_t packed_size(const Mixture& m) {
    return padded(m.n_components) + padded(static_cast<std::size_t>(m.n_components) * m.n_features) +
           Directions::n_factors_of(m) * Directions::factor_size(m.n_features);
  }
  static void pack(const Mixture& m, Real* to) {
    const std::size_t k = m.n_components, d = m.n_features;
    for (std::size_t c = 0; c < k; ++c) to[c] = static_cast<Real>(m.offsets[c]);
    to += padded(k);
    for (std::size_t i = 0; i < k * d; ++i) to[i] = static_cast<Real>(m.means[i]);
    to += padded(k * d);
    for (int f = 0; f < Directions::n_factors_of(m); ++f, to += Directions::factor_size(m.n_features)) {
      Directions::pack(m.factors + f * d * d, m.n_features, to);
    }
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    load_columns(rows, first, count, kRows, columns_);
    if (tile.n_observed) count_observed(columns_, kRows, d_, tile.n_observed);
    if (directions_.are_those_of(columns_)) return;
    add_pending();
    directions_.take(rows, first, count, columns_);
  }

  void score() override {
    for (int k = 0; k < n_components_; ++k) {
      const int factor = n_factors_ > 1 ? k : 0;
      if (k < n_factors_) directions_.decompose(k);
      find_residuals(k);
      const Real *missing = directions_.missing_terms(), *log_lengths = directions_.log_lengths(factor);
      for (int n = 0; n < kRows; n += kLanes) {
        const Pack score = score_of(packed_[k], fetch(squares_ + n)),
                   term = fetch(missing + n) - fetch(log_lengths + n);
        store(tile.of(k) + n, tile.terms ? score : score + term);
        if (tile.terms) store(tile.terms + static_cast<std::size_t>(k) * kRows + n, term);
      }
    }
  }

  void add(const Partial& partial) override {
    for (int k = 0; k < n_components_; ++k) {
      if (find_weights(k, partial.counts[k])) add_residuals(k);
    }
  }

  void finish(const Partial& partial) override {
    add_pending();
    const std::size_t dp = padded(d_);
    for (int k = 0; k < n_components_; ++k) add_sums(shift_lanes(k), d_, partial.shifts + k * dp);
    for (int f = 0; f < n_factors_; ++f) {
      for (int i = 0; i < d_; ++i) {
        add_sums(scatter_lanes(f) + triangle(i) * kLanes, i + 1, partial.scatter + (f * dp + i) * dp);
      }
    }
  }

 private:
  static constexpr int kRows = Directions::kRows;

  const Real* mean(int k) const { return packed_ + padded(n_components_) + static_cast<std::size_t>(k) * d_; }
  const Real* factors() const { return packed_ + padded(n_components_) + padded(n_components_ * d_); }
  Real* residuals_of(int k) const {
    return residuals_ + (sums_ ? static_cast<std::size_t>(k) * directions_.height() * kRows : 0);
  }
  Real* pending_of(int k) const { return pending_ + (n_factors_ > 1 ? k * kRows : 0); }
  Real* shift_lanes(int k) const { return lanes_ + static_cast<std::size_t>(k) * d_ * kLanes; }
  Real* scatter_lanes(int k) const {
    const std::size_t shifts = static_cast<std::size_t>(n_components_) * d_;
    return lanes_ + (shifts + (n_factors_ > 1 ? k * triangle(d_) : 0)) * kLanes;
  }

  // The residuals of a component and their squared lengths.
  GAUSSMIX_ONCE void find_residuals(int k) {
    const Real *center = mean(k), *panels = factors() + (n_factors_ > 1 ? k * Directions::factor_size(d_) : 0);
    Real *const y = residuals_of(k), *const filled = filled_;
    for (int j = 0, d = d_; j < d; ++j) {
      for (int n = 0; n < kRows; n += kLanes) {
        const Pack x = fetch(columns_ + static_cast<std::size_t>(j) * kRows + n);
        store(filled + static_cast<std::size_t>(j) * kRows + n, select(x == x, x, broadcast(center[j])));
      }
    }
    whiten_columns(filled, kRows, kRows, center, panels, d_, y, squares_);
    const int height = directions_.height();
    for (int i = d_ * kRows; i < height * kRows; i += kLanes) store(y + i, Pack{});
    directions_.remove_from(n_factors_ > 1 ? k : 0, y);
    // Residuals that are not finite become zero: the score tells that the row is infinitely far.
    for (int n = 0; n < kRows; n += kLanes) {
      Pack square{};
      for (int j = 0; j < height; ++j) square += fetch(y + j * kRows + n) * fetch(y + j * kRows + n);
      store(squares_ + n, square);
      const Bits finite = square < broadcast(kInfinity);
      if (at_least(select(finite, Pack{}, broadcast(-1)), Pack{}) == (1u << kLanes) - 1) continue;
      for (int j = 0; j < height; ++j) store(y + j * kRows + n, select(finite, fetch(y + j * kRows + n), Pack{}));
    }
  }

  // Sets weights_ to the weighted responsibilities, and adds them to the count and to what is pending. Returns whether
  // any row has a share.
  bool find_weights(int k, double& count) {
    Real *const pending = pending_of(k), *const surplus = tile.surplus;
    Pack total{};
    unsigned any = 0;
    for (int n = 0; n < kRows; n += kLanes) {
      const Pack r = fetch(tile.of(k) + n) * fetch(tile.normal + n);
      const Pack w = select(r >= broadcast(kNegligible), r * fetch(tile.weight + n), Pack{});
      any |= at_least(r, broadcast(kNegligible));
      store(weights_ + n, w);
      // The covariance of missing values under a t distribution has the weight r, not r u.
      const Pack own = surplus ? w / (Real(1) + fetch(surplus + static_cast<std::size_t>(k) * kRows + n)) : w;
      store(pending + n, fetch(pending + n) + own);
      total += w;
    }
    count += sum_lanes(total);
    return any != 0;
  }

  GAUSSMIX_ONCE void add_residuals(int k) {
    const Real *y = residuals_of(k), *weights = weights_;
    Real *const shifts = shift_lanes(k), *const weighted = filled_;
    for (int j = 0, d = d_; j < d; ++j) {
      Pack sum = fetch(shifts + j * kLanes);
      for (int n = 0; n < kRows; n += kLanes) {
        const Pack value = fetch(weights + n) * fetch(y + j * kRows + n);
        store(weighted + j * kRows + n, value);
        sum += value;
      }
      store(shifts + j * kLanes, sum);
    }
    add_outer_columns(weighted, y, kRows, kRows, d_, scatter_lanes(k));
  }

  // Adds the covariances of the rows so far that have the same directions.
  void add_pending() {
    if (!sums_) return;
    for (int f = 0; f < n_factors_; ++f) {
      Real* const pending = pending_of(f);
      Pack greatest{};
      for (int n = 0; n < kRows; n += kLanes) greatest = larger(greatest, fetch(pending + n));
      if (!at_least(greatest, broadcast(kSmallest))) continue;
      directions_.add_products(f, pending, scatter_lanes(f));
      for (int n = 0; n < kRows; n += kLanes) store(pending + n, Pack{});
    }
  }

  int d_, n_components_, n_factors_;
  bool sums_;
  const Real* packed_;
  Directions directions_;
  Real *columns_, *filled_;  // (d, rows) the rows; with the means in place of missing numbers, or weighted residuals
  Real *squares_, *weights_;
  Real* residuals_;  // per component (height, rows)
  Real* pending_;    // per factor (rows,) weights
  Real* lanes_;      // sums: shifts (k, d) | lower triangles of scatter
};

}  // namespace gaussmix::GAUSSMIX_ISA
