#include "truncated/strays.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "threads.hpp"
#include "truncated/look.hpp"
#include "truncated/nearest.hpp"
#include "truncated/one_component.hpp"

namespace gaussmix {

namespace {

constexpr std::size_t kChunkRows = 4096;     // they and their scores stay in cache
constexpr std::size_t kMostPairs = 1 << 20;  // of a chunk whose rows look at all components
constexpr std::size_t kPieceRows = 1024;     // of a component, summed at once
constexpr double kNegligible = 1e-16;        // as in the exact pass
constexpr double kNone = -std::numeric_limits<double>::infinity();

// Pairs of rows and components, listed by row and by component, and their scores.
struct Pairs {
  std::vector<std::uint32_t> begin_of_row;        // (rows + 1,)
  std::vector<std::int32_t> component;            // by row
  std::vector<double> score;                      // by row
  std::vector<std::int32_t> present;              // the components that occur
  std::vector<std::uint32_t> begin_of_component;  // (present + 1,)
  std::vector<std::uint32_t> by_component;        // the positions of the pairs, by component
  std::vector<std::uint32_t> row;                 // the rows of these
};

// What one thread needs for the chunks of rows that it scores.
class Search {
 public:
  Search(const Rows& rows, const Mixture& m, const Neighborhoods& look, const Components& components,
         const std::vector<std::uint32_t>& strays, double* shares)
      : rows_(rows),
        look_(look),
        strays_(strays),
        shares_(shares),
        components_(components),
        seen_(m.n_components, 0),
        slot_(m.n_components),
        relation_(m.n_components) {}

  struct Result {
    double log_likelihood = 0.0, entropy = 0.0;
    std::int64_t n_scores = 0;
    std::vector<Relation> relations;
  };

  void run(std::size_t begin, std::size_t end, const Candidates& candidates, bool relate, Result& result) {
    list_pairs(begin, end, candidates);
    sort_pairs(begin, end);
    score_pairs();
    result.n_scores = static_cast<std::int64_t>(pairs_.component.size());
    for (std::size_t s = begin; s < end; ++s) choose(s, s - begin, candidates, result);
    if (relate) relate_rows(begin, end, candidates, result.relations);
  }

 private:
  void list_pairs(std::size_t begin, std::size_t end, const Candidates& candidates) {
    const int k = static_cast<int>(seen_.size());
    pairs_.begin_of_row.clear();
    pairs_.component.clear();
    const auto add = [&](std::int32_t component) {
      if (seen_[component] == stamp_) return;
      seen_[component] = stamp_;
      pairs_.component.push_back(component);
    };
    for (std::size_t s = begin; s < end; ++s) {
      pairs_.begin_of_row.push_back(static_cast<std::uint32_t>(pairs_.component.size()));
      if (look_.everything) {
        for (int c = 0; c < k; ++c) pairs_.component.push_back(c);
        continue;
      }
      ++stamp_;
      const std::int32_t* own = candidates.components + std::size_t{strays_[s]} * candidates.n_kept;
      for (int i = 0; i < candidates.n_kept && own[i] >= 0; ++i) add(own[i]);
      if (look_.n_listed && own[0] >= 0) look_around(look_, k, own[0], add);
    }
    pairs_.begin_of_row.push_back(static_cast<std::uint32_t>(pairs_.component.size()));
  }

