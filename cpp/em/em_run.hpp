// One run of EM on a few rows: the loop, from a table of responsibilities to a local optimum.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "em/acceleration.hpp"
#include "em/constants.hpp"
#include "em/em_batch.hpp"
#include "em/m_step.hpp"
#include "em/units.hpp"
#include "em/watch.hpp"
#include "kernels/kernels.hpp"
#include "pass/in_order.hpp"
#include "pass/pass.hpp"

namespace gaussmix {

const Kernels& selected_kernels(bool rough);  // dispatch.cpp

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

enum class End { limit, optimum, rounding, abandoned, failed, stopped };

// When a run ends. With `all_steps` it is plain EM up to the greatest number of passes.
struct Limits {
  std::int64_t most_passes;
  double target, hope;  // a run ends if its objective and `hope` times the estimated gain are below the target
  double nats;
  bool accelerate, all_steps;
  double distance = 0.0;  // if positive, a run ends only when its point is estimated to be nearer to the optimum
  double patience = 0.0;  // if positive, a run ends if its target is farther than this times the gain of kLap passes
};

// The log-likelihood of an iteration, and a lower bound on the gain of the next one (NaN if it is unknown).
struct TraceLine {
  double log_likelihood, gain;
};

// The point that a run has reached; another one can go on from it.
struct RunState {
  Parameters now;
  Moments moments;
  double objective = -kInfinity, log_likelihood = -kInfinity, entropy = 0.0, ahead = kInfinity;
  std::int64_t n_passes = 0;
};

// One run: the EM loop, until the estimated remaining gain is below the tolerance. It has no history and no repair.
class EmRun : private Dimensions {
 public:
  // At most `n_threads` share each pass; the bits of the sums do not depend on their number.
  explicit EmRun(const Problem& m, int n_threads = 1)
      : Dimensions{form_of(m.model), m.n_components, m.n_features},
        m_(m),
        n_(m.n_rows),
        m_step_(m, *this),
        units_(*this),
        kernels_(selected_kernels(false)),
        layout_(kernels_.layout(mixture_of(now_))),
        block_(block_rows(form_, k_, d_)),
        n_blocks_(static_cast<std::int64_t>((n_ + block_ - 1) / block_)),
        n_threads_(threads_of_pass(m, n_threads)),
        packed_(layout_.packed),
        scratch_(n_threads_, layout_.scratch),
        total_(layout_.partial),
        partial_(n_ > block_ ? layout_.partial : 0),
        extrapolation_(units_.groups(), k_ + (form_ == Form::tied)),
        point_(units_.groups().size()),
        between_(d_) {
    for (Parameters* p : {&now_, &next_, &tried_}) {
      p->weights.resize(k_), p->log_det.resize(k_), p->offsets.resize(k_);
      p->means.resize(static_cast<std::size_t>(k_) * d_);
      p->roots.resize(size()), p->factors.resize(size());
    }
    moments_ = {std::vector<double>(k_), std::vector<double>(now_.means.size()), std::vector<double>(size())};
    before_ = other_ = moments_;
  }

  // Of some threads, those that can share a pass.
  static int threads_of_pass(const Problem& m, int n_threads) {
    const Form form = form_of(m.model);
    const std::size_t block = block_rows(form, m.n_components, m.n_features);
    const auto n_blocks = static_cast<std::int64_t>((m.n_rows + block - 1) / block);
    return useful_threads({form, m.n_components, m.n_features}, m.n_rows, n_blocks, n_threads);
  }

  void fit(const double* responsibilities) {
    begin(responsibilities);
    climb(m_.max_iter, -kInfinity);
  }

  // The M-step from a table of responsibilities or from sums of clusters, and the pass at its result.
  template <class Start>
  void begin(const Start& start) {
    n_passes_ = 0, objective_ = log_likelihood_ = -kInfinity, ahead_ = kInfinity;
    m_step_.begin(start, now_, moments_);
    if (m_step_.maximize(now_, moments_, now_.axes, now_)) pass();
    if (!std::isfinite(objective_)) fail();
  }

