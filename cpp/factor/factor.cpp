// Passes for factor covariances: the rows of a tile are scored by one component after the other, and then summed.
#include "factor/factor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/factor_kernels.hpp"
#include "pass/in_order.hpp"
#include "threads.hpp"

namespace gaussmix {

const FactorKernels& selected_factor_kernels();  // dispatch.cpp

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNothing = 1e-30;  // responsibilities that add nothing in double precision
constexpr double kReach = 75.0;     // exp(-75) is much less than that
constexpr float kBelow = 1.0f - 1e-6f;
constexpr std::size_t kTileNumbers = std::size_t{1} << 17;  // of the rows of a tile, 1 MiB
constexpr int kLeastTile = 16, kMostTile = 256;             // rows

// The components in the order in which kernels read them.
class Packed {
 public:
  explicit Packed(const FactorMixture& m)
      : m_(m),
        dp_((m.n_features + kFactorPad - 1) / kFactorPad * kFactorPad),
        numbers_(m.n_components * size()),
        shares_(static_cast<std::size_t>(m.n_components) * m.n_factors) {
    const std::size_t d = m.n_features, q = m.n_factors;
    for (int k = 0; k < m.n_components; ++k) {
      double* to = numbers_.data() + k * size();
      const double* from = m.factors + k * d * (1 + q);
      for (std::size_t j = 0; j < d; ++j, from += 1 + q) {
        to[j] = m.means[k * d + j];
        for (std::size_t c = 0; c <= q; ++c) to[(1 + c) * dp_ + j] = from[c];
        for (std::size_t c = 0; c < q; ++c) shares_[k * q + c] += from[1 + c] * from[1 + c];
      }
    }
  }

  std::size_t dp() const { return dp_; }
  FactorComponent of(int k) {
    const double* own = numbers_.data() + k * size();
    return {own, own + dp_, own + 2 * dp_, m_.n_features, m_.n_factors, dp_};
  }
  // |v|^2 from |y|^2 and t, where g = |G|^2: a length without a number is that of squares that overflow.
  double square_length(int k, const double* found) const {
    const double* share = shares_.data() + static_cast<std::size_t>(k) * m_.n_factors;
    double length = found[0];
    for (int c = 0; c < m_.n_factors; ++c) length -= (2 - share[c]) * found[1 + c] * found[1 + c];
    return length == length ? std::max(length, 0.0) : kInfinity;
  }

 private:
  std::size_t size() const { return (2 + m_.n_factors) * dp_; }

  FactorMixture m_;
  std::size_t dp_;
  Buffer numbers_;
  std::vector<double> shares_;
};

// Rows that are scored by all components, or all that can have a share, before they are summed.
class Tile {
 public:
  Tile(const Rows& rows, const FactorMixture& m, Packed& packed)
      : rows_(rows),
        m_(m),
        packed_(packed),
        size_(rows_of_tile(m)),
        width_(1 + m.n_factors),
        found_(size_ * m.n_components * width_),
        scores_(size_ * m.n_components),
        weights_(size_ * width_),
        results_(size_),
        pointers_(size_),
        listed_(size_),
        chosen_(size_),
        converted_(rows.scalar == Scalar::float64 ? 0 : size_ * m.n_features),
        scratch_(selected_factor_kernels().rows_at_once * packed.dp()) {}

  std::size_t size() const { return size_; }
  const double* scores() const { return scores_.data(); }

  // Takes the rows [begin, begin + count) and scores them by all components.
  void score_all(std::size_t begin, std::size_t count) {
    take(begin, count);
    for (std::size_t n = 0; n < count; ++n) list(n, n);
    for (int k = 0; k < m_.n_components; ++k) score(k, 0, count, count);
  }