  // A counting sort by component.
  void sort_pairs(std::size_t begin, std::size_t end) {
    const std::size_t n_pairs = pairs_.component.size();
    pairs_.present.clear();
    ++stamp_;
    counts_.clear();
    for (const std::int32_t component : pairs_.component) {
      if (seen_[component] != stamp_) {
        seen_[component] = stamp_;
        slot_[component] = static_cast<std::uint32_t>(pairs_.present.size());
        pairs_.present.push_back(component);
        counts_.push_back(0);
      }
      ++counts_[slot_[component]];
    }
    pairs_.begin_of_component.assign(1, 0);
    for (const std::uint32_t count : counts_) {
      pairs_.begin_of_component.push_back(pairs_.begin_of_component.back() + count);
    }
    std::copy(pairs_.begin_of_component.begin(), pairs_.begin_of_component.end() - 1, counts_.begin());
    pairs_.by_component.resize(n_pairs);
    pairs_.row.resize(n_pairs);
    for (std::size_t n = 0; n < end - begin; ++n) {
      for (std::uint32_t at = pairs_.begin_of_row[n]; at < pairs_.begin_of_row[n + 1]; ++at) {
        const std::uint32_t to = counts_[slot_[pairs_.component[at]]]++;
        pairs_.by_component[to] = at;
        pairs_.row[to] = strays_[begin + n];
      }
    }
  }

  void score_pairs() {
    pairs_.score.resize(pairs_.component.size());
    for (std::size_t p = 0; p < pairs_.present.size(); ++p) {
      const std::uint32_t first = pairs_.begin_of_component[p], last = pairs_.begin_of_component[p + 1];
      for (std::uint32_t from = first; from < last; from += kPieceRows) {
        const std::size_t count = std::min<std::size_t>(kPieceRows, last - from);
        gather_.take(rows_, pairs_.row.data() + from, count);
        scores_.resize(count);
        components_.score(pairs_.present[p], gather_.rows(rows_, count), scratch_, scores_.data());
        for (std::size_t i = 0; i < count; ++i) pairs_.score[pairs_.by_component[from + i]] = scores_[i];
      }
    }
  }

  // Keeps the best of the components that were scored, the lower number of two equal ones.
  void choose(std::size_t stray, std::size_t row, const Candidates& candidates, Result& result) {
    const int most = candidates.n_kept;
    const std::size_t n = strays_[stray];
    const std::uint32_t first = pairs_.begin_of_row[row], last = pairs_.begin_of_row[row + 1];
    const auto is_better = [&](std::uint32_t a, std::uint32_t b) {
      const double x = pairs_.score[a], y = pairs_.score[b];
      return x > y || (x == y && pairs_.component[a] < pairs_.component[b]);
    };
    best_.clear();
    if (last - first > static_cast<std::uint32_t>(most) && most <= kFew) {
      for (std::uint32_t at = first; at < last; ++at) {
        if (best_.size() == static_cast<std::size_t>(most) && !is_better(at, best_.back())) continue;
        if (best_.size() < static_cast<std::size_t>(most)) best_.push_back(at);
        std::size_t to = best_.size() - 1;
        for (; to > 0 && is_better(at, best_[to - 1]); --to) best_[to] = best_[to - 1];
        best_[to] = at;
      }
    } else {
      for (std::uint32_t at = first; at < last; ++at) best_.push_back(at);
      const std::size_t kept = std::min<std::size_t>(most, best_.size());
      std::partial_sort(best_.begin(), best_.begin() + kept, best_.end(), is_better);
      best_.resize(kept);
    }
    std::int32_t* own = candidates.components + n * most;
    double* shares = shares_ + stray * most;
    const double greatest = best_.empty() ? kNone : pairs_.score[best_[0]];
    candidates.greatest[n] = static_cast<float>(greatest);
    double sum = 0.0, information = 0.0;
    for (int i = 0; i < most; ++i) {
      const bool is_scored = i < static_cast<int>(best_.size()) && greatest > kNone;
      const double below = is_scored ? pairs_.score[best_[i]] - greatest : kNone;
      const bool is_near = below >= -candidates.reach;
      own[i] = i == 0 || is_near ? pairs_.component[best_[i]] : -1;
      shares[i] = below == 0.0 ? 1.0 : is_near ? std::exp(below) : 0.0;
      sum += shares[i];
      if (shares[i] > 0.0) information += shares[i] * below;
    }
    const double weight = rows_.weights ? rows_.weights[n] : 1.0;
    if (greatest == kNone) {
      if (weight > 0.0) result.log_likelihood = kNone;
      return;
    }
    for (int i = 0; i < most; ++i) shares[i] /= sum;
    if (!(weight > 0.0)) return;
    result.log_likelihood += weight * (greatest + std::log(sum));
    result.entropy += weight * (std::log(sum) - information / sum);
  }

