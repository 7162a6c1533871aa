#include "em/search.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "em/dense.hpp"
#include "em/overlap.hpp"
#include "threads.hpp"

namespace gaussmix {

namespace {

constexpr int kShortSplit = 2, kLongerSplit = 3;  // iterations of each start of a split, and then of the better one
constexpr double kLeastSplitShare = 1e-3;         // responsibility below which a row is ignored
constexpr std::size_t kFewestRows = 4;            // of a component that is split
constexpr double kHeavy = 1.5;  // fourth moment relative to that of a Gaussian; tails are split off above it
constexpr double kFar = 2.0;    // squared distance of a tail from the mean, relative to the geometric mean

Limits plain_steps(std::int64_t n_passes) { return {n_passes, -kInfinity, 0.0, 0.0, false, true}; }

Dimensions dimensions_of(const Problem& p) { return {form_of(p.model), p.n_components, p.n_features}; }

void identity_roots(const Dimensions& is, Parameters& p) {
  p.roots.assign(is.size(), 0.0);
  for (int c = 0; c < is.n_roots(); ++c) {
    for (int j = 0; j < is.d_; ++j) p.roots[c * is.each() + is.diagonal(j)] = 1.0;
  }
}

Parameters sized_parameters(const Dimensions& is) {
  Parameters p;
  p.weights.resize(is.k_), p.log_det.resize(is.k_), p.offsets.resize(is.k_);
  p.means.resize(static_cast<std::size_t>(is.k_) * is.d_);
  p.roots.resize(is.size()), p.factors.resize(is.size());
  return p;
}

// Merges a Gaussian with some rows into another one.
void absorb(double rows, const double* mean, const double* covariance, int d, double& rows_to, double* mean_to,
            double* covariance_to) {
  const double both = rows_to + rows, first = rows_to / both, second = rows / both;
  for (int a = 0; a < d; ++a) {
    for (int b = 0; b < d; ++b) {
      const double apart = (mean_to[a] - mean[a]) * (mean_to[b] - mean[b]);
      double& merged = covariance_to[a * d + b];
      merged = first * merged + second * covariance[a * d + b] + first * second * apart;
    }
  }
  for (int a = 0; a < d; ++a) mean_to[a] = first * mean_to[a] + second * mean[a];
  rows_to = both;
}

// Calls work(i) for i from 0 to n - 1 on some threads.
template <class Work>
void for_each(std::size_t n, int n_threads, Work work) {
  n_threads = static_cast<int>(std::clamp<std::size_t>(n, 1, n_threads));
  parallel_for(static_cast<std::int64_t>(n), n_threads, [&](std::int64_t i, int) { work(i); });
}

}  // namespace

// A problem for some rows and components, with the prior of the task or that of starts.
struct Search::Sized {
  Sized(const Search& search, const Part& part, int k, bool is_start) {
    const Task& t = search.t_;
    const int d = t.n_features;
    const double shares = search.form_ == Form::tied ? k : 1;
    const double rows = is_start ? 1.0 : t.prior_rows;
    const double scale = (is_start ? std::pow(k, -2.0 / d) : 1.0) / shares;
    scatter.assign(is_start ? search.root_square_.data() : t.prior_scatter,
                   (is_start ? search.root_square_.data() : t.prior_scatter) + d * d);
    for (double& value : scatter) value *= scale;
    problem = {part.rows,     part.row_weights,         part.n_rows, d,   k,    t.model, scatter.data(),
               rows / shares, is_start ? 0.0 : t.ridge, 0,           0.0, false};
  }
  Sized(const Sized&) = delete;
  Sized& operator=(const Sized&) = delete;

