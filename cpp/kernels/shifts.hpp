// Sums of weighted differences from the means, for a few components at once: row-major tiles, a lane is a feature.
#pragma once

#include <type_traits>

#include "kernels/softmax.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// The weighted responsibilities of a few components in a tile, and the rows in which one of them is not negligible.
class Shares {
 public:
  static constexpr int kTogether = 4;

  explicit Shares(Arena& arena)
      : weighted_(arena.take(static_cast<std::size_t>(kTogether) * kTileRows)),
        index_(reinterpret_cast<int*>(arena.take(kTileRows))) {}

  // Calls use(integral_constant of how many, first component) for groups of components.
  template <class Use>
  static GAUSSMIX_INLINE void for_groups(int n_components, Use use) {
    int k = 0;
    for (; k + kTogether <= n_components; k += kTogether) use(std::integral_constant<int, kTogether>{}, k);
    for (; k < n_components; ++k) use(std::integral_constant<int, 1>{}, k);
  }

  // Weighs the responsibilities of components k, k + 1, ..., sets negligible ones to zero and adds them to counts.
  // Calls also(component, row, weighted responsibilities) for every pack.
  template <int together, class Also>
  GAUSSMIX_INLINE void find(const Tile tile, int k, double* counts, Also also) {
    Pack total[together] = {};
    Real* const weighted = weighted_;
    int* const index = index_;
    int n_shares = 0, count = 0;
    for (int n = 0; n < tile.size; n += kLanes) {
      const Pack normal = fetch(tile.normal + n), weight = fetch(tile.weight + n), least = broadcast(kNegligible);
      unsigned any = 0;
      GAUSSMIX_UNROLL
      for (int c = 0; c < together; ++c) {
        const Pack r = fetch(tile.of(k + c) + n) * normal;
        const Pack w = select(r >= least, r * weight, Pack{});
        const unsigned bits = at_least(r, least);
        store(weighted + c * kTileRows + n, w);
        total[c] += w;
        also(c, n, w);
        any |= bits;
        n_shares += __builtin_popcount(bits);
      }
      count += list_bits(any, n, index + count);
    }
    size_ = tile.size;
    n_shares_ = n_shares;
    count_ = count;
    GAUSSMIX_UNROLL
    for (int c = 0; c < together; ++c) counts[k + c] += sum_lanes(total[c]);
  }

  // shifts[c] += scales[c] sum of w (row - mean[c]) over the rows that were found; lines of `dp` numbers.
  template <int together>
  void add_shifts(const Real* rows, int dp, const Real* means, const Real* scales, double* shifts) {
    if (!n_shares_) return;
    // A row for all components costs as much as two rows for one.
    if (together == 1 || n_shares_ > 2 * count_) return add_listed<together>(rows, dp, means, 0, scales, shifts);
    for (int c = 0; c < together; ++c, means += dp, shifts += dp) {
      count_ = 0;
      for (int n = 0; n < size_; n += kLanes) {
        const unsigned bits = at_least(fetch(weighted_ + c * kTileRows + n), broadcast(kSmallest));
        count_ += list_bits(bits, n, index_ + count_);
      }
      if (count_) add_listed<1>(rows, dp, means, c, scales + c, shifts);
    }
  }

 private:
  template <int together>
  void add_listed(const Real* rows, int dp, const Real* means, int first, const Real* scales, double* shifts) {
    int j = 0;
    if constexpr (together == 1) {
      for (; j + 4 * kLanes <= dp; j += 4 * kLanes) add_columns<together, 4>(rows, dp, means, first, scales, shifts, j);
    }
    for (; j + 2 * kLanes <= dp; j += 2 * kLanes) add_columns<together, 2>(rows, dp, means, first, scales, shifts, j);
    for (; j < dp; j += kLanes) add_columns<together, 1>(rows, dp, means, first, scales, shifts, j);
  }

  // `wide` packs of columns, in enough independent sums to hide the latency.
  template <int together, int wide>
  GAUSSMIX_INLINE void add_columns(const Real* rows, int dp, const Real* means, int first, const Real* scales,
                                   double* shifts, int column) {
    constexpr int chains = (together == 1 ? 4 : 2) / wide;
    Pack mean[together][wide], sum[chains][together][wide] = {};
    GAUSSMIX_UNROLL
    for (int c = 0; c < together; ++c) {
      GAUSSMIX_UNROLL
      for (int p = 0; p < wide; ++p) mean[c][p] = fetch(means + c * dp + column + p * kLanes);
    }
    const Real* weighted = weighted_ + first * kTileRows;
    const auto add_row = [&](int s, int chain) {
      const int at = index_[s];
      const Real* row = rows + static_cast<std::size_t>(at) * dp + column;
      Pack x[wide];
      GAUSSMIX_UNROLL
      for (int p = 0; p < wide; ++p) x[p] = fetch(row + p * kLanes);
      GAUSSMIX_UNROLL
      for (int c = 0; c < together; ++c) {
        const Pack w = broadcast(weighted[c * kTileRows + at]);
        GAUSSMIX_UNROLL
        for (int p = 0; p < wide; ++p) sum[chain][c][p] += w * (x[p] - mean[c][p]);
      }
    };
    int s = 0;
    for (; s + chains <= count_; s += chains) {
      GAUSSMIX_UNROLL
      for (int chain = 0; chain < chains; ++chain) add_row(s + chain, chain);
    }
    for (; s < count_; ++s) add_row(s, 0);
    GAUSSMIX_UNROLL
    for (int c = 0; c < together; ++c) {
      GAUSSMIX_UNROLL
      for (int p = 0; p < wide; ++p) {
        GAUSSMIX_UNROLL
        for (int chain = 1; chain < chains; ++chain) sum[0][c][p] += sum[chain][c][p];
        add_to(shifts + c * dp + column + p * kLanes, scales[c] * sum[0][c][p]);
      }
    }
  }

  int size_ = 0, n_shares_ = 0, count_ = 0;
  Real* weighted_;  // (kTogether, size)
  int* index_;      // (count,) rows in which at least one of them has a share
};

}  // namespace gaussmix::GAUSSMIX_ISA
