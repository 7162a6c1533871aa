// The best scores of each row of a tile: a lane is a row.
#pragma once

#include "kernels/softmax.hpp"
#include "truncated/nearest.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class NearestTile {
 public:
  NearestTile(int n_kept, const Tile tile, Arena& arena) : n_kept_(smaller(n_kept, tile.n_components)) {
    best_ = arena.take(static_cast<std::size_t>(n_kept_ + 1) * kLanes);
    remote_ = arena.take(static_cast<std::size_t>(tile.n_components) * kLanes);
  }

  // Sets all scores but the best ones to -inf, and writes the candidates of the first `count` rows.
  void keep(const Tile tile, int count, std::size_t first, const unsigned char* is_taken, const Nearest& to) {
    for (int n = 0; n < count; n += kLanes) keep_pack(tile, n, taken_lanes(is_taken + n, count - n), first + n, to);
  }

  // Adds the remoteness that was kept until the end of the block.
  void finish(const Tile tile, const Nearest& to) {
    if (label_ < 0) return;
    double* sums = to.remoteness + static_cast<std::size_t>(label_) * tile.n_components;
    for (int k = 0; k < tile.n_components; ++k) sums[k] += sum_lanes(fetch(remote_ + k * kLanes));
    label_ = -1;
  }

 private:
  static unsigned taken_lanes(const unsigned char* is_taken, int count) {
    unsigned lanes = 0;
    for (int i = 0; i < smaller(count, kLanes); ++i) lanes |= static_cast<unsigned>(is_taken[i]) << i;
    return lanes;
  }

  GAUSSMIX_INLINE void keep_pack(const Tile tile, int n, unsigned lanes, std::size_t row, const Nearest& to) {
    if (!lanes) return;
    Pack greatest = broadcast(-kInfinity), labels{};
    for (int k = 0; k < tile.n_components; ++k) {
      const Pack score = fetch(tile.of(k) + n);
      labels = select(score > greatest, broadcast(static_cast<Real>(k)), labels);
      greatest = larger(greatest, score);
    }
    if (to.remoteness) relate(tile, n, lanes, greatest, labels, to);
    const Pack least = least_score(tile, n, greatest, greatest - static_cast<Real>(to.reach));
    Real label[kLanes];
    store(label, labels);
    int found[kLanes];
    std::int32_t* const candidates = to.candidates + row * static_cast<std::size_t>(to.n_kept);
    for (unsigned left = lanes; left; left &= left - 1) {  // the best one comes first
      const int i = __builtin_ctz(left);
      candidates[static_cast<std::size_t>(i) * to.n_kept] = to.listed[static_cast<int>(label[i])];
      to.greatest[row + i] = static_cast<float>(greatest[i]);
      found[i] = 1;
    }
    for (int k = 0; k < tile.n_components; ++k) {
      Real* scores = tile.of(k) + n;
      const Pack score = fetch(scores);
      const unsigned bits = at_least(score, least);
      if (!bits) {
        store(scores, broadcast(-kInfinity));
        continue;
      }
      store(scores, select(score >= least, score, broadcast(-kInfinity)));
      for (unsigned left = bits & lanes & ~at_label(labels, k); left; left &= left - 1) {
        const int i = __builtin_ctz(left);
        if (found[i] == n_kept_) {  // equal scores
          scores[i] = -kInfinity;
          continue;
        }
        candidates[static_cast<std::size_t>(i) * to.n_kept + found[i]++] = to.listed[k];
      }
    }
    for (unsigned left = lanes; left; left &= left - 1) {
      const int i = __builtin_ctz(left);
      for (int c = found[i]; c < to.n_kept; ++c) candidates[static_cast<std::size_t>(i) * to.n_kept + c] = -1;
    }
  }

  // The lanes whose best component is k.
  GAUSSMIX_INLINE static unsigned at_label(Pack labels, int k) {
    const Pack label = broadcast(static_cast<Real>(k));
    return at_least(labels, label) & at_least(label, labels);
  }

  // The least score of the best components, of which `least` is a lower bound.
  GAUSSMIX_INLINE Pack least_score(const Tile tile, int n, Pack greatest, Pack least) {
    Pack count{};
    for (int k = 0; k < tile.n_components; ++k) {
      count += select(fetch(tile.of(k) + n) >= least, broadcast(1.0), Pack{});
    }
    if (!at_least(count, broadcast(static_cast<Real>(n_kept_ + 1)))) return least;
    for (int i = 0; i < n_kept_; ++i) store(best_ + i * kLanes, broadcast(-kInfinity));
    for (int k = 0; k < tile.n_components; ++k) {
      Pack score = fetch(tile.of(k) + n);
      if (!at_least(score, larger(least, fetch(best_ + (n_kept_ - 1) * kLanes)))) continue;
      for (int i = 0; i < n_kept_; ++i) {
        const Pack kept = fetch(best_ + i * kLanes);
        store(best_ + i * kLanes, larger(score, kept));
        score = select(score > kept, kept, score);
      }
    }
    return larger(least, fetch(best_ + (n_kept_ - 1) * kLanes));
  }

  // Rows of the same best component are added lane by lane, others one by one.
  GAUSSMIX_INLINE void relate(const Tile tile, int n, unsigned lanes, Pack greatest, Pack labels, const Nearest& to) {
    const int k_count = tile.n_components;
    const unsigned counted = lanes & ~at_least(broadcast(-kInfinity), greatest);
    if (!counted) return;
    const int label = static_cast<int>(labels[__builtin_ctz(counted)]);
    if ((at_label(labels, label) & counted) != counted) return relate_each(tile, n, counted, greatest, labels, to);
    if (label != label_) {
      finish(tile, to);
      label_ = label;
      for (int k = 0; k < k_count; ++k) store(remote_ + k * kLanes, Pack{});
    }
    to.n_rows[label] += __builtin_popcount(counted);
    Pack use{};
    for (unsigned left = counted; left; left &= left - 1) use[__builtin_ctz(left)] = 1.0;
    const Bits is_used = use > Pack{};
    for (int k = 0; k < k_count; ++k) {
      const Pack difference = greatest - fetch(tile.of(k) + n);
      const Pack near = larger(Real(1) - difference * Real(1 / kReach), Pack{}), square = near * near;
      const Pack most = broadcast(kMostRemote);
      const Pack capped = select(difference < most, difference, most);
      const Pack remote = capped - Real(kSharedWeight) * square * square;
      store(remote_ + k * kLanes, fetch(remote_ + k * kLanes) + select(is_used, remote, Pack{}));
    }
  }

  GAUSSMIX_INLINE void relate_each(const Tile tile, int n, unsigned counted, Pack greatest, Pack labels,
                                   const Nearest& to) {
    for (unsigned left = counted; left; left &= left - 1) {
      const int i = __builtin_ctz(left), label = static_cast<int>(labels[i]);
      double* sums = to.remoteness + static_cast<std::size_t>(label) * tile.n_components;
      const Real* score = tile.of(0) + n + i;
      to.n_rows[label] += 1.0;
      for (int k = 0; k < tile.n_components; ++k) {
        sums[k] += remoteness(greatest[i] - score[static_cast<std::size_t>(k) * tile.size]);
      }
    }
  }

  int n_kept_, label_ = -1;
  Real *best_, *remote_;  // remote_: (components, lanes), of rows whose best component is label_
};

}  // namespace gaussmix::GAUSSMIX_ISA
