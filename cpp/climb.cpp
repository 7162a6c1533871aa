// Runs shared among threads; in a run, passes and M-steps in turn.
#include "climb.hpp"

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "dense.hpp"
#include "in_order.hpp"
#include "kernels.hpp"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace gaussmix {

const Kernels& selected_kernels(bool rough);  // dispatch.cpp

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLogTwoPi = 1.8378770664093454836;
constexpr double kInner = 1e-10;             // what iterations of a structure may leave
constexpr double kEmpty = 10 * kEpsilon;     // of the rows: a component with less is empty
constexpr double kRounding = 16 * kEpsilon;  // of an objective

// A mixture as the pass reads it.
struct Parameters {
  std::vector<double> weights, log_det, offsets;  // (k,)
  std::vector<double> means;                      // (k, d)
  std::vector<double> roots, factors;             // full (k, d, d) | tied (d, d) | diagonal (k, d) | spherical (k,)
};

// Sums over the rows about the means of some parameters and in their whitened units, as of pass.hpp.
struct Moments {
  std::vector<double> counts, shifts, scatter;
};

class Run {
 public:
  explicit Run(const Mountain& m)
      : m_(m),
        n_(m.n_rows),
        k_(m.n_components),
        d_(m.n_features),
        form_(form_of(m.model)),
        size_(form_ == Form::full       ? static_cast<std::size_t>(k_) * d_ * d_
              : form_ == Form::tied     ? static_cast<std::size_t>(d_) * d_
              : form_ == Form::diagonal ? static_cast<std::size_t>(k_) * d_
                                        : k_),
        structure_(m.model, k_, d_, kInner),
        kernels_(selected_kernels(false)),
        layout_(kernels_.layout(mixture_of(now_))),
        block_(block_rows(form_, k_, d_)),
        packed_(layout_.packed),
        scratch_(layout_.scratch),
        total_(layout_.partial),
        partial_(n_ > block_ ? layout_.partial : 0),
        rows_of_(k_),
        variances_(size_),
        room_(3 * static_cast<std::size_t>(d_) * d_ + d_) {
    for (Parameters* p : {&now_, &next_}) {
      p->weights.resize(k_), p->log_det.resize(k_), p->offsets.resize(k_);
      p->means.resize(static_cast<std::size_t>(k_) * d_);
      p->roots.resize(size_), p->factors.resize(size_);
    }
    moments_ = {std::vector<double>(k_), std::vector<double>(now_.means.size()), std::vector<double>(size_)};
    weight_ = static_cast<double>(n_);
    if (m.row_weights) {
      weight_ = 0.0;
      for (std::size_t n = 0; n < n_; ++n) weight_ += m.row_weights[n];
    }
  }

  void climb(const double* responsibilities) {
    n_passes_ = 0, objective_ = log_likelihood_ = -kInfinity;
    structure_.forget();
    begin(responsibilities);
    if (!maximize(now_, moments_, now_)) return;
    double last_gain = kInfinity;
    bool near = false;
    pass();
    while (std::isfinite(objective_) && n_passes_ < m_.max_iter) {
      if (!maximize(now_, moments_, next_)) return fail();
      const double gain = gain_of(next_);
      const bool is_rounding = std::abs(gain) <= kRounding * std::abs(objective_);
      const double ahead = std::abs(gain) * (is_rounding ? 1.0 : stretch(gain, last_gain));
      if (is_rounding || (ahead < m_.nats && near)) break;
      near = ahead < m_.nats;
      last_gain = gain;
      std::swap(now_, next_);
      pass();
    }
    if (!std::isfinite(objective_)) fail();
  }

  void report(std::size_t i, const Tops& to) const {
    to.objectives[i] = objective_;
    to.log_likelihoods[i] = log_likelihood_;
    to.n_passes[i] = n_passes_;
    const std::size_t full = static_cast<std::size_t>(k_) * d_ * d_;
    double* covariances = to.covariances + i * full;
    std::fill(to.weights + i * k_, to.weights + (i + 1) * k_, 0.0);
    std::fill(to.means + i * k_ * d_, to.means + (i + 1) * k_ * d_, 0.0);
    std::fill(covariances, covariances + full, 0.0);
    if (objective_ == -kInfinity) return;
    std::copy(now_.weights.begin(), now_.weights.end(), to.weights + i * k_);
    std::copy(now_.means.begin(), now_.means.end(), to.means + i * k_ * d_);
    for (int c = 0; c < k_; ++c) {
      double* own = covariances + static_cast<std::size_t>(c) * d_ * d_;
      const double* root = root_of(now_, c);
      for (int a = 0; a < d_; ++a) {
        for (int b = 0; b <= a; ++b) {
          double sum = 0.0;
          if (is_triangular()) {
            for (int p = 0; p <= b; ++p) sum += root[a * d_ + p] * root[b * d_ + p];
          } else if (a == b) {
            const double deviation = root[form_ == Form::diagonal ? a : 0];
            sum = deviation * deviation;
          }
          own[a * d_ + b] = own[b * d_ + a] = sum;
        }
      }
    }
  }

