// One covariance for all components: the rows are whitened once, and then every component is a sphere.
//
// The pooled scatter needs no outer product per component. With nu_k the whitened means, z a whitened row, r_k its
// responsibilities and a its most probable component,
//   sum_k r_k (z - nu_k)(z - nu_k)' = m m' - b b' + sum_k r_k (nu_a - nu_k)(nu_a - nu_k)',
//   m = sum_k r_k (z - nu_k),  b = m - (z - nu_a) = sum_k r_k (nu_a - nu_k),
// so a pass returns the scatter of the m minus that of the b, and overlap[a, k] = sum of weight r_k over the rows
// whose most probable component is a. The last two terms together are positive and no less than r_a of the last one,
// and r_a is at least 1 / k, so nothing cancels, however far apart the means are. With very many components the k^2
// numbers of overlap would cost more than they save, and the outer products are summed pair by pair.
//
// If all means are within kNear standard deviations of their center, the origin of z, a cheaper identity
// serves:
//   sum_k r_k (z - nu_k)(z - nu_k)' = z z' - sum_k (s_k nu_k' + nu_k s_k' + r_k nu_k nu_k'),  s_k = r_k (z - nu_k).
// The last sum needs only the counts and the shifts of a block, and cancellation costs less than two digits.
//
// Both identities need responsibilities of components with the sum one. With a background the outer products are summed
// pair by pair.
#pragma once

