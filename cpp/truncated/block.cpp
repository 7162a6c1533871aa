#include "truncated/block.hpp"

#include <algorithm>
#include <cstring>

namespace gaussmix {

namespace {

// With so many rows a component is listed if it is a candidate of more than one of them: one stray costs less.
constexpr std::size_t kManyRows = 256;
constexpr std::size_t kMainRows = 8;  // the neighbors of a component are listed if it is the best of so large a share
constexpr std::size_t kMostListed = 2048;

std::size_t numbers_of_factor(const Mixture& m) {
  const std::size_t d = m.n_features;
  return m.form == Form::full ? d * d : m.form == Form::diagonal ? d : 1;
}

void add_line(const double* from, std::size_t count, double* to) {
  for (std::size_t j = 0; j < count; ++j) to[j] += from[j];
}

}  // namespace

BlockPass::BlockPass(const Rows& rows, const Mixture& m, const Neighborhoods& look, const Candidates& candidates,
                     bool relate)
    : rows_(rows),
      whole_(m),
      look_(look),
      candidates_(candidates),
      relate_(relate),
      kernels_(selected_kernels(false)),
      is_listed_(m.n_components + 1, 0),
      seen_(m.n_components + 1, 0),
      n_best_(m.n_components) {}

void BlockPass::run(std::size_t begin, std::size_t end, BlockSums& to) {
  ++stamp_;
  list_components(begin, end, to.listed);
  find_strays(begin, end, to);
  const bool has_strays = !to.strays.empty();
  to.relations.clear();
  if (!to.n_taken) return;
  const Mixture part = part_of(to.listed);
  const Layout layout = kernels_.layout(part);
  const std::size_t n_listed = to.listed.size();
  double* packed = packed_.of(layout.packed);
  std::fill(packed, packed + layout.packed, 0.0);  // kernels read zeros where `pack` writes nothing
  kernels_.pack(part, packed);
  double* sums = to.sums.of(layout.partial);
  std::fill(sums, sums + layout.partial, 0.0);
  to.pad = kernels_.pad;
  if (relate_) remoteness_.assign(n_listed * (n_listed + 1), 0.0);
  double* n_rows = relate_ ? remoteness_.data() : nullptr;
  double* remote = relate_ ? n_rows + n_listed : nullptr;
  const Nearest nearest{candidates_.n_kept,
                        candidates_.reach,
                        to.listed.data(),
                        candidates_.components,
                        candidates_.greatest,
                        has_strays ? is_taken_.data() : nullptr,
                        n_rows,
                        remote};
  double* scratch = scratch_.of(kernels_.nearest_scratch(part, candidates_.n_kept));
  kernels_.accumulate_nearest(rows_, part, packed, begin, end, nearest, scratch, sums);
  if (!relate_) return;
  for (std::size_t a = 0; a < n_listed; ++a) {
    if (n_rows[a] == 0.0) continue;
    for (std::size_t b = 0; b < n_listed; ++b) {
      to.relations.push_back({to.listed[a], to.listed[b], remote[a * n_listed + b], n_rows[a]});
    }
  }
}

void BlockPass::list_components(std::size_t begin, std::size_t end, std::vector<std::int32_t>& listed) {
  if (look_.everything) {
    listed.resize(whole_.n_components);
    for (int c = 0; c < whole_.n_components; ++c) {
      listed[c] = c;
      is_listed_[c + 1] = stamp_;
    }
    return;
  }
  find_present(begin, end);
  listed.clear();
  const auto add = [&](std::int32_t component) {
    if (is_listed_[component + 1] == stamp_ || listed.size() == kMostListed) return;
    is_listed_[component + 1] = stamp_;
    listed.push_back(component);
  };
  const std::size_t count = end - begin;
  for (const std::int32_t component : present_) {
    if (count < kManyRows || seen_[component + 1] == 2 * stamp_ + 1) add(component);
  }
  if (look_.n_listed) count_best(begin, end);
  for (const std::int32_t component : present_) {
    if (look_.n_listed && n_best_[component] * kMainRows >= count) {
      look_around(look_, whole_.n_components, component, add);
    }
  }
  std::sort(listed.begin(), listed.end());
}

// Finds the components that are candidates of a row, and those of several.
void BlockPass::find_present(std::size_t begin, std::size_t end) {
  const std::uint32_t once = 2 * stamp_, often = once + 1;
  std::uint32_t* const seen = seen_.data() + 1;
  seen[-1] = often;  // empty places
  present_.clear();
  const std::size_t n_kept = candidates_.n_kept;
  const std::int32_t* const last = candidates_.components + end * n_kept;
  for (const std::int32_t* own = candidates_.components + begin * n_kept; own != last; ++own) {
    const std::int32_t component = *own;
    if (seen[component] == often) continue;
    if (seen[component] == once) {
      seen[component] = often;
      continue;
    }
    seen[component] = once;
    present_.push_back(component);
  }
}

// Counts the rows of which a component is the best one.
void BlockPass::count_best(std::size_t begin, std::size_t end) {
  for (const std::int32_t component : present_) n_best_[component] = 0;
  for (std::size_t n = begin; n < end; ++n) {
    const std::int32_t best = candidates_.components[n * candidates_.n_kept];
    if (best >= 0) ++n_best_[best];
  }
}

void BlockPass::find_strays(std::size_t begin, std::size_t end, BlockSums& to) {
  to.strays.clear();
  to.n_taken = end - begin;
  const auto is_listed = [&](std::int32_t component) { return is_listed_[component + 1] == stamp_; };
  if (look_.everything || std::all_of(present_.begin(), present_.end(), is_listed)) return;
  to.n_taken = 0;
  is_taken_.resize(end - begin);
  const std::int32_t* own = candidates_.components + begin * candidates_.n_kept;
  is_listed_[0] = stamp_;
  for (std::size_t n = begin; n < end; ++n, own += candidates_.n_kept) {
    bool is_taken = true;
    for (int i = 0; i < candidates_.n_kept; ++i) is_taken &= is_listed(own[i]);
    is_taken_[n - begin] = is_taken;
    to.n_taken += is_taken;
    if (!is_taken) to.strays.push_back(static_cast<std::uint32_t>(n));
  }
}

Mixture BlockPass::part_of(const std::vector<std::int32_t>& listed) {
  const std::size_t d = whole_.n_features, numbers = numbers_of_factor(whole_);
  offsets_.resize(listed.size());
  means_.resize(listed.size() * d);
  factors_.resize(listed.size() * numbers);
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const std::size_t c = listed[i];
    offsets_[i] = whole_.offsets[c];
    std::memcpy(means_.data() + i * d, whole_.means + c * d, d * sizeof(double));
    std::memcpy(factors_.data() + i * numbers, whole_.factors + c * numbers, numbers * sizeof(double));
  }
  Mixture part = whole_;
  part.n_components = static_cast<int>(listed.size());
  part.offsets = offsets_.data();
  part.means = means_.data();
  part.factors = factors_.data();
  return part;
}