 private:
  bool is_triangular() const { return form_ == Form::full || form_ == Form::tied; }
  std::size_t each() const {
    return is_triangular() ? static_cast<std::size_t>(d_) * d_ : form_ == Form::diagonal ? d_ : 1;
  }
  std::size_t place_of(int c) const { return form_ == Form::tied ? 0 : c * each(); }
  const double* root_of(const Parameters& p, int c) const { return p.roots.data() + place_of(c); }

  Mixture mixture_of(const Parameters& p) const {
    return {form_, k_, d_, p.offsets.data(), p.means.data(), p.factors.data()};
  }

  void fail() { objective_ = log_likelihood_ = -kInfinity; }

  static double stretch(double gain, double last_gain) {
    if (!(0 < gain && gain < last_gain && last_gain < kInfinity)) return gain <= 0 ? 1.0 : kInfinity;
    return 1 / (1 - std::sqrt(gain / last_gain));
  }

  // Moments of a table of responsibilities, about its means in the units of the rows: parameters with unit factors.
  void begin(const double* responsibilities) {
    std::fill(now_.means.begin(), now_.means.end(), 0.0);
    std::fill(now_.roots.begin(), now_.roots.end(), 0.0);
    for (double* sums : {moments_.counts.data()}) std::fill(sums, sums + k_, 0.0);
    std::fill(moments_.shifts.begin(), moments_.shifts.end(), 0.0);
    std::fill(moments_.scatter.begin(), moments_.scatter.end(), 0.0);
    const std::size_t n_roots = form_ == Form::tied ? 1 : k_;
    for (std::size_t c = 0; c < n_roots; ++c) {
      double* root = now_.roots.data() + c * each();
      for (int j = 0; j < d_; ++j) root[is_triangular() ? j * d_ + j : form_ == Form::diagonal ? j : 0] = 1.0;
    }
    for (std::size_t n = 0; n < n_; ++n) {
      for (int c = 0; c < k_; ++c) {
        const double r = weight_of(n) * responsibilities[n * k_ + c];
        moments_.counts[c] += r;
        for (int j = 0; j < d_; ++j) now_.means[c * d_ + j] += r * m_.rows[n * d_ + j];
      }
    }
    for (int c = 0; c < k_; ++c) {
      for (int j = 0; j < d_; ++j) now_.means[c * d_ + j] /= moments_.counts[c] > 0 ? moments_.counts[c] : 1.0;
    }
    double* centered = room_.data();
    for (std::size_t n = 0; n < n_; ++n) {
      for (int c = 0; c < k_; ++c) {
        const double r = weight_of(n) * responsibilities[n * k_ + c];
        if (r == 0.0) continue;
        double* scatter = moments_.scatter.data() + place_of(c);
        for (int j = 0; j < d_; ++j) {
          centered[j] = m_.rows[n * d_ + j] - now_.means[c * d_ + j];
          moments_.shifts[c * d_ + j] += r * centered[j];
        }
        for (int i = 0; i < d_; ++i) {
          if (is_triangular()) {
            for (int j = 0; j <= i; ++j) scatter[i * d_ + j] += r * centered[i] * centered[j];
          } else {
            scatter[form_ == Form::diagonal ? i : 0] += r * centered[i] * centered[i];
          }
        }
      }
    }
  }

  double weight_of(std::size_t n) const { return m_.row_weights ? m_.row_weights[n] : 1.0; }

