// The best scores of each row of a tile: a lane is a row.
#pragma once

#include "kernels/softmax.hpp"
#include "truncated/nearest.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class NearestTile {
 public:
  NearestTile(int n_kept, const Tile tile, Arena& arena) : n_kept_(smaller(n_kept, tile.n_components)) {
    best_ = arena.take(static_cast<std::size_t>(n_kept_ + 1) * kLanes);
    n_found_ = reinterpret_cast<int*>(arena.take(tile.size));
    label_ = arena.take(tile.size);
  }

  // Sets all scores but the best ones to -inf, and writes the candidates of the first `count` rows.
  void keep(const Tile tile, int count, std::size_t first, const unsigned char* is_taken, const Nearest& to) {
    for (int n = 0; n < tile.size; n += kLanes) {
      const unsigned lanes = count <= n ? 0u : (1u << smaller(count - n, kLanes)) - 1;
      find_best(tile, n);
      if (to.remoteness) relate(tile, n, lanes, is_taken, to);
      // Like the sums, candidates leave out what is negligible.
      const Pack least = larger(fetch(best_ + (n_kept_ - 1) * kLanes), fetch(best_) + kLogNegligible);
      int* const found = n_found_ + n;
      for (int i = 0; i < kLanes; ++i) found[i] = 0;
      for (int k = 0; k < tile.n_components; ++k) {
        Real* scores = tile.of(k) + n;
        const Pack score = fetch(scores);
        const unsigned bits = at_least(score, least);
        store(scores, select(score >= least, score, broadcast(-kInfinity)));
        for (unsigned left = bits & lanes; left; left &= left - 1) {
          const int i = __builtin_ctz(left);
          if (!is_taken[n + i]) continue;
          std::int32_t* own = to.candidates + (first + n + i) * static_cast<std::size_t>(to.n_kept);
          if (found[i] == n_kept_) {  // equal scores
            scores[i] = -kInfinity;
            continue;
          }
          own[found[i]] = to.listed[k];
          if (k == static_cast<int>(label_[n + i])) {  // the best one comes first
            own[found[i]] = own[0];
            own[0] = to.listed[k];
          }
          ++found[i];
        }
      }
      for (int i = 0; i < kLanes; ++i) {
        if (!(lanes >> i & 1) || !is_taken[n + i]) continue;
        std::int32_t* own = to.candidates + (first + n + i) * static_cast<std::size_t>(to.n_kept);
        for (int c = found[i]; c < to.n_kept; ++c) own[c] = -1;
      }
    }
  }

 private:
  // The greatest scores of a pack of rows in descending order, and which component has the greatest.
  GAUSSMIX_INLINE void find_best(const Tile tile, int n) {
    for (int i = 0; i < n_kept_; ++i) store(best_ + i * kLanes, broadcast(-kInfinity));
    Pack label{};
    for (int k = 0; k < tile.n_components; ++k) {
      Pack score = fetch(tile.of(k) + n);
      label = select(score > fetch(best_), broadcast(static_cast<Real>(k)), label);
      if (!at_least(score, fetch(best_ + (n_kept_ - 1) * kLanes))) continue;
      for (int i = 0; i < n_kept_; ++i) {
        const Pack kept = fetch(best_ + i * kLanes);
        store(best_ + i * kLanes, select(score > kept, score, kept));
        score = select(score > kept, kept, score);
      }
    }
    store(label_ + n, label);
  }

  void relate(const Tile tile, int n, unsigned lanes, const unsigned char* is_taken, const Nearest& to) {
    const int k_count = tile.n_components;
    for (unsigned left = lanes; left; left &= left - 1) {
      const int i = __builtin_ctz(left);
      if (!is_taken[n + i] || !(best_[i] > -kInfinity)) continue;
      const int label = static_cast<int>(label_[n + i]);
      const Real greatest = best_[i];
      double* sums = to.remoteness + static_cast<std::size_t>(label) * k_count;
      const Real* score = tile.of(0) + n + i;
      to.n_rows[label] += 1.0;
      for (int k = 0; k < k_count; ++k) {
        sums[k] += remoteness(greatest - score[static_cast<std::size_t>(k) * tile.size]);
      }
    }
  }

  int n_kept_;
  Real *best_, *label_;
  int* n_found_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