  std::vector<double> scatter;
  Problem problem;
};

Search::Search(const Task& task)
    : t_(task),
      form_(form_of(task.model)),
      k_(task.n_components),
      d_(task.n_features),
      root_square_(static_cast<std::size_t>(d_) * d_),
      root_factor_(root_square_.size()) {
  for (int i = 0; i < d_; ++i) {
    for (int j = 0; j < d_; ++j) {
      for (int p = 0; p <= std::min(i, j); ++p) root_square_[i * d_ + j] += t_.root[i * d_ + p] * t_.root[j * d_ + p];
    }
  }
  invert_transposed(t_.root, d_, root_factor_.data());
}

std::size_t Search::size_of_state(int k) const {
  const Dimensions is{form_, k, d_};
  return kNumbers + 2 * (static_cast<std::size_t>(k) * (1 + d_) + is.size());
}

bool Search::assemble(const Part& part, int k, const std::vector<double>& counts, const std::vector<double>& means,
                      const std::vector<double>& scatter, double* state) const {
  const Sized sized(*this, part, k, true);
  const Dimensions is = dimensions_of(sized.problem);
  MStep step(sized.problem, is);
  Parameters at = sized_parameters(is), to = sized_parameters(is);
  identity_roots(is, at);
  at.means = means;
  const Moments sums{counts, std::vector<double>(means.size()), scatter};
  if (!step.maximize(at, sums, at.axes, to)) return false;
  for (int i = 0; i < kNumbers; ++i) *state++ = kNaN;
  for (const auto* numbers : {&to.weights, &to.means, &to.roots}) {
    state = std::copy(numbers->begin(), numbers->end(), state);
  }
  return true;
}

bool Search::start(const std::int64_t* labels, double* state) const {
  return start_part({t_.rows, t_.row_weights, t_.n_rows}, k_, labels, state);
}

bool Search::start_part(const Part& part, int k, const std::int64_t* labels, double* state) const {
  const Dimensions is{form_, k, d_};
  std::vector<double> counts(k), means(static_cast<std::size_t>(k) * d_), scatter(is.size()), centered(d_);
  const auto weight_of = [&](std::size_t n) { return part.row_weights ? part.row_weights[n] : 1.0; };
  for (std::size_t n = 0; n < part.n_rows; ++n) {
    const double weight = weight_of(n), *row = part.rows + n * d_;
    double* mean = means.data() + labels[n] * d_;
    counts[labels[n]] += weight;
    for (int j = 0; j < d_; ++j) mean[j] += weight * row[j];
  }
  for (int c = 0; c < k; ++c) {
    if (!(counts[c] > 0)) return false;
    for (int j = 0; j < d_; ++j) means[c * d_ + j] /= counts[c];
  }
  for (std::size_t n = 0; n < part.n_rows; ++n) {
    const double weight = weight_of(n), *row = part.rows + n * d_, *mean = means.data() + labels[n] * d_;
    double* to = scatter.data() + is.place_of(static_cast<int>(labels[n]));
    for (int j = 0; j < d_; ++j) centered[j] = row[j] - mean[j];
    for (int i = 0; i < d_; ++i) {
      const double value = weight * centered[i];
      if (is.is_triangular()) {
        for (int j = 0; j <= i; ++j) to[i * d_ + j] += value * centered[j];
      } else {
        to[is.diagonal(i)] += value * centered[i];
      }
    }
  }
  return assemble(part, k, counts, means, scatter, state);
}

void Search::run(std::size_t m, double* states, const Limits& limits, int n_threads, Watch& watch,
                 const Outcome& outcome) const {
  const Sized sized(*this, {t_.rows, t_.row_weights, t_.n_rows}, k_, false);
  const int of_pass = EmRun::threads_of_pass(sized.problem, n_threads);
  const bool share_passes = m < static_cast<std::size_t>(of_pass);
  const int of_runs = share_passes ? 1 : static_cast<int>(std::clamp<std::size_t>(m, 1, n_threads));
  std::vector<std::unique_ptr<EmRun>> of_thread(of_runs);
  const auto run_one = [&](std::int64_t i, int thread) {
    if (!of_thread[thread]) of_thread[thread] = std::make_unique<EmRun>(sized.problem, share_passes ? of_pass : 1);
    EmRun& run = *of_thread[thread];
    double* state = states + i * state_size();
    Limits own = limits;
    if (std::isnan(state[0])) ++own.most_passes;
    const End end = run.restore(state) ? run.climb(own, &watch) : End::failed;
    run.store(state);
    const auto& trace = run.trace();
    const auto n_lines = static_cast<std::int64_t>(std::min(trace.size(), outcome.trace_size));
    outcome.told[i] = {static_cast<std::int64_t>(end), run.n_passes(), n_lines,
                       end == End::failed ? 0 : signs_of(state)};
    double* lines = outcome.trace + i * outcome.trace_size * 2;
    for (std::int64_t line = 0; line < n_lines; ++line) {
      lines[2 * line] = trace[line].log_likelihood, lines[2 * line + 1] = trace[line].gain;
    }
  };
  if (share_passes) {
    for (std::size_t i = 0; i < m; ++i) run_one(static_cast<std::int64_t>(i), 0);
  } else {
    parallel_for(static_cast<std::int64_t>(m), of_runs, run_one);
  }
}

// Covariances (k, d, d) of a state.
std::vector<double> Search::dense_of(const double* state) const {
  const Dimensions is{form_, k_, d_};
  const double* roots = state + kNumbers + k_ * (1 + d_);
  std::vector<double> dense(static_cast<std::size_t>(k_) * d_ * d_);
  for (int c = 0; c < k_; ++c) {
    const double* root = roots + is.place_of(c);
    double* to = dense.data() + static_cast<std::size_t>(c) * d_ * d_;
    for (int i = 0; i < d_; ++i) {
      if (!is.is_triangular()) to[i * d_ + i] = root[is.diagonal(i)] * root[is.diagonal(i)];
      for (int j = 0; is.is_triangular() && j <= i; ++j) {
        to[i * d_ + j] = to[j * d_ + i] = dot(root + i * d_, root + j * d_, j + 1);
      }
    }
  }
  return dense;
}

bool Search::assemble_dense(const std::vector<double>& counts, const std::vector<double>& means,
                            const std::vector<double>& covariances, double* state) const {
  const Dimensions is{form_, k_, d_};
  std::vector<double> scatter(is.size());
  for (int c = 0; c < k_; ++c) {
    const double* own = covariances.data() + static_cast<std::size_t>(c) * d_ * d_;
    double* to = scatter.data() + is.place_of(c);
    for (int i = 0; i < d_; ++i) {
      if (!is.is_triangular()) to[is.diagonal(i)] += counts[c] * own[i * d_ + i];
      for (int j = 0; is.is_triangular() && j <= i; ++j) to[i * d_ + j] += counts[c] * own[i * d_ + j];
    }
  }
  return assemble({t_.rows, t_.row_weights, t_.n_rows}, k_, counts, means, scatter, state);
}

bool Search::move(const double* state, const double* halves, int i, int j, int c, double* moved) const {
  const Dimensions is{form_, k_, d_};
  const std::size_t dd = static_cast<std::size_t>(d_) * d_;
  const double *means_before = state + kNumbers + k_, *counts_before = means_before + k_ * d_ + is.size();
  std::vector<double> counts(counts_before, counts_before + k_), means(means_before, means_before + k_ * d_);
  std::vector<double> dense = dense_of(state);
  absorb(counts[j], &means[j * d_], &dense[j * dd], d_, counts[i], &means[i * d_], &dense[i * dd]);
  const double *half = halves + c * half_size(), *centers = half + 1, *spreads = centers + 2 * d_;
  counts[j] = counts[c] * half[0], counts[c] -= counts[j];
  std::copy(centers, centers + d_, means.begin() + j * d_);
  std::copy(centers + d_, centers + 2 * d_, means.begin() + c * d_);
  std::copy(spreads, spreads + dd, dense.begin() + j * dd);
  std::copy(spreads + dd, spreads + 2 * dd, dense.begin() + c * dd);
  return assemble_dense(counts, means, dense, moved);
}

bool Search::transfer(const double* state, const double* halves, int c, int which, int to, double* moved) const {
  const Dimensions is{form_, k_, d_};
  const std::size_t dd = static_cast<std::size_t>(d_) * d_;
  const double *means_before = state + kNumbers + k_, *counts_before = means_before + k_ * d_ + is.size();
  std::vector<double> counts(counts_before, counts_before + k_), means(means_before, means_before + k_ * d_);
  std::vector<double> dense = dense_of(state);
  const double *half = halves + c * half_size(), *centers = half + 1, *spreads = centers + 2 * d_;
  const int stays = 1 - which;
  const double rows = counts[c] * (which == 0 ? half[0] : 1 - half[0]);
  counts[c] -= rows;
  std::copy(centers + stays * d_, centers + (stays + 1) * d_, means.begin() + c * d_);
  std::copy(spreads + stays * dd, spreads + (stays + 1) * dd, dense.begin() + c * dd);
  absorb(rows, centers + which * d_, spreads + which * dd, d_, counts[to], &means[to * d_], &dense[to * dd]);
  return assemble_dense(counts, means, dense, moved);
}

bool Search::swap(const double* state, int component, std::size_t row, double* swapped) const {
  const std::size_t dd = static_cast<std::size_t>(d_) * d_;
  const double *weights = state + kNumbers, *means_before = weights + k_;
  std::vector<double> counts(weights, weights + k_), means(means_before, means_before + k_ * d_);
  std::vector<double> dense = dense_of(state), average(dd);
  for (int c = 0; c < k_; ++c) {
    for (std::size_t i = 0; i < dd; ++i) average[i] += weights[c] * dense[c * dd + i];
  }
  counts[component] = 1.0 / k_;
  for (double& count : counts) count *= static_cast<double>(t_.n_rows);
  std::copy(t_.rows + row * d_, t_.rows + (row + 1) * d_, means.begin() + component * d_);
  std::copy(average.begin(), average.end(), dense.begin() + component * dd);
  return assemble_dense(counts, means, dense, swapped);
}

void Search::split(const double* state, int n_threads, double* gains, double* halves) const {
  const Sized sized(*this, {t_.rows, t_.row_weights, t_.n_rows}, k_, false);
  std::vector<double> shares(t_.n_rows * k_);
  {
    EmRun run(sized.problem);
    run.restore(state);
    run.score(shares.data());
  }
  for_each(k_, n_threads, [&](std::size_t c) {
    std::vector<double> rows, weights;
    for (std::size_t n = 0; n < t_.n_rows; ++n) {
      const double share = shares[n * k_ + c];
      if (!(share > kLeastSplitShare)) continue;
      rows.insert(rows.end(), t_.rows + n * d_, t_.rows + (n + 1) * d_);
      weights.push_back(t_.row_weights ? share * t_.row_weights[n] : share);
    }
    const bool few = weights.size() < kFewestRows;
    gains[c] = few ? kNaN : split_part({rows.data(), weights.data(), weights.size()}, halves + c * half_size());
  });
}

// Splits one component, with all its rows and their shares in it. Returns the gain.
double Search::split_part(const Part& part, double* half) const {
  const std::size_t n = part.n_rows, dd = static_cast<std::size_t>(d_) * d_;
  const Sized whole(*this, part, 1, false), halved(*this, part, 2, false);
  const std::vector<double> ones(n, 1.0);
  EmRun one(whole.problem);
  one.begin(ones.data());
  if (!std::isfinite(one.objective())) return kNaN;
  const Dimensions is = dimensions_of(whole.problem);
  std::vector<double> root(dd), own(dd), factor(dd), room(dd), turned(dd), axes(dd);
  for (int i = 0; i < d_; ++i) {
    if (!is.is_triangular()) root[i * d_ + i] = one.parameters().roots[is.diagonal(i)];
    for (int j = 0; is.is_triangular() && j <= i; ++j) root[i * d_ + j] = one.parameters().roots[i * d_ + j];
    for (int j = 0; j <= i; ++j) own[i * d_ + j] = own[j * d_ + i] = dot(&root[i * d_], &root[j * d_], j + 1);
  }
  // The direction of greatest variance, in the units of all rows.
  std::vector<double> direction(d_), centered(n * d_), whitened(n * d_), side(n);
  turn(root_factor_.data(), own.data(), d_, room.data(), turned.data());
  set_identity(axes.data(), d_);
  diagonalize(turned.data(), d_, axes.data(), 1e-6);
  for (int i = 0; i < d_; ++i) {
    for (int j = 0; j < d_; ++j) direction[i] += root_factor_[i * d_ + j] * axes[j * d_];
  }
  const double* mean = one.parameters().means.data();
  std::vector<std::int64_t> labels(n);
  for (std::size_t r = 0; r < n; ++r) {
    for (int j = 0; j < d_; ++j) centered[r * d_ + j] = part.rows[r * d_ + j] - mean[j];
    labels[r] = dot(&centered[r * d_], direction.data(), d_) > 0;
  }
  const std::size_t size = size_of_state(2);
  std::vector<double> state(size), best(size);
  EmRun two(halved.problem);
  double objective = -kInfinity;
  const auto try_labels = [&] {
    if (!start_part(part, 2, labels.data(), state.data()) || !two.restore(state.data())) return;
    two.climb(plain_steps(1 + kShortSplit));
    if (!(two.objective() > objective)) return;
    objective = two.objective();
    two.store(best.data());
  };
  try_labels();
  invert_transposed(root.data(), d_, factor.data());
  std::vector<double> lengths(n);
  double rows = 0.0, fourth = 0.0, logs = 0.0;
  for (std::size_t r = 0; r < n; ++r) {
    double* z = &whitened[r * d_];
    for (int j = 0; j < d_; ++j) {
      for (int i = 0; i <= j; ++i) z[j] += centered[r * d_ + i] * factor[i * d_ + j];
      lengths[r] += z[j] * z[j];
    }
    rows += part.row_weights[r];
    fourth += part.row_weights[r] * lengths[r] * lengths[r];
    logs += part.row_weights[r] * std::log(std::max(lengths[r], kEpsilon));
  }
  if (form_ != Form::tied && fourth > kHeavy * d_ * (d_ + 2) * rows) {
    const double limit = kFar * std::exp(logs / rows);
    for (std::size_t r = 0; r < n; ++r) labels[r] = lengths[r] > limit;
    try_labels();
  }
  if (d_ > 1) {  // the direction of least kurtosis
    std::fill(turned.begin(), turned.end(), 0.0);
    for (std::size_t r = 0; r < n; ++r) {
      const double* z = &whitened[r * d_];
      for (int i = 0; i < d_; ++i) {
        const double share = part.row_weights[r] * lengths[r] * z[i];
        for (int j = 0; j <= i; ++j) turned[i * d_ + j] += share * z[j];
      }
    }
    for (int i = 0; i < d_; ++i) {
      for (int j = 0; j < i; ++j) turned[j * d_ + i] = turned[i * d_ + j];
    }
    set_identity(axes.data(), d_);
    diagonalize(turned.data(), d_, axes.data(), 1e-6);
    for (int i = 0; i < d_; ++i) direction[i] = axes[i * d_ + d_ - 1];
    for (std::size_t r = 0; r < n; ++r) labels[r] = dot(&whitened[r * d_], direction.data(), d_) > 0;
    try_labels();
  }
  if (!std::isfinite(objective)) return kNaN;
  if (!two.restore(best.data()) || two.climb(plain_steps(kLongerSplit)) == End::failed) return kNaN;
  const Dimensions pair = dimensions_of(halved.problem);
  const Parameters& p = two.parameters();
  *half++ = p.weights[0];
  half = std::copy(p.means.begin(), p.means.end(), half);
  std::fill(half, half + 2 * dd, 0.0);
  for (int c = 0; c < 2; ++c, half += dd) {
    const double* own_root = pair.root_of(p, c);
    for (int i = 0; i < d_; ++i) {
      if (!pair.is_triangular()) half[i * d_ + i] = own_root[pair.diagonal(i)] * own_root[pair.diagonal(i)];
      for (int j = 0; pair.is_triangular() && j <= i; ++j) {
        half[i * d_ + j] = half[j * d_ + i] = dot(own_root + i * d_, own_root + j * d_, j + 1);
      }
    }
  }
  return two.objective() - one.objective();
}

void Search::overlap(const double* state, double* counts, double* unknown, double* log_density) const {
  const Sized sized(*this, {t_.rows, t_.row_weights, t_.n_rows}, k_, false);
  std::vector<double> shares(t_.n_rows * k_);
  EmRun run(sized.problem);
  run.restore(state);
  run.score(shares.data(), log_density);
  find_overlap(shares.data(), t_.row_weights, t_.n_rows, k_, counts, unknown);
}

}  // namespace gaussmix