  // The M-step: sums about the means and in the whitened units of `at` to the next parameters, which may be the same.
  // False for an empty component or a singular covariance.
  bool maximize(const Parameters& at, const Moments& sums, Parameters& to) {
    double total = 0.0, rows = 0.0;
    for (int c = 0; c < k_; ++c) {
      if (!(sums.counts[c] > kEmpty * weight_)) return false;
      total += sums.counts[c];
      rows_of_[c] = sums.counts[c] + m_.pseudo_rows;
      rows += rows_of_[c];
    }
    const std::size_t dd = static_cast<std::size_t>(d_) * d_;
    double *scatter = room_.data(), *room = scatter + dd, *colored = room + dd, *center = colored + dd;
    if (form_ == Form::tied) std::copy(sums.scatter.begin(), sums.scatter.end(), scatter);
    double pseudo_trace = 0.0;
    for (int j = 0; j < d_; ++j) pseudo_trace += m_.pseudo_scatter[j * d_ + j];
    for (int c = 0; c < k_; ++c) {
      const double count = sums.counts[c];
      const double* shift = sums.shifts.data() + c * d_;
      const double* own = sums.scatter.data() + place_of(c);
      const double* root = root_of(at, c);
      double* variances = variances_.data() + place_of(c);
      for (int j = 0; j < d_; ++j) center[j] = shift[j] / count;
      switch (form_) {
        case Form::full:
          for (int i = 0; i < d_; ++i) {
            for (int j = 0; j <= i; ++j) scatter[i * d_ + j] = own[i * d_ + j] - shift[i] * center[j];
          }
          color(root, scatter, d_, room, colored);
          for (std::size_t i = 0; i < dd; ++i) variances[i] = (colored[i] + m_.pseudo_scatter[i]) / rows_of_[c];
          for (int j = 0; j < d_; ++j) variances[j * d_ + j] += m_.ridge;
          break;
        case Form::tied:
          for (int i = 0; i < d_; ++i) {
            for (int j = 0; j <= i; ++j) scatter[i * d_ + j] -= shift[i] * center[j];
          }
          break;
        case Form::diagonal:
          for (int j = 0; j < d_; ++j) {
            const double inside = root[j] * root[j] * (own[j] - shift[j] * center[j]);
            variances[j] = (inside + m_.pseudo_scatter[j * d_ + j]) / rows_of_[c] + m_.ridge;
          }
          break;
        case Form::spherical: {
          double inside = own[0];
          for (int j = 0; j < d_; ++j) inside -= shift[j] * center[j];
          variances[0] = (root[0] * root[0] * inside + pseudo_trace) / (rows_of_[c] * d_) + m_.ridge;
          break;
        }
      }
      to.weights[c] = count / total;
      for (int i = 0; i < d_; ++i) {
        double moved = 0.0;
        if (is_triangular()) {
          for (int j = 0; j <= i; ++j) moved += root[i * d_ + j] * center[j];
        } else {
          moved = root[form_ == Form::diagonal ? i : 0] * center[i];
        }
        to.means[c * d_ + i] = at.means[c * d_ + i] + moved;
      }
    }
    if (form_ == Form::tied) {
      color(at.roots.data(), scatter, d_, room, colored);
      for (std::size_t i = 0; i < dd; ++i) variances_[i] = (colored[i] + k_ * m_.pseudo_scatter[i]) / rows;
      for (int j = 0; j < d_; ++j) variances_[j * d_ + j] += m_.ridge;
    } else if (!structure_.constrain(rows_of_.data(), variances_.data())) {
      return false;
    }
    return factor(to);
  }

  // Roots, factors and what follows from them. False where a covariance is singular to rounding.
  bool factor(Parameters& to) {
    const std::size_t n_roots = form_ == Form::tied ? 1 : k_;
    for (std::size_t c = 0; c < n_roots; ++c) {
      const double* variances = variances_.data() + c * each();
      double *root = to.roots.data() + c * each(), *factor = to.factors.data() + c * each();
      double log_det = 0.0;
      if (is_triangular()) {
        if (!find_root(variances, d_, root)) return false;
        invert_transposed(root, d_, factor);
        for (int j = 0; j < d_; ++j) log_det -= std::log(root[j * d_ + j]);
      } else {
        for (std::size_t j = 0; j < each(); ++j) {
          if (!(variances[j] > 0) || !std::isfinite(variances[j])) return false;
          root[j] = std::sqrt(variances[j]);
          factor[j] = 1 / root[j];
          log_det -= std::log(root[j]);
        }
        if (form_ == Form::spherical) log_det *= d_;
      }
      to.log_det[c] = log_det;
    }
    for (int c = 0; c < k_; ++c) {
      if (form_ == Form::tied) to.log_det[c] = to.log_det[0];
      const double* root = root_of(to, c);
      for (int j = 0; j < d_; ++j) {  // what is left of a variance must be above the square of its mean's last digit
        const double pivot = root[is_triangular() ? j * d_ + j : form_ == Form::diagonal ? j : 0];
        if (!(pivot > 4 * kEpsilon * std::abs(to.means[c * d_ + j])) || !std::isfinite(to.means[c * d_ + j]))
          return false;
      }
      to.offsets[c] = std::log(to.weights[c]) + to.log_det[c] - 0.5 * d_ * kLogTwoPi;
    }
    return true;
  }

