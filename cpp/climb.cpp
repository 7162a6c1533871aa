// Runs shared among threads; in a run, passes and M-steps in turn.
#include "climb.hpp"

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "dense.hpp"
#include "extrapolation.hpp"
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
constexpr double kInner = 1e-10;          // what iterations of a structure may leave, relative to volumes
constexpr double kAngle = 1e-6;           // and as an angle, whose square is what the objective sees
constexpr int kSweeps = 4;                // of rotations in an M-step: the next one goes on
constexpr double kEmpty = 10 * kEpsilon;  // of the rows: a component with less is empty
constexpr int kPlain = 3;                 // passes that are never worth extrapolation
constexpr double kSoon = 10.0;            // nor are so many steps to the top
constexpr double kFarAhead = 30.0;       // times the nats that end a run: no M-step only to measure what is ahead
constexpr double kHalfRoot = 0.70710678118654752440;
constexpr double kFarScale = 1.3, kFarShift = 0.3, kLeastShare = 0.1;  // as in acceleration.py
constexpr double kRounding = 16 * kEpsilon;                            // of an objective

// A mixture as the pass reads it.
struct Parameters {
  std::vector<double> axes;                       // (d, d) where components have them in common
  std::vector<double> weights, log_det, offsets;  // (k,)
  std::vector<double> means;                      // (k, d)
  std::vector<double> roots, factors;             // full (k, d, d) | tied (d, d) | diagonal (k, d) | spherical (k,)
};

// Sums over the rows about the means of some parameters and in their whitened units, as of pass.hpp.
struct Moments {
  std::vector<double> counts, shifts, scatter;
};