  // Takes them and scores them by all components but those that cannot have a share.
  void score_some(std::size_t begin, std::size_t count, const KnownLengths& known) {
    take(begin, count);
    const std::size_t k_count = m_.n_components;
    const float* least = known.least + begin * k_count;
    std::fill(scores_.begin(), scores_.end(), -kInfinity);
    ends_.assign(k_count, 0);
    std::size_t n_best = 0;
    for (int k = 0; k < m_.n_components; ++k) {
      for (std::size_t n = 0; n < count; ++n) {
        if (known.best[begin + n] == k) list(n_best++, n);
      }
      ends_[k] = n_best;
    }
    for (int k = 0; k < m_.n_components; ++k) score(k, k ? ends_[k - 1] : 0, ends_[k], n_best);
    for (int k = 0; k < m_.n_components; ++k) {
      std::size_t n_listed = 0;
      for (std::size_t n = 0; n < count; ++n) {
        const int best = known.best[begin + n];
        if (best == k) continue;
        const double length = moved(known, k, least[n * k_count + k]);
        const bool is_far = m_.offsets[k] - 0.5 * length * length < scores_[n * k_count + best] - kReach;
        if (!is_far) list(n_listed++, n);
      }
      score(k, 0, n_listed, n_listed);
    }
  }

  // Keeps what is known of the lengths after the scores.
  void know(std::size_t begin, std::size_t count, const KnownLengths& known) const {
    const std::size_t k_count = m_.n_components;
    for (std::size_t n = 0; n < count; ++n) {
      const double* scores = scores_.data() + n * k_count;
      known.next_best[begin + n] = static_cast<std::int32_t>(std::max_element(scores, scores + k_count) - scores);
      for (std::size_t k = 0; k < k_count; ++k) {
        const std::size_t at = (begin + n) * k_count + k;
        double length = 0.0;
        if (is_scored_[n * k_count + k]) {
          length = std::sqrt(packed_.square_length(static_cast<int>(k), found_.data() + (n * k_count + k) * width_));
        } else {
          length = moved(known, static_cast<int>(k), known.least[at]);
        }
        known.next_least[at] = std::min(static_cast<float>(length), 1e30f) * kBelow;
      }
    }
  }

  // Adds the sums of the tile to a partial.
  void add(std::size_t begin, std::size_t count, double* partial) {
    const std::size_t k_count = m_.n_components, q = m_.n_factors;
    for (std::size_t n = 0; n < count; ++n) {
      normalize(scores_.data() + n * k_count, rows_.weights ? rows_.weights[begin + n] : 1.0, partial);
    }
    double* counts = partial + 2;
    double* own = counts + k_count;  // of each component: along, inner, columns
    for (std::size_t k = 0; k < k_count; ++k, own += (1 + q) * q + (2 + q) * packed_.dp()) {
      std::size_t n_chosen = 0;
      for (std::size_t n = 0; n < count; ++n) {
        const double share = scores_[n * k_count + k];
        if (share == 0.0) continue;
        const double* t = found_.data() + (n * k_count + k) * width_ + 1;
        double* weights = weights_.data() + n_chosen * width_;
        counts[k] += weights[0] = share;
        for (std::size_t c = 0; c < q; ++c) {
          weights[1 + c] = share * t[c];
          own[c] += weights[1 + c];
          for (std::size_t e = 0; e < q; ++e) own[q + c * q + e] += weights[1 + c] * t[e];
        }
        chosen_[n_chosen++] = pointers_[n];
      }
      if (!n_chosen) continue;
      selected_factor_kernels().add(packed_.of(static_cast<int>(k)), chosen_.data(), static_cast<int>(n_chosen),
                                    weights_.data(), own + q + q * q);
    }
  }

  static std::size_t partial_size(const FactorMixture& m, std::size_t dp) {
    const std::size_t k = m.n_components, q = m.n_factors;
    return 2 + k + k * ((1 + q) * q + (2 + q) * dp);
  }

 private:
  static std::size_t rows_of_tile(const FactorMixture& m) {
    const std::size_t numbers = m.n_features + static_cast<std::size_t>(m.n_components) * (1 + m.n_factors);
    return std::clamp<std::size_t>(kTileNumbers / numbers, kLeastTile, kMostTile);
  }

  static double moved(const KnownLengths& known, int k, float least) {
    return std::max(0.0, least - known.moves[k]) * known.scales[k];
  }