  // Iterates until the estimated remaining gain is below the tolerance, or up to this number of passes since the start.
  // A run that needs much more than the gain of the last passes to reach the target, an objective, ends early.
  End climb(std::int64_t most_passes, double target) {
    return climb(Limits{most_passes, target, kInfinity, m_.nats, m_.accelerate, false, 0.0, kPatience});
  }
  End climb(const Limits& limits, Watch* watch = nullptr) {
    trace_.clear();
    extrapolation_.clear();
    double last_gain = kInfinity, gain = kNaN;
    const bool by_distance = limits.distance > 0, by_gain = !limits.all_steps && !by_distance;
    bool near = false, slow = by_distance;
    int still = 0;
    double earlier[kLap];
    std::fill(earlier, earlier + kLap, -kInfinity);
    const std::int64_t since = n_passes_;
    End end = End::limit;
    for (int step = 1; std::isfinite(objective_) && n_passes_ < limits.most_passes; ++step) {
      if (watch && watch->is_over()) {
        end = End::stopped;
        break;
      }
      double& earliest = earlier[n_passes_ % kLap];
      if (limits.patience > 0 && n_passes_ >= since + kLap &&
          limits.target - objective_ > limits.patience * (objective_ - earliest)) {
        end = End::abandoned;
        break;
      }
      earliest = objective_;
      const bool proposes = slow && propose();
      // Half the square of the residual is the gain, to second order and without constraints.
      const double about = proposes ? 0.5 * extrapolation_.residual_square() : kInfinity;
      const bool is_far = proposes && (by_distance || about * extrapolation_.stretch() > kFarAhead * limits.nats);
      if (by_distance && std::sqrt(extrapolation_.residual_square()) * extrapolation_.stretch() < limits.distance) {
        end = End::optimum;
        break;
      }
      if (is_far) {
        near = false, gain = about, ahead_ = about * extrapolation_.stretch();
      } else {
        if (!m_step_.maximize(now_, moments_, now_.axes, next_)) return fail();
        if (by_gain) {
          gain = m_step_.gain(now_, moments_, next_);
          const bool is_rounding = std::abs(gain) <= kRounding * std::abs(objective_);
          const double aitken = slow ? extrapolation_.stretch() : stretch(gain, last_gain);
          const double ahead = std::abs(gain) * (is_rounding ? 1.0 : aitken);
          ahead_ = ahead;
          if (is_rounding || (ahead < limits.nats && near)) {
            end = End::optimum;
            break;
          }
          near = ahead < limits.nats;
          slow = slow ||
                 (limits.accelerate && step >= kPlain && !(steps_left(gain, last_gain, limits.nats) < kFewStepsLeft));
          last_gain = gain;
        }
      }
      if (by_gain && objective_ + limits.hope * ahead_ < limits.target) {
        end = End::abandoned;
        break;
      }
      const double objective = objective_, log_likelihood = log_likelihood_, entropy = entropy_;
      const double rounding = kRounding * std::abs(objective);
      const bool is_refused = proposes && !take_proposal();
      if (is_refused && n_passes_ >= limits.most_passes) {
        std::swap(moments_, before_);
        break;
      }
      if (!proposes || is_refused) {
        if (is_far && !m_step_.maximize(now_, before_, now_.axes, next_)) return fail();
        std::swap(now_, next_);
        if (!is_refused) std::swap(moments_, before_);
        pass();
      }
      // No step lowers the objective by more than rounding, except that a ridge may cost likelihood.
      const bool is_exact = m_.ridge == 0 && !limits.all_steps;
      if (is_exact && std::isfinite(objective_) && objective_ < objective - rounding) {
        std::swap(now_, next_);
        std::swap(moments_, before_);
        objective_ = objective, log_likelihood_ = log_likelihood, entropy_ = entropy;
        end = End::rounding;
        break;
      }
      trace_.push_back({log_likelihood, gain});
      still = objective_ > objective + rounding ? 0 : still + 1;
      if (is_exact && by_gain && still == kStill) {
        end = End::rounding;
        break;
      }
    }
    if (!std::isfinite(objective_)) return fail();
    trace_.push_back({log_likelihood_, end == End::limit || end == End::rounding ? kNaN : gain});
    return end;
  }