double structure_tolerance(Model model) { return model == Model::EVE || model == Model::VVE ? kAngle : kInner; }

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
        structure_(m.model, k_, d_, structure_tolerance(m.model), kSweeps),
        kernels_(selected_kernels(false)),
        layout_(kernels_.layout(mixture_of(now_))),
        block_(block_rows(form_, k_, d_)),
        packed_(layout_.packed),
        scratch_(layout_.scratch),
        total_(layout_.partial),
        partial_(n_ > block_ ? layout_.partial : 0),
        extrapolation_(groups(), k_ + (form_ == Form::tied)),
        rows_of_(k_),
        variances_(size_),
        room_(3 * static_cast<std::size_t>(d_) * d_ + d_) {
    for (Parameters* p : {&now_, &next_, &tried_}) {
      p->weights.resize(k_), p->log_det.resize(k_), p->offsets.resize(k_);
      p->means.resize(static_cast<std::size_t>(k_) * d_);
      p->roots.resize(size_), p->factors.resize(size_);
    }
    moments_ = {std::vector<double>(k_), std::vector<double>(now_.means.size()), std::vector<double>(size_)};
    before_ = other_ = moments_;
    point_.resize(groups().size());
    turned_.resize(d_);
    weight_ = static_cast<double>(n_);
    if (m.row_weights) {
      weight_ = 0.0;
      for (std::size_t n = 0; n < n_; ++n) weight_ += m.row_weights[n];
    }
  }

  void climb(const double* responsibilities) {
    n_passes_ = 0, objective_ = log_likelihood_ = -kInfinity;
    structure_.forget();
    now_.axes.clear();
    begin(responsibilities);
    if (!maximize(now_, moments_, now_)) return;
    pass();
    extrapolation_.clear();
    double last_gain = kInfinity;
    bool near = false, slow = false;
    while (std::isfinite(objective_) && n_passes_ < m_.max_iter) {
      const bool proposes = slow && propose();
      // Half the square of the residual is the gain, to second order and if structures were free.
      const bool is_far =
          proposes && 0.5 * extrapolation_.residual_square() * extrapolation_.stretch() > kFarAhead * m_.nats;
      if (!is_far) {
        if (!maximize(now_, moments_, next_)) return fail();
        const double gain = gain_of(next_);
        const bool is_rounding = std::abs(gain) <= kRounding * std::abs(objective_);
        const double aitken = slow ? extrapolation_.stretch() : stretch(gain, last_gain);
        const double ahead = std::abs(gain) * (is_rounding ? 1.0 : aitken);
        if (is_rounding || (ahead < m_.nats && near)) break;
        near = ahead < m_.nats;
        slow = slow || (m_.accelerate && n_passes_ >= kPlain && !(steps_left(gain, last_gain) < kSoon));
        last_gain = gain;
      }
      if (proposes) {
        if (take_proposal()) continue;
        if (n_passes_ >= m_.max_iter) break;
        if (is_far && !maximize(now_, before_, next_)) return fail();
      }
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

  // Of plain EM, until it is sure to be at the top.
  double steps_left(double gain, double last_gain) const {
    if (!(0 < gain && gain < last_gain && last_gain < kInfinity)) return gain <= 0 ? 0.0 : kInfinity;
    const double ahead = gain * stretch(gain, last_gain);
    return ahead <= m_.nats ? 0.0 : std::log(ahead / m_.nats) / std::log(last_gain / gain);
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
    } else {
      if (structure_.has_common_axes() && !now_.axes.empty()) structure_.begin_at(now_.axes);
      if (!structure_.constrain(rows_of_.data(), variances_.data())) return false;
      if (structure_.has_common_axes()) to.axes = structure_.axes();
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

  // Numbers of a component's scatter in a point of the extrapolation.
  std::size_t flat_each() const {
    return is_triangular() ? static_cast<std::size_t>(d_) * (d_ + 1) / 2 : form_ == Form::diagonal ? d_ : 1;
  }
  // Counts, shifts, and the scatter less its expectation, component by component, the tied one last.
  std::vector<int> groups() const {
    std::vector<int> groups;
    for (int c = 0; c < k_; ++c) groups.insert(groups.end(), 1 + d_ + (form_ == Form::tied ? 0 : flat_each()), c);
    if (form_ == Form::tied) groups.insert(groups.end(), flat_each(), k_);
    return groups;
  }

  // Calls visit(number of the point, number of the moments, scale, expectation per count).
  template <class Visit>
  void visit_scatter(double* point, double* scatter, double scale, Visit visit) const {
    if (is_triangular()) {
      for (int i = 0; i < d_; ++i) {
        for (int j = 0; j <= i; ++j) {
          visit(*point++, scatter[i * d_ + j], i == j ? scale * kHalfRoot : scale, i == j ? 1.0 : 0.0);
        }
      }
    } else if (form_ == Form::diagonal) {
      for (int j = 0; j < d_; ++j) visit(point[j], scatter[j], scale * kHalfRoot, 1.0);
    } else {
      visit(*point, *scatter, scale * kHalfRoot / std::sqrt(d_), static_cast<double>(d_));
    }
  }
  // In units of the Fisher metric near the anchor, in which components have these counts.
  template <class Visit>
  void visit_point(double* point, Moments& moments, const std::vector<double>& counts, Visit visit) const {
    double total = 0.0, scale_of_all = 0.0;
    for (int c = 0; c < k_; ++c) {
      const double scale = 1 / std::sqrt(counts[c]);
      visit(*point++, moments.counts[c], scale, 0.0, 0.0);
      for (int j = 0; j < d_; ++j) visit(*point++, moments.shifts[c * d_ + j], scale, 0.0, 0.0);
      total += moments.counts[c], scale_of_all += counts[c];
      if (form_ == Form::tied) continue;
      visit_scatter(point, moments.scatter.data() + place_of(c), scale,
                    [&](double& p, double& m, double s, double e) { visit(p, m, s, e, moments.counts[c]); });
      point += flat_each();
    }
    if (form_ == Form::tied) {
      visit_scatter(point, moments.scatter.data(), 1 / std::sqrt(scale_of_all),
                    [&](double& p, double& m, double s, double e) { visit(p, m, s, e, total); });
    }
  }
  void flatten(Moments& moments, const std::vector<double>& counts, double* point) const {
    visit_point(point, moments, counts, [](double& p, double& m, double scale, double expected, double count) {
      p = scale * (m - expected * count);
    });
  }
  void unflatten(double* point, const std::vector<double>& counts, Moments& moments) const {
    visit_point(point, moments, counts, [](double& p, double& m, double scale, double expected, double count) {
      m = p / scale + expected * count;
    });
  }

  // Moments at some parameters about the means and in the units of others, in place: _in_units_of in acceleration.py.
  void change_units(const Parameters& at, const Parameters& to, Moments& moments) {
    const std::size_t dd = static_cast<std::size_t>(d_) * d_;
    double *a = room_.data(), *room = a + dd, *colored = room + dd, *c = colored + dd;
    std::vector<double>& turned = turned_;
    if (form_ == Form::tied) find_turn(at, to, 0, a);
    if (form_ == Form::tied) {
      color(a, moments.scatter.data(), d_, room, colored);
      std::copy(colored, colored + dd, moments.scatter.begin());
    }
    for (int k = 0; k < k_; ++k) {
      const double count = moments.counts[k];
      double* shift = moments.shifts.data() + k * d_;
      double* scatter = moments.scatter.data() + place_of(k);
      const double *factor = to.factors.data() + place_of(k), *root = at.roots.data() + place_of(k);
      if (is_triangular()) {
        if (form_ == Form::full) find_turn(at, to, k, a);
        for (int j = 0; j < d_; ++j) {
          c[j] = turned[j] = 0.0;
          for (int i = 0; i <= j; ++i) {
            c[j] += (at.means[k * d_ + i] - to.means[k * d_ + i]) * factor[i * d_ + j];
            turned[j] += a[j * d_ + i] * shift[i];
          }
        }
        if (form_ == Form::full) {
          color(a, scatter, d_, room, colored);
          std::copy(colored, colored + dd, scatter);
        }
        for (int i = 0; i < d_; ++i) {
          for (int j = 0; j <= i; ++j) {
            scatter[i * d_ + j] += turned[i] * c[j] + c[i] * turned[j] + count * c[i] * c[j];
          }
        }
        for (int j = 0; j < d_; ++j) shift[j] = turned[j] + count * c[j];
        continue;
      }
      for (int j = 0; j < d_; ++j) {
        const int at_j = form_ == Form::diagonal ? j : 0;
        const double ratio = factor[at_j] * root[at_j];
        const double moved = (at.means[k * d_ + j] - to.means[k * d_ + j]) * factor[at_j];
        const double turned_shift = ratio * shift[j];
        if (form_ == Form::diagonal || j == 0) scatter[at_j] *= ratio * ratio;
        scatter[at_j] += (2 * turned_shift + count * moved) * moved;
        shift[j] = turned_shift + count * moved;
      }
    }
  }
  // inverse(root of `to`) root of `at`, lower triangular.
  void find_turn(const Parameters& at, const Parameters& to, int c, double* a) const {
    const double *factor = to.factors.data() + place_of(c), *root = at.roots.data() + place_of(c);
    std::fill(a, a + d_ * d_, 0.0);
    for (int p = 0; p < d_; ++p) {
      for (int i = p; i < d_; ++i) {
        const double share = factor[p * d_ + i];
        for (int j = 0; j <= p; ++j) a[i * d_ + j] += share * root[p * d_ + j];
      }
    }
  }
  bool is_far() const {
    for (int c = 0; c < k_; ++c) {
      const double *factor = anchor_.factors.data() + place_of(c), *root = now_.roots.data() + place_of(c);
      for (int j = 0; j < d_; ++j) {
        const int diagonal = is_triangular() ? j * d_ + j : form_ == Form::diagonal ? j : 0;
        const double ratio = root[diagonal] * factor[diagonal];
        if (!(ratio < kFarScale && ratio > 1 / kFarScale)) return true;
        double moved = 0.0;
        for (int i = is_triangular() ? 0 : j; i <= j; ++i) {
          const double weight = factor[is_triangular() ? i * d_ + j : diagonal];
          moved += (now_.means[c * d_ + i] - anchor_.means[c * d_ + i]) * weight;
        }
        if (std::abs(moved) > kFarShift) return true;
      }
    }
    return false;
  }

  void set_anchor(const std::vector<double>& counts) {
    anchor_ = now_;
    anchor_counts_ = counts;
    extrapolation_.set_counts(counts);
  }

  // Whether `tried_` has parameters that may be better than the M-step's.
  bool propose() {
    if (extrapolation_.is_empty()) {
      set_anchor(moments_.counts);
      flatten(moments_, anchor_counts_, point_.data());
      extrapolation_.begin(point_.data());
      return false;
    }
    if (is_far()) {
      std::swap(anchor_, old_anchor_);
      std::swap(anchor_counts_, old_counts_);
      set_anchor(moments_.counts);
      extrapolation_.move([&](double* point) {
        unflatten(point, old_counts_, other_);
        change_units(old_anchor_, anchor_, other_);
        flatten(other_, anchor_counts_, point);
      });
    }
    other_ = moments_;
    change_units(now_, anchor_, other_);
    flatten(other_, anchor_counts_, point_.data());
    extrapolation_.remember(point_.data());
    extrapolation_.learn(objective_);
    return extrapolation_.propose([&](double* point) {
      unflatten(point, anchor_counts_, other_);
      for (int c = 0; c < k_; ++c) {
        if (!(other_.counts[c] > kLeastShare * moments_.counts[c])) return false;
      }
      return maximize(anchor_, other_, tried_);
    });
  }
  // The pass at the proposal; false, and all as before but for the moments, which are in `before_`, if the objective
  // falls.
  bool take_proposal() {
    const double objective = objective_, log_likelihood = log_likelihood_;
    std::swap(now_, tried_);
    std::swap(moments_, before_);
    pass();
    if (objective_ >= objective - kRounding * std::abs(objective)) {
      extrapolation_.accept();
      return true;
    }
    extrapolation_.refuse();
    std::swap(now_, tried_);
    objective_ = objective, log_likelihood_ = log_likelihood;
    return false;
  }

  // The pass at the parameters of now: moments, log-likelihood, objective.
  void pass() {
    ++n_passes_;
    const Mixture mixture = mixture_of(now_);
    const Rows rows{m_.rows, Scalar::float64, n_, d_, m_.row_weights, nullptr};
    packed_.clear();  // packing adds to it
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
  Parameters now_, next_, tried_, anchor_, old_anchor_;
  Layout layout_;
  std::size_t block_;
  Buffer packed_, scratch_, total_, partial_;
  Moments moments_, before_, other_;
  Extrapolation extrapolation_;
  std::vector<double> anchor_counts_, old_counts_, point_, turned_;
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
