// The best scores of each row of a tile: a lane is a row.
#pragma once

#include "kernels/softmax.hpp"
#include "truncated/nearest.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class NearestTile {
 public:
  NearestTile(int n_kept, const Tile tile, Arena& arena)
      : n_kept_(smaller(n_kept, tile.n_components)), found_{(tile.n_components + kWord - 1) / kWord} {
    best_ = arena.take(static_cast<std::size_t>(n_kept_ + 1) * kLanes);
    remote_ = arena.take(static_cast<std::size_t>(tile.n_components) * kLanes);
    const auto take_words = [&](int count) { return reinterpret_cast<std::uint64_t*>(arena.take(count)); };
    found_.near = take_words(found_.n_words * kLanes);
    found_.any = take_words(found_.n_words);
    found_.present = take_words(found_.n_words);
  }

  // The components that are near for a row of the tile, for Tile::present.
  const std::uint64_t* present() const { return found_.present; }

  // Replaces the best scores by exp(score - greatest) and all others by zero, sets tile.normal, sums up, and writes the
  // candidates of the first `count` rows. `is_taken` is null if all rows are taken.
  void normalize(const Tile tile, int count, std::size_t first, const unsigned char* is_taken, const Nearest& to,
                 double& log_likelihood, double& entropy) {
    for (int word = 0; word < found_.n_words; ++word) found_.present[word] = 0;
    for (int n = 0; n < tile.size; n += kLanes) {
      const int left = smaller(kLanes, count - n);
      const unsigned lanes = left <= 0 ? 0 : is_taken ? taken_lanes(is_taken + n, left) : (1u << left) - 1;
      normalize_pack(tile, n, lanes, first + n, to, found_);
    }
    sum_up_densities(tile, 0, tile.size, log_likelihood, entropy);
  }

  // Adds the remoteness that was kept until the end of the block.
  void finish(const Tile tile, const Nearest& to) {
    if (label_ < 0) return;
    double* sums = to.remoteness + static_cast<std::size_t>(label_) * tile.n_components;
    for (int k = 0; k < tile.n_components; ++k) sums[k] += sum_lanes(fetch(remote_ + k * kLanes));
    label_ = -1;
  }

 private:
  static constexpr int kWord = 64;
  using Words = std::uint64_t __attribute__((vector_size(kLanes * sizeof(std::uint64_t))));

  // Components whose score is near the greatest one, as bits of words.
  struct Found {
    int n_words;
    std::uint64_t* near = nullptr;     // (words, lanes) of each row of a pack
    std::uint64_t* any = nullptr;      // (words,) of all rows of the pack
    std::uint64_t* present = nullptr;  // (words,) of all rows of the tile

    // Calls use(k) for those of a pack.
    template <class Use>
    GAUSSMIX_INLINE void for_any(Use use) const {
      for (int word = 0; word < n_words; ++word) {
        for (std::uint64_t left = any[word]; left; left &= left - 1) use(word * kWord + __builtin_ctzll(left));
      }
    }
  };

  static unsigned taken_lanes(const unsigned char* is_taken, int count) {
    unsigned lanes = 0;
    for (int i = 0; i < count; ++i) lanes |= static_cast<unsigned>(is_taken[i]) << i;
    return lanes;
  }

  GAUSSMIX_INLINE void normalize_pack(const Tile tile, int n, unsigned lanes, std::size_t row, const Nearest to,
                                      const Found found) {
    const Pack greatest = greatest_score(tile, n);
    if (to.remoteness && lanes) relate(tile, n, lanes, greatest, to);
    Pack least = greatest - static_cast<Real>(to.reach);
    int label[kLanes];
    const Pack most = broadcast(static_cast<Real>(n_kept_));
    if (at_least(find_near(tile, n, greatest, least, found, label), most + Real(1))) {
      least = larger(least, least_score(tile, n));
      if (at_least(find_near(tile, n, greatest, least, found, label), most + Real(1))) drop_equal(label);
    }
    store(tile.greatest + n, greatest);
    write_candidates(tile, n, lanes, row, to, found, label);
    exponentiate(tile, n, greatest, found);
    for (int word = 0; word < found.n_words; ++word) found.present[word] |= found.any[word];
  }

  // Finds the components of each row whose score is at least `least`, and the first one of the greatest score. Returns
  // how many there are.
  GAUSSMIX_INLINE static Pack find_near(const Tile tile, int n, Pack greatest, Pack least, const Found found,
                                        int label[kLanes]) {
    Pack count{};
    for (int word = 0; word < found.n_words; ++word) {
      const int first = word * kWord, end = smaller(kWord, tile.n_components - first);
      Words near{}, best{}, bit = Words{} + 1;
      for (int k = 0; k < end; ++k, bit += bit) {
        const Pack score = fetch(tile.of(first + k) + n);
        near = score >= least ? near | bit : near;
        best = score >= greatest ? best | bit : best;
        count = select(score >= least, count + Real(1), count);
      }
      std::uint64_t near_of[kLanes], best_of[kLanes], any = 0;
      std::memcpy(near_of, &near, sizeof near);
      std::memcpy(best_of, &best, sizeof best);
      for (int i = 0; i < kLanes; ++i) {
        found.near[word * kLanes + i] = near_of[i];
        any |= near_of[i];
        const int at = best_of[i] ? first + __builtin_ctzll(best_of[i]) : -1;
        label[i] = word == 0 || label[i] < 0 ? at : label[i];
      }
      found.any[word] = any;
    }
    return count;
  }

  // The least score that a component needs to be among the best ones of a row, of those that were found.
  GAUSSMIX_ONCE Pack least_score(const Tile tile, int n) {
    Real* const best = best_;
    const int n_kept = n_kept_;
    for (int i = 0; i < n_kept; ++i) store(best + i * kLanes, broadcast(-kInfinity));
    found_.for_any([&](int k) {
      Pack score = fetch(tile.of(k) + n);
      for (int i = 0; i < n_kept; ++i) {
        const Pack kept = fetch(best + i * kLanes);
        store(best + i * kLanes, larger(score, kept));
        score = select(score > kept, kept, score);
      }
    });
    return fetch(best + (n_kept - 1) * kLanes);
  }

  // Leaves out the last ones of components of equal scores, where there are too many.
  GAUSSMIX_ONCE void drop_equal(const int label[kLanes]) {
    for (int i = 0; i < kLanes; ++i) {
      int room = n_kept_ - 1;
      for (int word = 0; word < found_.n_words; ++word) {
        std::uint64_t& near = found_.near[word * kLanes + i];
        const std::uint64_t best = label[i] / kWord == word ? std::uint64_t{1} << label[i] % kWord : 0;
        std::uint64_t kept = best;
        for (std::uint64_t left = near & ~best; left && room > 0; left &= left - 1, --room) kept |= left & -left;
        near = kept;
      }
    }
  }

  GAUSSMIX_INLINE static void write_candidates(const Tile tile, int n, unsigned lanes, std::size_t row,
                                               const Nearest to, const Found found, const int label[kLanes]) {
    for (; lanes; lanes &= lanes - 1) {
      const int i = __builtin_ctz(lanes);
      std::int32_t* own = to.candidates + (row + i) * static_cast<std::size_t>(to.n_kept);
      to.greatest[row + i] = static_cast<float>(tile.greatest[n + i]);
      *own++ = to.listed[label[i]];
      if (found.n_words == 1) {
        choose_numbers(to.listed, found.near[i] & ~(std::uint64_t{1} << label[i]), to.n_kept - 1, own);
        continue;
      }
      int left = to.n_kept - 1;
      for (int word = 0; word < found.n_words; ++word) {
        for (std::uint64_t near = found.near[word * kLanes + i]; near; near &= near - 1) {
          const int k = word * kWord + __builtin_ctzll(near);
          if (k == label[i]) continue;
          *own++ = to.listed[k];
          --left;
        }
      }
      for (; left > 0; --left) *own++ = -1;
    }
  }

  // Replaces the scores that were found by exp(score - greatest), and all others by zero. tile.normal is their sum.
  GAUSSMIX_INLINE static void exponentiate(const Tile tile, int n, Pack greatest, const Found found) {
    for (int word = 0; word < found.n_words; ++word) {
      const int first = word * kWord, end = smaller(kWord, tile.n_components - first);
      std::uint64_t others = ~found.any[word] & (~std::uint64_t{0} >> (kWord - end));
      for (; others; others &= others - 1) store(tile.of(first + __builtin_ctzll(others)) + n, Pack{});
    }
    Pack sum{}, information{};
    found.for_any([&](int k) {
      Real* const score = tile.of(k) + n;
      // -inf - -inf is NaN, which `larger` replaces; sum_up_densities sees to such rows.
      const Pack below = larger(fetch(score) - greatest, broadcast(kLogSmallest));
      Words near;
      std::memcpy(&near, found.near + k / kWord * kLanes, sizeof near);
      const Words is_near = near & (Words{} + (std::uint64_t{1} << k % kWord));
      const Pack share = select(is_near != Words{}, exp_nonpositive(below), Pack{});
      sum += share;
      information += share * below;
      store(score, share);
    });
    store(tile.normal + n, sum);
    store(tile.information + n, information);
  }

  // The lanes whose best component is k.
  GAUSSMIX_INLINE static unsigned at_label(Pack labels, int k) {
    const Pack label = broadcast(static_cast<Real>(k));
    return at_least(labels, label) & at_least(label, labels);
  }

  // Rows of the same best component are added lane by lane, others one by one.
  GAUSSMIX_INLINE void relate(const Tile tile, int n, unsigned lanes, Pack greatest, const Nearest& to) {
    const int k_count = tile.n_components;
    Pack labels{};
    for (int k = k_count - 1; k >= 0; --k) {
      labels = select(fetch(tile.of(k) + n) >= greatest, broadcast(static_cast<Real>(k)), labels);
    }
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
  Found found_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