  void save(RunState& to) const {
    to.now = now_, to.moments = moments_;
    to.objective = objective_, to.log_likelihood = log_likelihood_, to.entropy = entropy_, to.ahead = ahead_;
    to.n_passes = n_passes_;
  }
  void load(const RunState& from) {
    m_step_.forget();
    now_ = from.now, moments_ = from.moments;
    objective_ = from.objective, log_likelihood_ = from.log_likelihood, entropy_ = from.entropy, ahead_ = from.ahead;
    n_passes_ = from.n_passes;
  }

  // The same for a row of numbers (search.hpp). Without sums, the pass is made. False if the run fails.
  void store(double* state) const {
    *state++ = objective_, *state++ = log_likelihood_, *state++ = entropy_;
    for (const auto* part :
         {&now_.weights, &now_.means, &now_.roots, &moments_.counts, &moments_.shifts, &moments_.scatter}) {
      state = std::copy(part->begin(), part->end(), state);
    }
  }
  bool restore(const double* state) {
    objective_ = *state++, log_likelihood_ = *state++, entropy_ = *state++;
    n_passes_ = 0, ahead_ = kInfinity;
    for (auto* part :
         {&now_.weights, &now_.means, &now_.roots, &moments_.counts, &moments_.shifts, &moments_.scatter}) {
      std::copy(state, state + part->size(), part->begin());
      state += part->size();
    }
    now_.axes.clear();
    m_step_.forget();
    const bool has_sums = !std::isnan(objective_);
    if (!m_step_.set_factors(now_)) fail();
    if (!has_sums) pass();
    if (!std::isfinite(objective_)) fail();
    return std::isfinite(objective_);
  }

  double objective() const { return objective_; }
  std::int64_t n_passes() const { return n_passes_; }
  const Parameters& parameters() const { return now_; }
  const std::vector<TraceLine>& trace() const { return trace_; }

  // Writes the responsibilities at the current parameters, (n, k), and the log density (n,) unless it is null.
  void score(double* responsibilities, double* log_density = nullptr) {
    const Mixture mixture = mixture_of(now_);
    packed_.clear();
    kernels_.pack(mixture, packed_.data());
    const Rows rows{m_.rows, Scalar::float64, n_, d_, nullptr, nullptr};
    const Scores to{log_density, responsibilities, nullptr, nullptr};
    for (std::size_t begin = 0; begin < n_; begin += block_) {
      kernels_.score(rows, mixture, packed_.data(), begin, std::min(n_, begin + block_), scratch_.of(0), to);
    }
  }

  // Writes the results of run i.
  void write(std::size_t i, const Results& to) {
    to.objectives[i] = objective_;
    to.log_likelihoods[i] = log_likelihood_;
    to.n_passes[i] = n_passes_;
    const std::size_t full = static_cast<std::size_t>(k_) * d_ * d_;
    double* roots = to.roots + i * full;
    std::fill(to.weights + i * k_, to.weights + (i + 1) * k_, 0.0);
    std::fill(to.means + i * k_ * d_, to.means + (i + 1) * k_ * d_, 0.0);
    std::fill(roots, roots + full, 0.0);
    if (objective_ == -kInfinity) return;
    std::copy(now_.weights.begin(), now_.weights.end(), to.weights + i * k_);
    std::copy(now_.means.begin(), now_.means.end(), to.means + i * k_ * d_);
    for (int c = 0; c < k_; ++c) {
      double* own = roots + static_cast<std::size_t>(c) * d_ * d_;
      const double* root = root_of(now_, c);
      for (int a = 0; a < d_; ++a) {
        if (is_triangular()) {
          std::copy(root + a * d_, root + a * d_ + a + 1, own + a * d_);
        } else {
          own[a * d_ + a] = root[form_ == Form::diagonal ? a : 0];
        }
      }
    }
  }