void BlockSums::add_to(const Mixture& whole, TruncatedSums& to, std::vector<std::uint32_t>& all_strays) {
  all_strays.insert(all_strays.end(), strays.begin(), strays.end());
  if (!n_taken) return;
  if (to.relations) to.relations->insert(to.relations->end(), relations.begin(), relations.end());
  to.n_scores += static_cast<std::int64_t>(n_taken * listed.size());
  Mixture part = whole;
  part.n_components = static_cast<int>(listed.size());
  const Places at = places_in_partial(part, pad);
  const std::size_t d = whole.n_features, numbers = numbers_of_factor(whole);
  const double* own = sums.of(0);
  *to.sums.log_likelihood += own[0];
  *to.sums.entropy += own[1];
  for (std::size_t i = 0; i < listed.size(); ++i) {
    if (own[at.counts + i] == 0.0) continue;
    const std::size_t c = listed[i];
    to.sums.counts[c] += own[at.counts + i];
    add_line(own + at.shifts + i * at.dp, d, to.sums.shifts + c * d);
    double* const scatter = to.sums.scatter + c * numbers;
    if (whole.form == Form::spherical) *scatter += own[at.scatter + i];
    if (whole.form == Form::diagonal) add_line(own + at.scatter + i * at.dp, d, scatter);
    for (std::size_t r = 0; whole.form == Form::full && r < d; ++r) {
      add_line(own + at.scatter + (i * at.dp + r) * at.dp, r + 1, scatter + r * d);
    }
  }
}

}  // namespace gaussmix