  // Sums up how remote the components that were scored are from the best ones.
  void relate_rows(std::size_t begin, std::size_t end, const Candidates& candidates, std::vector<Relation>& to) {
    const std::size_t n_rows = end - begin;
    by_best_.resize(n_rows);
    for (std::size_t n = 0; n < n_rows; ++n) by_best_[n] = static_cast<std::uint32_t>(n);
    const auto best_of = [&](std::uint32_t n) {
      return candidates.components[std::size_t{strays_[begin + n]} * candidates.n_kept];
    };
    std::stable_sort(by_best_.begin(), by_best_.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return best_of(a) < best_of(b); });
    std::int32_t before = -1;
    for (const std::uint32_t n : by_best_) {
      const std::int32_t best = best_of(n);
      if (best < 0) continue;
      if (best != before) ++stamp_;
      before = best;
      const std::uint32_t first = pairs_.begin_of_row[n], last = pairs_.begin_of_row[n + 1];
      double greatest = kNone;
      for (std::uint32_t at = first; at < last; ++at) greatest = std::max(greatest, pairs_.score[at]);
      if (greatest == kNone) continue;
      for (std::uint32_t at = first; at < last; ++at) {
        const std::int32_t other = pairs_.component[at];
        if (seen_[other] != stamp_) {
          seen_[other] = stamp_;
          relation_[other] = to.size();
          to.push_back({best, other, 0.0, 0.0});
        }
        Relation& relation = to[relation_[other]];
        relation.remoteness += remoteness(greatest - pairs_.score[at]);
        relation.n_rows += 1.0;
      }
    }
  }

  static constexpr int kFew = 32;

  const Rows& rows_;
  const Neighborhoods& look_;
  const std::vector<std::uint32_t>& strays_;
  double* shares_;  // (strays, n_kept): p(k | x) among the candidates
  const Components& components_;
  std::uint64_t stamp_ = 0;
  std::vector<std::uint64_t> seen_;
  std::vector<std::uint32_t> slot_, counts_, best_, by_best_;
  std::vector<std::size_t> relation_;
  std::vector<double> scores_;
  Pairs pairs_;
  Gather gather_;
  Scratch scratch_;
};

// The pairs with a share, by component and then by row.
struct Shares {
  std::vector<std::size_t> begin;  // (k + 1,)
  std::vector<std::uint32_t> row;
  std::vector<double> weighted;  // weight p(k | x)
};

Shares shares_by_component(const Rows& rows, int n_components, const std::vector<std::uint32_t>& strays,
                           const Candidates& candidates, const double* shares_of_rows, int n_threads) {
  const std::size_t n = strays.size(), k = n_components, kept = candidates.n_kept;
  // As many pieces as the tables of counts are worth.
  const std::size_t n_pieces = std::clamp<std::size_t>(n * kept / (8 * k), 1, 64),
                    piece = (n + n_pieces - 1) / n_pieces;
  std::vector<std::size_t> places(n_pieces * k, 0);
  const auto visit = [&](std::int64_t p, auto use) {
    for (std::size_t s = p * piece; s < std::min(n, (p + 1) * piece); ++s) {
      const std::size_t row = strays[s];
      const double weight = rows.weights ? rows.weights[row] : 1.0;
      if (!(weight > 0.0)) continue;
      for (std::size_t i = 0; i < kept; ++i) {
        const std::int32_t component = candidates.components[row * kept + i];
        const double share = shares_of_rows[s * kept + i];
        if (component >= 0 && share >= kNegligible) use(component, row, weight * share);
      }
    }
  };
  parallel_for(n_pieces, n_threads, [&](std::int64_t p, int) {
    std::size_t* own = places.data() + p * k;
    visit(p, [&](std::int32_t component, std::size_t, double) { ++own[component]; });
  });
  Shares shares;
  shares.begin.resize(k + 1);
  std::size_t total = 0;
  for (std::size_t c = 0; c < k; ++c) {
    shares.begin[c] = total;
    for (std::size_t p = 0; p < n_pieces; ++p) {
      const std::size_t count = places[p * k + c];
      places[p * k + c] = total;
      total += count;
    }
  }
  shares.begin[k] = total;
  shares.row.resize(total);
  shares.weighted.resize(total);
  parallel_for(n_pieces, n_threads, [&](std::int64_t p, int) {
    std::size_t* own = places.data() + p * k;
    visit(p, [&](std::int32_t component, std::size_t row, double weighted) {
      const std::size_t to = own[component]++;
      shares.row[to] = static_cast<std::uint32_t>(row);
      shares.weighted[to] = weighted;
    });
  });
  return shares;
}

}  // namespace