 private:
  Mixture mixture_of(const Parameters& p) const {
    return {form_, k_, d_, p.offsets.data(), p.means.data(), p.factors.data()};
  }

  End fail() {
    objective_ = log_likelihood_ = -kInfinity;
    return End::failed;
  }

  // Ratio of the distance to the optimum and the next step (Aitken's estimate): the gains of plain EM shrink by the
  // square of the rate of convergence.
  static double stretch(double gain, double last_gain) {
    if (!(0 < gain && gain < last_gain && last_gain < kInfinity)) return gain <= 0 ? 1.0 : kInfinity;
    return 1 / (1 - std::sqrt(gain / last_gain));
  }

  // Estimated steps of plain EM until the distance to the optimum is below the tolerance.
  static double steps_left(double gain, double last_gain, double nats) {
    if (!(0 < gain && gain < last_gain && last_gain < kInfinity)) return gain <= 0 ? 0.0 : kInfinity;
    const double ahead = gain * stretch(gain, last_gain);
    return ahead <= nats ? 0.0 : std::log(ahead / nats) / std::log(last_gain / gain);
  }

  void set_anchor(const std::vector<double>& counts) {
    anchor_ = now_;
    anchor_counts_ = counts;
    extrapolation_.set_counts(counts);
  }

  // Whether `tried_` was set to parameters to try instead of those of the M-step.
  bool propose() {
    if (extrapolation_.is_empty()) {
      set_anchor(moments_.counts);
      units_.flatten(moments_, anchor_counts_, point_.data());
      extrapolation_.begin(point_.data());
      return false;
    }
    if (units_.is_far(now_, anchor_)) {
      std::swap(anchor_, old_anchor_);
      std::swap(anchor_counts_, old_counts_);
      set_anchor(moments_.counts);
      extrapolation_.move([&](double* point) {
        units_.unflatten(point, old_counts_, other_);
        units_.change_units(old_anchor_, anchor_, other_);
        units_.flatten(other_, anchor_counts_, point);
      });
    }
    other_ = moments_;
    units_.change_units(now_, anchor_, other_);
    units_.flatten(other_, anchor_counts_, point_.data());
    extrapolation_.remember(point_.data());
    extrapolation_.learn(objective_);
    return extrapolation_.propose([&](double* point) {
      units_.unflatten(point, anchor_counts_, other_);
      for (int c = 0; c < k_; ++c) {
        if (!(other_.counts[c] > kLeastShare * moments_.counts[c])) return false;
      }
      return m_step_.maximize(anchor_, other_, now_.axes, tried_);
    });
  }
  // Makes the pass at the proposal. If the objective falls, returns false and restores all but the moments, which are
  // then in `before_`.
  bool take_proposal() {
    const double objective = objective_, log_likelihood = log_likelihood_, entropy = entropy_;
    std::swap(now_, tried_);
    std::swap(moments_, before_);
    pass();
    if (objective_ >= objective - kRounding * std::abs(objective)) {
      extrapolation_.accept();
      return true;
    }
    extrapolation_.refuse();
    std::swap(now_, tried_);
    objective_ = objective, log_likelihood_ = log_likelihood, entropy_ = entropy;
    return false;
  }