  // The pass at the parameters of now: moments, log-likelihood, objective.
  void pass() {
    ++n_passes_;
    const Mixture mixture = mixture_of(now_);
    const Rows rows{m_.rows, Scalar::float64, n_, d_, m_.row_weights, nullptr};
    kernels_.pack(mixture, packed_.data());
    total_.clear();
    for (std::size_t begin = 0; begin < n_; begin += block_) {
      const std::size_t end = std::min(n_, begin + block_);
      Buffer& to = begin == 0 ? total_ : partial_;
      if (begin > 0) partial_.clear();
      kernels_.accumulate(rows, mixture, packed_.data(), begin, end, scratch_.data(), to.data());
      if (begin > 0) add_partial();
    }
    const Places at = places_in_partial(mixture, kernels_.pad);
    const double* sums = total_.data();
    log_likelihood_ = sums[0];
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
    objective_ = log_likelihood_ + log_prior();
  }

  void add_partial() { total_.add(partial_); }

  // Of a tied covariance: sum over pairs of overlap[a, b] (nu_a - nu_b)(nu_a - nu_b)', nu the whitened means.
  void add_overlap(const double* overlap, std::size_t width) {
    double* between = room_.data();
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

  // tr(pseudo_scatter P_k), P the precision.
  double pseudo_distance(const Parameters& p, int c) const {
    const double* factor = p.factors.data() + place_of(c);
    double sum = 0.0;
    if (is_triangular()) {
      for (int j = 0; j < d_; ++j) {
        for (int a = 0; a <= j; ++a) {
          for (int b = 0; b <= j; ++b) sum += factor[a * d_ + j] * factor[b * d_ + j] * m_.pseudo_scatter[a * d_ + b];
        }
      }
      return sum;
    }
    for (int j = 0; j < d_; ++j) {
      const double scale = factor[form_ == Form::diagonal ? j : 0];
      sum += scale * scale * m_.pseudo_scatter[j * d_ + j];
    }
    return sum;
  }
  double pseudo_distances(const Parameters& p) const {
    double sum = 0.0;
    for (int c = 0; c < k_; ++c) sum += pseudo_distance(p, c);
    return sum;
  }
  bool has_prior() const { return m_.pseudo_rows != 0.0; }
  double log_prior() const {
    if (!has_prior()) return 0.0;
    double sum = 0.0;
    for (int c = 0; c < k_; ++c) sum += now_.log_det[c];
    return m_.pseudo_rows * sum - 0.5 * pseudo_distances(now_);
  }

  // The least that a step from now to `next` raises the objective by: gain in updates.py.
  double gain_of(const Parameters& next) const {
    double gain = 0.0, rows = 0.0, trace = 0.0, ridged = 0.0;
    for (int c = 0; c < k_; ++c) {
      gain += moments_.counts[c] * std::log(next.weights[c] / now_.weights[c]);
      gain += rows_of_[c] * (next.log_det[c] - now_.log_det[c]);
      rows += rows_of_[c];
      if (m_.ridge > 0) ridged += rows_of_[c] * precision_trace(next, c);
      if (form_ == Form::tied && c > 0) continue;
      const double* scatter = moments_.scatter.data() + place_of(c);
      if (is_triangular()) {
        for (int j = 0; j < d_; ++j) trace += scatter[j * d_ + j];
      } else {
        for (std::size_t j = 0; j < each(); ++j) trace += scatter[j];
      }
    }
    if (has_prior()) trace += pseudo_distances(now_);
    return gain + 0.5 * (trace - (d_ * rows - m_.ridge * ridged));
  }
  double precision_trace(const Parameters& p, int c) const {
    const double* factor = p.factors.data() + place_of(c);
    double sum = 0.0;
    for (std::size_t i = 0; i < each(); ++i) sum += factor[i] * factor[i];
    return form_ == Form::spherical ? d_ * sum : sum;
  }

  const Mountain& m_;
  std::size_t n_;
  int k_, d_;
  Form form_;
  std::size_t size_;
  Structure structure_;
  const Kernels& kernels_;
  Parameters now_, next_;
  Layout layout_;
  std::size_t block_;
  Buffer packed_, scratch_, total_, partial_;
  Moments moments_;
  std::vector<double> rows_of_, variances_, room_;
  double weight_ = 0.0, objective_ = -kInfinity, log_likelihood_ = -kInfinity;
  std::int64_t n_passes_ = 0;
};

}  // namespace

void climb(const Mountain& mountain, std::size_t n_runs, const double* responsibilities, int n_threads,
           const Tops& tops) {
  const std::size_t table = mountain.n_rows * mountain.n_components;
  (void)n_threads;
#pragma omp parallel num_threads(n_threads)
  {
    Run run(mountain);
#pragma omp for schedule(dynamic, 1)
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(n_runs); ++i) {
      run.climb(responsibilities + i * table);
      run.report(i, tops);
    }
  }
}

}  // namespace gaussmix