  void take(std::size_t begin, std::size_t count) {
    const std::size_t d = m_.n_features;
    is_scored_.assign(count * m_.n_components, 0);
    begin_ = begin;
    for (std::size_t n = 0; n < count; ++n) pointers_[n] = converted_.data() + n * d;
    switch (rows_.scalar) {
      case Scalar::float64:
        for (std::size_t n = 0; n < count; ++n) pointers_[n] = static_cast<const double*>(rows_.data) + (begin + n) * d;
        return;
      case Scalar::float32:
        return convert(static_cast<const float*>(rows_.data) + begin * d, count * d);
      case Scalar::uint8:
        return convert(static_cast<const std::uint8_t*>(rows_.data) + begin * d, count * d);
      case Scalar::uint16:
        return convert(static_cast<const std::uint16_t*>(rows_.data) + begin * d, count * d);
    }
  }
  template <class T>
  void convert(const T* from, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) converted_[i] = static_cast<double>(from[i]);
  }

  void list(std::size_t at, std::size_t row) {
    listed_[at] = row;
    chosen_[at] = pointers_[row];
  }

  // Sets the scores of the listed rows from `first` to `end`; those up to `n_listed` are read next.
  void score(int k, std::size_t first, std::size_t end, std::size_t n_listed) {
    if (first == end) return;
    const std::size_t k_count = m_.n_components;
    for (std::size_t i = first; i < end; ++i) {
      results_[i] = found_.data() + (listed_[i] * k_count + k) * width_;
    }
    selected_factor_kernels().measure(packed_.of(k), chosen_.data() + first, static_cast<int>(end - first),
                                      static_cast<int>(n_listed - first), scratch_.data(), results_.data() + first);
    for (std::size_t i = first; i < end; ++i) {
      const std::size_t at = listed_[i] * k_count + k;
      is_scored_[at] = 1;
      scores_[at] = m_.offsets[k] - 0.5 * packed_.square_length(k, results_[i]);
      if (rows_.log_prior) scores_[at] += rows_.log_prior[begin_ * k_count + at];
    }
  }

  // Replaces the scores of a row by responsibilities times its weight, and adds its log density and entropy.
  void normalize(double* scores, double weight, double* totals) const {
    const int k_count = m_.n_components;
    const double greatest = *std::max_element(scores, scores + k_count);
    if (weight == 0.0 || !(greatest > -kInfinity)) {
      if (weight != 0.0) totals[0] += greatest;
      std::fill(scores, scores + k_count, 0.0);
      return;
    }
    double total = 0.0, entropy = 0.0;
    for (int k = 0; k < k_count; ++k) {
      scores[k] = scores[k] < greatest - kReach ? 0.0 : std::exp(scores[k] - greatest);
      total += scores[k];
    }
    for (int k = 0; k < k_count; ++k) {
      const double share = scores[k] / total;
      if (share > 0.0 && share < 1.0) entropy -= share * std::log(share);
      scores[k] = share < kNothing ? 0.0 : share * weight;
    }
    totals[0] += weight * (greatest + std::log(total));
    totals[1] += weight * entropy;
  }

  Rows rows_;
  FactorMixture m_;
  Packed& packed_;
  std::size_t size_, width_, begin_ = 0;
  std::vector<double> found_, scores_, weights_;
  std::vector<double*> results_;
  std::vector<const double*> pointers_;
  std::vector<std::size_t> listed_, ends_;
  std::vector<const double*> chosen_;
  std::vector<double> converted_;
  Buffer scratch_;
  std::vector<unsigned char> is_scored_;
};

// Tiles of threads, each made by the thread that needs it.
class Tiles {
 public:
  Tiles(const Rows& rows, const FactorMixture& m, Packed& packed, int n_threads)
      : rows_(rows), m_(m), packed_(packed), tiles_(n_threads) {}
  Tile& of(int thread) {
    if (!tiles_[thread]) tiles_[thread] = std::make_unique<Tile>(rows_, m_, packed_);
    return *tiles_[thread];
  }