#include "kernels/distance.hpp"
#include "kernels/form.hpp"
#include "kernels/shifts.hpp"
#include "kernels/whiten.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class Tied final : public FormKernel {
 public:
  Tied(const Mixture& m, const Real* packed, Arena& arena, bool)
      : FormKernel(kTileRows, m, arena),
        mixture_(m),
        dp_(static_cast<int>(padded(m.n_features))),
        pairwise_(m.background || (m.n_components > 512 && m.n_components > 4 * m.n_features)),
        packed_(packed),
        survivors_(kTileRows, arena),
        shares_(arena) {
    const std::size_t size = static_cast<std::size_t>(kTileRows) * dp_;
    rows_ = weighted_ = arena.take(2 * size);  // no longer needed as rows when residuals are weighed
    columns_ = rows_ ? rows_ + size : nullptr;
    whitened_ = arena.take(size);
    residuals_ = arena.take(2 * size);
    most_probable_ = arena.take(kTileRows);
    n_shares_ = arena.take(kTileRows);
    unused_ = reinterpret_cast<double*>(arena.take(dp_ * sizeof(double) / sizeof(Real)));
    length_ = arena.take(kTileRows);
    index_ = reinterpret_cast<int*>(arena.take(2 * kTileRows));
    weights_ = arena.take(2 * kTileRows);
    n_active_ = reinterpret_cast<int*>(arena.take(kTileRows));
    active_ = reinterpret_cast<int*>(arena.take(static_cast<std::size_t>(m.n_components) * (kTileRows / kLanes)));
  }

  // (k,) offsets | center (dp,) | W (d, dp) | whitened means (k, dp) | 1 if they are near, else 0
  static std::size_t packed_size(const Mixture& m) {
    const std::size_t dp = padded(m.n_features);
    return padded(m.n_components) + (1 + m.n_features + m.n_components) * dp + kPad;
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
    bool near = !m.background;
    for (int k = 0; k < m.n_components; ++k) {
      for (std::size_t i = 0; i < d; ++i) {
        const Real difference = static_cast<Real>(m.means[k * d + i] - center[i]);
        for (std::size_t j = i; j < d; ++j) means[k * dp + j] += difference * factor[i * dp + j];
      }
      for (std::size_t j = 0; j < d; ++j) near = near && means[k * dp + j] <= kNear && means[k * dp + j] >= -kNear;
    }
    means[m.n_components * dp] = near ? 1.0 : 0.0;
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    load_rows(rows, first, count, kTileRows, rows_);
    subtract(rows_, center(), kTileRows, dp_, rows_);
    whiten(rows_, kTileRows, center() + dp_, mixture_.n_features, whitened_, length_);
    transpose_tile(whitened_, kTileRows, dp_, mixture_.n_features, columns_);
  }

  void score() override {
    const Real* offsets = packed_;
    measure_distances(
        columns_, kTileRows, mixture_.n_features, mean(0), dp_, mixture_.n_components,
        [=, tile = tile](int k, int n, Pack square) { store(tile.of(k) + n, score_of(offsets[k], square)); });
  }

  void add(const Partial& partial) override {
    if (is_near()) {
      add_shifts(partial);
      add_rows(partial);
    } else if (pairwise_) {
      add_pair_by_pair(partial);
    } else {
      add_shifts(partial);
      add_with_overlap(partial);
    }
  }

  // Moves the scatter of near means from the center to the means.
  void finish(const Partial& partial) override {
    if (!is_near()) return;
    const int d = mixture_.n_features;
    for (int k = 0; k < mixture_.n_components; ++k) {
      if (partial.counts[k] == 0.0) continue;
      const Real* nu = mean(k);
      const double* shift = partial.shifts + static_cast<std::size_t>(k) * dp_;
      for (int i = 0; i < d; ++i) {
        double* line = partial.scatter + static_cast<std::size_t>(i) * dp_;
        const double ahead = shift[i] + partial.counts[k] * nu[i];
        for (int j = 0; j <= i; ++j) line[j] -= ahead * nu[j] + nu[i] * shift[j];
      }
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
          store(residuals_ + row + j, fetch(whitened_ + row + j) - fetch(mean(k) + j));
        }
      }
      double* shift = partial.shifts + static_cast<std::size_t>(k) * dp_;
      weigh_rows(residuals_, dp_, survivors_.weighted, survivors_.index, survivors_.count, rows_, shift);
      add_outer(rows_, residuals_, survivors_.index, survivors_.count, mixture_.n_features, partial.scatter);
    }
  }

  void add_shifts(const Partial& partial) {
    Shares::for_groups(mixture_.n_components, [&](auto together, int k) {
      constexpr int wide = decltype(together)::value;
      constexpr Real kOne[Shares::kTogether] = {1, 1, 1, 1};
      shares_.find<wide>(tile, k, partial.counts, [](int, int, Pack) {});
      shares_.add_shifts<wide>(whitened_, dp_, mean(k), kOne, partial.shifts + static_cast<std::size_t>(k) * dp_);
    });
  }

  // scatter += weight z z'
  void add_rows(const Partial& partial) {
    int count = 0;
    for (int n = 0; n < kTileRows; ++n) {
      if (tile.normal[n] > 0.0) index_[count++] = n;
    }
    weigh_rows(whitened_, dp_, tile.weight, index_, count, weighted_, unused_);
    add_outer(weighted_, whitened_, index_, count, mixture_.n_features, partial.scatter);
  }

  void add_with_overlap(const Partial& partial) {
    find_responsibilities();
    add_overlaps(partial);
    find_residuals();
    add_scatter(partial);
  }

  // Finds each row's most probable component and how many have a share in it, and lists the components that have a
  // share in each pack of rows.
  void find_responsibilities() {
    for (int n = 0; n < kTileRows; n += kLanes) {
      const Pack normal = fetch(tile.normal + n);
      Pack most_probable{}, n_shares{};
      int *active = active_of(n), count = 0;
      for (int k = mixture_.n_components - 1; k >= 0; --k) {
        const Pack share = fetch(tile.of(k) + n), r = share * normal;
        most_probable = select(share >= broadcast(1.0), broadcast(static_cast<Real>(k)), most_probable);
        n_shares += select(r >= broadcast(kNegligible), broadcast(1.0), Pack{});
        active[count] = k;
        count += at_least(r, broadcast(kNegligible)) != 0;
      }
      store(most_probable_ + n, most_probable);
      store(n_shares_ + n, n_shares);
      n_active_[n / kLanes] = count;
    }
  }

  // m = sum_k r_k (z - nu_k) of every row.
  void find_residuals() {
    for (int n = 0; n < kTileRows; n += kLanes) {
      int first = 0;
      for (; first + 2 * kLanes <= dp_; first += 2 * kLanes) find_some_residuals<2>(n, first);
      for (; first < dp_; first += kLanes) find_some_residuals<1>(n, first);
    }
  }

  // `wide` packs of columns, half a pack of rows at a time.
  template <int wide>
  GAUSSMIX_INLINE void find_some_residuals(int begin, int first) {
    constexpr int kRows = wide == 1 ? kLanes : kLanes / 2;
    const int* active = active_of(begin);
    const int count = n_active_[begin / kLanes];
    for (int n = begin; n < begin + kLanes; n += kRows) {
      Pack z[kRows][wide], sum[kRows][wide] = {};
      GAUSSMIX_UNROLL
      for (int i = 0; i < kRows; ++i) {
        GAUSSMIX_UNROLL
        for (int p = 0; p < wide; ++p) {
          z[i][p] = fetch(whitened_ + static_cast<std::size_t>(n + i) * dp_ + first + p * kLanes);
        }
      }
      for (int a = 0; a < count; ++a) {
        const Real *nu = mean(active[a]) + first, *shares = tile.of(active[a]) + n;
        Pack point[wide];
        GAUSSMIX_UNROLL
        for (int p = 0; p < wide; ++p) point[p] = fetch(nu + p * kLanes);
        GAUSSMIX_UNROLL
        for (int i = 0; i < kRows; ++i) {
          const Pack r = broadcast(shares[i]);
          GAUSSMIX_UNROLL
          for (int p = 0; p < wide; ++p) sum[i][p] += r * (z[i][p] - point[p]);
        }
      }
      GAUSSMIX_UNROLL
      for (int i = 0; i < kRows; ++i) {
        GAUSSMIX_UNROLL
        for (int p = 0; p < wide; ++p) {
          store(residuals_ + static_cast<std::size_t>(n + i) * dp_ + first + p * kLanes,
                sum[i][p] * tile.normal[n + i]);
        }
      }
    }
  }

  void add_overlaps(const Partial& partial) {
    const int k_count = mixture_.n_components;
    const std::size_t line_size = padded(k_count);
    for (int n = 0; n < kTileRows; n += kLanes) {
      const unsigned several = at_least(fetch(n_shares_ + n), broadcast(2.0));
      if (!several) continue;
      const Pack scale = fetch(tile.weight + n) * fetch(tile.normal + n);
      for (int k = 0; k < k_count; k += kLanes) {
        Pack square[kLanes], any{};
        for (int i = 0; i < kLanes; ++i) {
          square[i] = k + i < k_count ? scale * fetch(tile.of(k + i) + n) : Pack{};
          any += square[i];
        }
        if (!(at_least(any, broadcast(kSmallest)) & several)) continue;
        transpose(square);
        for (unsigned bits = several; bits; bits &= bits - 1) {
          const int i = __builtin_ctz(bits);
          double* line = partial.overlap + static_cast<std::size_t>(most_probable_[n + i]) * line_size + k;
          add_to(line, square[i]);
        }
      }
    }
  }

  // scatter += weight (m m' - b b'), the b below the m.
  void add_scatter(const Partial& partial) {
    const int size = kTileRows;
    int count = 0;
    for (int n = 0; n < size; ++n) {
      if (n_shares_[n] < 1.0) continue;
      weights_[n] = tile.weight[n];
      index_[count++] = n;
    }
    for (int s = 0, all = count; s < all; ++s) {
      const int n = index_[s];
      if (n_shares_[n] < 2.0) continue;
      weights_[size + n] = -tile.weight[n];
      index_[count++] = size + n;
      const Real *nu = mean(static_cast<int>(most_probable_[n])), *z = whitened_ + static_cast<std::size_t>(n) * dp_;
      const Real* m = residuals_ + static_cast<std::size_t>(n) * dp_;
      Real* b = residuals_ + static_cast<std::size_t>(size + n) * dp_;
      for (int j = 0; j < dp_; j += kLanes) store(b + j, fetch(m + j) - (fetch(z + j) - fetch(nu + j)));
    }
    weigh_rows(residuals_, dp_, weights_, index_, count, weighted_, unused_);
    add_outer(weighted_, residuals_, index_, count, mixture_.n_features, partial.scatter);
  }

  static constexpr Real kNear = 8.0;

  bool is_near() const { return mean(mixture_.n_components)[0] > 0.0; }
  int* active_of(int n) const { return active_ + static_cast<std::size_t>(n / kLanes) * mixture_.n_components; }
  const Real* center() const { return packed_ + padded(mixture_.n_components); }
  const Real* mean(int k) const { return center() + static_cast<std::size_t>(1 + mixture_.n_features + k) * dp_; }

  const Mixture& mixture_;
  int dp_;
  bool pairwise_;
  const Real* packed_;
  Survivors survivors_;
  Shares shares_;
  Real *rows_, *whitened_, *columns_;
  Real *residuals_, *weighted_;      // (2 size, dp) the m, and the b below them
  Real *most_probable_, *n_shares_;  // (size,) the most probable component of each row, and how many have a share in it
  double* unused_;                   // (dp,)
  Real* length_;                     // (size,)
  Real* weights_;                    // (2 size,)
  int* index_;                       // (2 size,)
  int *n_active_, *active_;          // (size / kLanes,), (size / kLanes, k)
};

}  // namespace gaussmix::GAUSSMIX_ISA