  // Makes the pass at the current parameters: moments, log-likelihood, objective.
  void pass() {
    ++n_passes_;
    const Mixture mixture = mixture_of(now_);
    const Rows rows{m_.rows, Scalar::float64, n_, d_, m_.row_weights, nullptr};
    packed_.clear();  // packing adds to it
    kernels_.pack(mixture, packed_.data());
    total_.clear();
    if (n_threads_ > 1) {
      add_blocks_together(rows, mixture);
    } else {
      for (std::int64_t block = 0; block < n_blocks_; ++block) {
        Buffer& to = block == 0 ? total_ : partial_;
        if (block > 0) partial_.clear();
        add_block(rows, mixture, block, 0, to.data());
        if (block > 0) total_.add(partial_);
      }
    }
    const Places at = places_in_partial(mixture, kernels_.pad);
    const double* sums = total_.data();
    log_likelihood_ = sums[0], entropy_ = sums[1];
    std::copy(sums + at.counts, sums + at.counts + k_, moments_.counts.begin());
    for (int c = 0; c < k_; ++c) {
      std::copy(sums + at.shifts + c * at.dp, sums + at.shifts + c * at.dp + d_, moments_.shifts.begin() + c * d_);
    }
    const double* scatter = sums + at.scatter;
    if (form_ == Form::spherical) {
      std::copy(scatter, scatter + k_, moments_.scatter.begin());
    } else if (form_ == Form::diagonal) {
      for (int c = 0; c < k_; ++c) {
        std::copy(scatter + c * at.dp, scatter + c * at.dp + d_, moments_.scatter.begin() + c * d_);
      }
    } else {
      for (int c = 0; c < (form_ == Form::tied ? 1 : k_); ++c) {
        for (int i = 0; i < d_; ++i) {
          const double* line = scatter + (c * at.dp + i) * at.dp;
          std::copy(line, line + i + 1, moments_.scatter.begin() + c * each() + i * d_);
        }
      }
    }
    if (form_ == Form::tied) add_overlap(sums + at.overlap, padded(k_, kernels_.pad));
    objective_ = log_likelihood_ + m_step_.log_prior(now_);
  }

  void add_block(const Rows& rows, const Mixture& mixture, std::int64_t block, int thread, double* to) {
    const std::size_t begin = block * block_, end = std::min(n_, begin + block_);
    kernels_.accumulate(rows, mixture, packed_.data(), begin, end, scratch_.of(thread), to);
  }

  void add_blocks_together(const Rows& rows, const Mixture& mixture) {
    InOrder in_order(total_, layout_.partial, n_blocks_, 0, n_threads_);
    in_order.add_all(n_threads_,
                     [&](std::int64_t block, int thread, double* to) { add_block(rows, mixture, block, thread, to); });
  }

  // Completes the scatter of a tied covariance: adds sum_ab overlap[a, b] (nu_a - nu_b)(nu_a - nu_b)' with the whitened
  // means nu (form_tied.hpp).
  void add_overlap(const double* overlap, std::size_t width) {
    double* between = between_.data();
    for (int a = 0; a < k_; ++a) {
      for (int b = 0; b < k_; ++b) {
        const double share = overlap[a * width + b];
        if (a == b || share == 0.0) continue;
        for (int j = 0; j < d_; ++j) {
          between[j] = 0.0;
          for (int i = 0; i <= j; ++i) {
            between[j] += (now_.means[a * d_ + i] - now_.means[b * d_ + i]) * now_.factors[i * d_ + j];
          }
        }
        for (int i = 0; i < d_; ++i) {
          for (int j = 0; j <= i; ++j) moments_.scatter[i * d_ + j] += share * between[i] * between[j];
        }
      }
    }
  }

  const Problem& m_;
  std::size_t n_;
  MStep m_step_;
  Units units_;
  const Kernels& kernels_;
  Parameters now_, next_, tried_, anchor_, old_anchor_;
  Layout layout_;
  std::size_t block_;
  std::int64_t n_blocks_;
  int n_threads_;
  Buffer packed_;
  Buffers scratch_;
  Buffer total_, partial_;
  Moments moments_, before_, other_;
  Extrapolation extrapolation_;
  std::vector<double> anchor_counts_, old_counts_, point_, between_;
  double objective_ = -kInfinity, log_likelihood_ = -kInfinity, entropy_ = 0.0;
  double ahead_ = kInfinity;  // the last estimate of the remaining gain
  std::int64_t n_passes_ = 0;
  std::vector<TraceLine> trace_;
};

}  // namespace gaussmix