 private:
  const Rows& rows_;
  const FactorMixture& m_;
  Packed& packed_;
  std::vector<std::unique_ptr<Tile>> tiles_;
};

constexpr std::size_t kScoredRows = 256;  // rows of a block that is scored only
constexpr double kEnough = 2e5;           // products that are worth another thread

int useful_threads(const Rows& rows, const FactorMixture& m, std::int64_t n_blocks, int n_threads) {
  const double products = static_cast<double>(rows.n_rows) * m.n_components * m.n_features * (2 + m.n_factors);
  const double most = std::min(products / kEnough, static_cast<double>(n_blocks));
  return std::max(1, static_cast<int>(std::min<double>(n_threads, most)));
}

void write(const FactorMixture& m, std::size_t dp, const double* total, const FactorSums& sums) {
  const std::size_t k_count = m.n_components, d = m.n_features, q = m.n_factors;
  *sums.log_likelihood = total[0];
  *sums.entropy = total[1];
  std::copy_n(total + 2, k_count, sums.counts);
  const double* own = total + 2 + k_count;
  for (std::size_t k = 0; k < k_count; ++k) {
    std::copy_n(own, q, sums.along + k * q);
    std::copy_n(own + q, q * q, sums.inner + k * q * q);
    own += q + q * q;
    for (std::size_t c = 0; c < 2 + q; ++c, own += dp) std::copy_n(own, d, sums.columns + (k * (2 + q) + c) * d);
  }
}

}  // namespace

std::size_t factor_block_rows(int n_components, int n_factors) {
  const std::size_t wanted = 16 * static_cast<std::size_t>(n_components) * (2 + n_factors);
  return std::clamp<std::size_t>((wanted + 255) / 256 * 256, 256, 2048);
}

void accumulate_factors(const Rows& rows, const FactorMixture& mixture, const KnownLengths& known, int n_threads,
                        const FactorSums& sums) {
  Packed packed(mixture);
  const std::size_t block = factor_block_rows(mixture.n_components, mixture.n_factors);
  const auto n_blocks = static_cast<std::int64_t>((rows.n_rows + block - 1) / block);
  n_threads = useful_threads(rows, mixture, n_blocks, n_threads);
  const std::size_t size = Tile::partial_size(mixture, packed.dp());
  Buffer total(size);
  Tiles tiles(rows, mixture, packed, n_threads);
  InOrder in_order(total, size, n_blocks, 0, n_threads);
  in_order.add_all(n_threads, [&](std::int64_t b, int thread, double* partial) {
    const std::size_t begin = b * block, end = std::min(rows.n_rows, begin + block);
    Tile& tile = tiles.of(thread);
    for (std::size_t first = begin; first < end; first += tile.size()) {
      const std::size_t count = std::min(tile.size(), end - first);
      if (known.least) {
        tile.score_some(first, count, known);
      } else {
        tile.score_all(first, count);
      }
      if (known.next_least) tile.know(first, count, known);
      tile.add(first, count, partial);
    }
  });
  write(mixture, packed.dp(), total.data(), sums);
}

void score_factors(const Rows& rows, const FactorMixture& mixture, int n_threads, double* scores) {
  Packed packed(mixture);
  const auto n_blocks = static_cast<std::int64_t>((rows.n_rows + kScoredRows - 1) / kScoredRows);
  n_threads = useful_threads(rows, mixture, n_blocks, n_threads);
  Tiles tiles(rows, mixture, packed, n_threads);
  parallel_for(n_blocks, n_threads, [&](std::int64_t b, int thread) {
    const std::size_t begin = b * kScoredRows, end = std::min(rows.n_rows, begin + kScoredRows);
    Tile& tile = tiles.of(thread);
    for (std::size_t first = begin; first < end; first += tile.size()) {
      const std::size_t count = std::min(tile.size(), end - first);
      tile.score_all(first, count);
      std::copy_n(tile.scores(), count * mixture.n_components, scores + first * mixture.n_components);
    }
  });
}

}  // namespace gaussmix