void accumulate_strays(const Rows& rows, const Mixture& mixture, const std::vector<std::uint32_t>& strays,
                       const Neighborhoods& look, int n_threads, const Candidates& candidates, TruncatedSums& to) {
  const Components components(mixture, n_threads);
  std::vector<double> shares_of_rows(strays.size() * candidates.n_kept);
  const std::size_t most = look.everything ? std::max<std::size_t>(kMostPairs / mixture.n_components, 1) : kChunkRows;
  const std::size_t chunk_rows = std::min(kChunkRows, most);
  const auto n_chunks = static_cast<std::int64_t>((strays.size() + chunk_rows - 1) / chunk_rows);
  std::vector<Search::Result> results(n_chunks);
  std::vector<std::unique_ptr<Search>> searches(n_threads);
  parallel_for(n_chunks, n_threads, [&](std::int64_t chunk, int thread) {
    if (!searches[thread]) {
      searches[thread] = std::make_unique<Search>(rows, mixture, look, components, strays, shares_of_rows.data());
    }
    const std::size_t begin = chunk * chunk_rows, end = std::min(strays.size(), begin + chunk_rows);
    searches[thread]->run(begin, end, candidates, to.relations != nullptr, results[chunk]);
  });
  searches.clear();
  for (Search::Result& result : results) {
    *to.sums.log_likelihood += result.log_likelihood;
    *to.sums.entropy += result.entropy;
    to.n_scores += result.n_scores;
    if (to.relations) to.relations->insert(to.relations->end(), result.relations.begin(), result.relations.end());
  }

  const Shares shares =
      shares_by_component(rows, mixture.n_components, strays, candidates, shares_of_rows.data(), n_threads);
  std::vector<std::unique_ptr<Gather>> gathers(n_threads);
  std::vector<std::unique_ptr<Scratch>> scratches(n_threads);
  constexpr std::int64_t kTogether = 8;
  const std::int64_t k = mixture.n_components;
  parallel_for((k + kTogether - 1) / kTogether, n_threads, [&](std::int64_t group, int thread) {
    if (!gathers[thread]) {
      gathers[thread] = std::make_unique<Gather>();
      scratches[thread] = std::make_unique<Scratch>();
    }
    for (std::int64_t c = group * kTogether; c < std::min(k, (group + 1) * kTogether); ++c) {
      if (shares.begin[c] == shares.begin[c + 1]) continue;
      ComponentSums sums(components, static_cast<int>(c));
      for (std::size_t from = shares.begin[c]; from < shares.begin[c + 1]; from += kPieceRows) {
        const std::size_t count = std::min(kPieceRows, shares.begin[c + 1] - from);
        gathers[thread]->take(rows, shares.row.data() + from, count);
        Rows some = gathers[thread]->rows(rows, count);
        some.weights = shares.weighted.data() + from;
        sums.add(some, *scratches[thread]);
      }
      sums.write(to.sums);
    }
  });
}

}  // namespace gaussmix
