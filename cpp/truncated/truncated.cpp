#include "truncated/truncated.hpp"

#include <algorithm>
#include <memory>

#include "threads.hpp"
#include "truncated/block.hpp"
#include "truncated/strays.hpp"

namespace gaussmix {

namespace {

constexpr std::size_t kMostWave = std::size_t{1} << 23;  // doubles: the sums of the blocks of a wave, 64 MiB
constexpr int kLeastWave = 16, kLargestWave = 256;       // blocks

}  // namespace

void accumulate_truncated(const Rows& rows, const Mixture& mixture, std::int64_t n_blocks, const std::int64_t* blocks,
                          const Neighborhoods& look, int n_threads, const Candidates& candidates, TruncatedSums& to) {
  const bool relate = to.relations != nullptr;
  std::vector<std::uint32_t> strays;
  if (!is_wide(mixture)) {
    // The sums of the blocks of a wave are kept, and added in the order of the blocks.
    constexpr int kGuess = 48;
    const auto n_listed = static_cast<std::size_t>(look.everything ? mixture.n_components : kGuess);
    const std::size_t size = n_listed * mixture.n_features * (mixture.n_features + 8);
    const std::int64_t wave = std::clamp<std::int64_t>(kMostWave / size, kLeastWave, kLargestWave);
    std::vector<BlockSums> results(std::min(wave, n_blocks));
    std::vector<std::unique_ptr<BlockPass>> passes(n_threads);
    for (std::int64_t first = 0; first < n_blocks; first += wave) {
      const std::int64_t count = std::min(wave, n_blocks - first);
      parallel_for(count, n_threads, [&](std::int64_t b, int thread) {
        if (!passes[thread]) passes[thread] = std::make_unique<BlockPass>(rows, mixture, look, candidates, relate);
        passes[thread]->run(blocks[first + b], blocks[first + b + 1], results[b]);
      });
      for (std::int64_t b = 0; b < count; ++b) results[b].add_to(mixture, to, strays);
    }
  } else {
    for (std::size_t n = 0; n < rows.n_rows; ++n) strays.push_back(static_cast<std::uint32_t>(n));
  }
  to.n_strays += static_cast<std::int64_t>(strays.size());
  if (!strays.empty()) accumulate_strays(rows, mixture, strays, look, n_threads, candidates, to);
  const std::size_t k = mixture.n_components, d = mixture.n_features;
  for (std::size_t c = 0; mixture.form == Form::full && c < k; ++c) {
    double* matrix = to.sums.scatter + c * d * d;
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j < i; ++j) matrix[j * d + i] = matrix[i * d + j];
    }
  }
}

void rebuild_neighbors(const std::vector<Relation>& relations, int n_components, int n_listed,
                       std::int32_t* neighbors) {
  const std::size_t k = n_components;
  std::vector<std::size_t> begin(k + 1, 0), order(relations.size());
  for (const Relation& relation : relations) ++begin[relation.of + 1];
  for (std::size_t c = 0; c < k; ++c) begin[c + 1] += begin[c];
  std::vector<std::size_t> next(begin.begin(), begin.end() - 1);
  for (std::size_t at = 0; at < relations.size(); ++at) order[next[relations[at].of]++] = at;

  std::vector<std::size_t> place(k, 0);
  std::vector<std::uint64_t> seen(k, 0);
  struct Other {
    double mean;
    std::int32_t component;
    bool operator<(const Other& b) const { return mean < b.mean || (mean == b.mean && component < b.component); }
  };
  std::vector<Relation> merged;
  std::vector<Other> others;
  for (std::size_t c = 0; c < k; ++c) {
    if (begin[c] == begin[c + 1]) continue;
    merged.clear();
    for (std::size_t at = begin[c]; at < begin[c + 1]; ++at) {
      const Relation& relation = relations[order[at]];
      if (seen[relation.other] != c + 1) {
        seen[relation.other] = c + 1;
        place[relation.other] = merged.size();
        merged.push_back({relation.of, relation.other, 0.0, 0.0});
      }
      merged[place[relation.other]].remoteness += relation.remoteness;
      merged[place[relation.other]].n_rows += relation.n_rows;
    }
    others.clear();
    for (const Relation& relation : merged) {
      const bool itself = relation.other == static_cast<std::int32_t>(c);
      others.push_back({itself ? -1e300 : relation.remoteness / relation.n_rows, relation.other});
    }
    const std::size_t kept = std::min<std::size_t>(n_listed, others.size());
    std::partial_sort(others.begin(), others.begin() + kept, others.end());
    std::int32_t* to = neighbors + c * n_listed;
    for (std::size_t g = 0; g < static_cast<std::size_t>(n_listed); ++g) {
      to[g] = g < kept ? others[g].component : -1;
    }
  }
}

void chain_components(int n_components, int n_listed, const std::int32_t* neighbors, std::int32_t* order) {
  std::vector<bool> is_placed(n_components, false);
  int first = 0, at = 0;
  for (int placed = 0; placed < n_components; ++placed) {
    order[placed] = at;
    is_placed[at] = true;
    int following = -1;
    const std::int32_t* listed = neighbors + static_cast<std::size_t>(at) * n_listed;
    for (int g = 0; g < n_listed && listed[g] >= 0 && following < 0; ++g) {
      if (!is_placed[listed[g]]) following = listed[g];
    }
    while (following < 0 && first < n_components && is_placed[first]) ++first;
    at = following >= 0 ? following : first;
  }
}

}  // namespace gaussmix
