// The M-step: from the moments of a pass to the next parameters, for all fourteen structures.
//
// Unlike the M-step in Python, which works in whitened units and only multiplies roots, this one forms each covariance,
// root (scatter / counts) root' with pseudo-scatter and ridge added, in the units of the centered rows, applies the
// constraint of the structure, and factors the result (Cholesky). That rounds a covariance by about epsilon times the
// condition number of its correlation matrix, measured in whitened units; the units of the features do not matter.
// Measured against the Python M-step: at most 2 epsilon times the condition number, up to 1e12. The error does not
// accumulate, because the next pass whitens with the new root and the likelihood it returns belongs to that root. A
// pivot below d kSingular of its variance ends the run. tests/fitting/test_native_precision.py tests these properties.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "em/constants.hpp"
#include "em/dense.hpp"
#include "em/em_batch.hpp"
#include "em/parameters.hpp"

namespace gaussmix {

class MStep : private Dimensions {
 public:
  MStep(const Problem& m, const Dimensions& dimensions)
      : Dimensions(dimensions),
        m_(m),
        structure_(m.model, k_, d_, has_common_axes(m.model) ? kAngle : kInner, kSweeps),
        rows_of_(k_),
        variances_(k_ * each()),
        distances_(k_),
        room_(3 * static_cast<std::size_t>(d_) * d_ + d_),
        weight_(static_cast<double>(m.n_rows)) {
    if (!m.row_weights) return;
    weight_ = 0.0;
    for (std::size_t n = 0; n < m.n_rows; ++n) weight_ += m.row_weights[n];
  }

  // Discards the state of the previous run.
  void forget() { structure_.forget(); }

  // Moments of a table of responsibilities about its means and in the units of the rows: the factors of `at` are unit
  // matrices. Discards the state of the previous run.
  void begin(const double* responsibilities, Parameters& at, Moments& sums) {
    structure_.forget();
    at.axes.clear();
    std::fill(at.means.begin(), at.means.end(), 0.0);
    std::fill(at.roots.begin(), at.roots.end(), 0.0);
    std::fill(sums.counts.begin(), sums.counts.end(), 0.0);
    std::fill(sums.shifts.begin(), sums.shifts.end(), 0.0);
    std::fill(sums.scatter.begin(), sums.scatter.end(), 0.0);
    for (int c = 0; c < n_roots(); ++c) {
      double* root = at.roots.data() + c * each();
      for (int j = 0; j < d_; ++j) root[diagonal(j)] = 1.0;
    }
    for (std::size_t n = 0; n < m_.n_rows; ++n) {
      for (int c = 0; c < k_; ++c) {
        const double r = weight_of(n) * responsibilities[n * k_ + c];
        if (r < kNoShare) continue;
        sums.counts[c] += r;
        for (int j = 0; j < d_; ++j) at.means[c * d_ + j] += r * m_.rows[n * d_ + j];
      }
    }
    for (int c = 0; c < k_; ++c) {
      for (int j = 0; j < d_; ++j) at.means[c * d_ + j] /= sums.counts[c] > 0 ? sums.counts[c] : 1.0;
    }
    double* centered = room_.data();
    for (std::size_t n = 0; n < m_.n_rows; ++n) {
      for (int c = 0; c < k_; ++c) {
        const double r = weight_of(n) * responsibilities[n * k_ + c];
        if (r < kNoShare) continue;
        double* scatter = sums.scatter.data() + place_of(c);
        for (int j = 0; j < d_; ++j) {
          centered[j] = m_.rows[n * d_ + j] - at.means[c * d_ + j];
          sums.shifts[c * d_ + j] += r * centered[j];
        }
        for (int i = 0; i < d_; ++i) {
          const double share = r * centered[i];
          if (is_triangular()) {
            for (int j = 0; j <= i; ++j) scatter[i * d_ + j] += share * centered[j];
          } else {
            scatter[form_ == Form::diagonal ? i : 0] += share * centered[i];
          }
        }
      }
    }
  }

  // The same from sums of clusters.
  void begin(const ClusterSums& clusters, Parameters& at, Moments& sums) {
    structure_.forget();
    at.axes.clear();
    if (has_common_axes(m_.model)) at.axes = clusters.axes;
    at.means = clusters.means, sums.counts = clusters.counts;
    std::fill(at.roots.begin(), at.roots.end(), 0.0);
    std::fill(sums.shifts.begin(), sums.shifts.end(), 0.0);
    std::fill(sums.scatter.begin(), sums.scatter.end(), 0.0);
    for (int c = 0; c < n_roots(); ++c) {
      double* root = at.roots.data() + c * each();
      for (int j = 0; j < d_; ++j) root[diagonal(j)] = 1.0;
    }
    for (int c = 0; c < k_; ++c) {
      const double* own = clusters.scatter.data() + static_cast<std::size_t>(c) * d_ * d_;
      double* scatter = sums.scatter.data() + place_of(c);
      for (int i = 0; i < d_; ++i) {
        if (is_triangular()) {
          for (int j = 0; j <= i; ++j) scatter[i * d_ + j] += own[i * d_ + j];
        } else {
          scatter[diagonal(i)] += own[i * d_ + i];
        }
      }
    }
  }

  double weight_of(std::size_t n) const { return m_.row_weights ? m_.row_weights[n] : 1.0; }

  // The M-step: from sums about the means and in the whitened units of `at` to the next parameters. `to` may be `at`.
  // The search for common axes begins at `axes`, unless they are empty. False for an empty component or a singular
  // covariance.
  bool maximize(const Parameters& at, const Moments& sums, const std::vector<double>& axes, Parameters& to) {
    return with_size(d_, [&](auto d) { return maximize_sized(d, at, sums, axes, to); });
  }

  // Sets all that follows from weights, means and roots. False if a deviation is below the rounding of its mean.
  bool set_factors(Parameters& to) {
    for (int c = 0; c < n_roots(); ++c) {
      const double* root = to.roots.data() + c * each();
      double* factor = to.factors.data() + c * each();
      double log_det = 0.0;
      if (is_triangular()) {
        invert_transposed(root, d_, factor);
        for (int j = 0; j < d_; ++j) log_det -= std::log(root[j * d_ + j]);
      } else {
        for (std::size_t j = 0; j < each(); ++j) {
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
      for (int j = 0; j < d_; ++j) {  // a deviation must exceed the rounding of its mean
        const double pivot = root[diagonal(j)];
        if (!(pivot > kSingular * std::abs(to.means[c * d_ + j])) || !std::isfinite(to.means[c * d_ + j])) return false;
      }
      to.offsets[c] = std::log(to.weights[c]) + to.log_det[c] - 0.5 * d_ * kLogTwoPi;
    }
    if (has_prior()) to.pseudo_distances = pseudo_distances(to);
    return true;
  }

  double log_prior(const Parameters& p) const {
    if (!has_prior()) return 0.0;
    double sum = 0.0;
    for (int c = 0; c < k_; ++c) sum += p.log_det[c];
    return m_.pseudo_rows * sum - 0.5 * p.pseudo_distances;
  }

  // A lower bound on the gain of the objective in a step from `now`, which gave the moments, to `next`: that of the
  // expected complete-data objective (Dempster, Laird and Rubin 1977, theorem 1).
  double gain(const Parameters& now, const Moments& moments, const Parameters& next) const {
    double gain = 0.0, rows = 0.0, trace = 0.0, ridged = 0.0;
    for (int c = 0; c < k_; ++c) {
      gain += moments.counts[c] * std::log(next.weights[c] / now.weights[c]);
      gain += rows_of_[c] * (next.log_det[c] - now.log_det[c]);
      rows += rows_of_[c];
      if (m_.ridge > 0) ridged += rows_of_[c] * precision_trace(next, c);
      if (form_ == Form::tied && c > 0) continue;
      const double* scatter = moments.scatter.data() + place_of(c);
      if (is_triangular()) {
        for (int j = 0; j < d_; ++j) trace += scatter[j * d_ + j];
      } else {
        for (std::size_t j = 0; j < each(); ++j) trace += scatter[j];
      }
    }
    if (has_prior()) trace += now.pseudo_distances;
    return gain + 0.5 * (trace - (d_ * rows - m_.ridge * ridged));
  }

 private:
  template <class Size>
  bool maximize_sized(Size d, const Parameters& at, const Moments& sums, const std::vector<double>& axes,
                      Parameters& to) {
    double total = 0.0, rows = 0.0;
    for (int c = 0; c < k_; ++c) {
      if (!(sums.counts[c] > kEmpty * weight_)) return false;
      total += sums.counts[c];
      rows_of_[c] = sums.counts[c] + m_.pseudo_rows;
      rows += rows_of_[c];
    }
    const std::size_t dd = static_cast<std::size_t>(d) * d;
    double *scatter = room_.data(), *room = scatter + dd, *colored = room + dd, *center = colored + dd;
    if (form_ == Form::tied) std::copy(sums.scatter.begin(), sums.scatter.end(), scatter);
    double pseudo_trace = 0.0;
    for (int j = 0; j < d; ++j) pseudo_trace += m_.pseudo_scatter[j * d + j];
    for (int c = 0; c < k_; ++c) {
      const double count = sums.counts[c];
      const double* shift = sums.shifts.data() + c * d;
      const double* own = sums.scatter.data() + place_of(c);
      const double* root = root_of(at, c);
      double* variances = variances_.data() + place_of(c);
      for (int j = 0; j < d; ++j) center[j] = shift[j] / count;
      switch (form_) {
        case Form::full:
          for (int i = 0; i < d; ++i) {
            for (int j = 0; j <= i; ++j) scatter[i * d + j] = own[i * d + j] - shift[i] * center[j];
          }
          color_sized(root, scatter, d, room, colored);
          for (std::size_t i = 0; i < dd; ++i) variances[i] = (colored[i] + m_.pseudo_scatter[i]) / rows_of_[c];
          for (int j = 0; j < d; ++j) variances[j * d + j] += m_.ridge;
          break;
        case Form::tied:
          for (int i = 0; i < d; ++i) {
            for (int j = 0; j <= i; ++j) scatter[i * d + j] -= shift[i] * center[j];
          }
          break;
        case Form::diagonal:
          for (int j = 0; j < d; ++j) {
            const double inside = root[j] * root[j] * (own[j] - shift[j] * center[j]);
            variances[j] = (inside + m_.pseudo_scatter[j * d + j]) / rows_of_[c] + m_.ridge;
          }
          break;
        case Form::spherical: {
          double inside = own[0];
          for (int j = 0; j < d; ++j) inside -= shift[j] * center[j];
          variances[0] = (root[0] * root[0] * inside + pseudo_trace) / (rows_of_[c] * d) + m_.ridge;
          break;
        }
      }
      to.weights[c] = count / total;
      for (int i = 0; i < d; ++i) {
        double moved = 0.0;
        if (is_triangular()) {
          for (int j = 0; j <= i; ++j) moved += root[i * d + j] * center[j];
        } else {
          moved = root[form_ == Form::diagonal ? i : 0] * center[i];
        }
        to.means[c * d + i] = at.means[c * d + i] + moved;
      }
    }
    if (form_ == Form::tied) {
      color_sized(at.roots.data(), scatter, d, room, colored);
      for (std::size_t i = 0; i < dd; ++i) variances_[i] = (colored[i] + k_ * m_.pseudo_scatter[i]) / rows;
      for (int j = 0; j < d; ++j) variances_[j * d + j] += m_.ridge;
    } else {
      if (has_common_axes(m_.model) && !axes.empty()) structure_.begin_at(axes);
      if (!structure_.constrain(rows_of_.data(), variances_.data())) return false;
      if (has_common_axes(m_.model)) to.axes = structure_.axes();
    }
    return factor(to);
  }

  static constexpr double kLogTwoPi = 1.8378770664093454836;

  // Sets roots, factors, determinants and offsets. False if a covariance is singular to rounding.
  bool factor(Parameters& to) {
    for (int c = 0; c < n_roots(); ++c) {
      const double* variances = variances_.data() + c * each();
      double* root = to.roots.data() + c * each();
      if (is_triangular()) {
        if (!find_root(variances, d_, root)) return false;
        continue;
      }
      for (std::size_t j = 0; j < each(); ++j) {
        if (!(variances[j] > 0) || !std::isfinite(variances[j])) return false;
        root[j] = std::sqrt(variances[j]);
      }
    }
    return set_factors(to);
  }

  // tr(pseudo_scatter P_k) with the precisions P_k, over all components. The sums of components advance together, so
  // that they do not wait for each other.
  double pseudo_distances(const Parameters& p) {
    std::fill(distances_.begin(), distances_.end(), 0.0);
    const int n = n_roots();
    if (is_triangular()) {
      for (int j = 0; j < d_; ++j) {
        for (int a = 0; a <= j; ++a) {
          for (int b = 0; b <= j; ++b) {
            const double *first = p.factors.data() + a * d_ + j, *second = p.factors.data() + b * d_ + j;
            const double pseudo = m_.pseudo_scatter[a * d_ + b];
            for (int c = 0; c < n; ++c) distances_[c] += first[c * each()] * second[c * each()] * pseudo;
          }
        }
      }
    } else {
      for (int j = 0; j < d_; ++j) {
        for (int c = 0; c < n; ++c) {
          const double scale = p.factors[c * each() + diagonal(j)];
          distances_[c] += scale * scale * m_.pseudo_scatter[j * d_ + j];
        }
      }
    }
    double sum = 0.0;
    for (int c = 0; c < k_; ++c) sum += distances_[form_ == Form::tied ? 0 : c];
    return sum;
  }
  bool has_prior() const { return m_.pseudo_rows != 0.0; }
  // tr(P_k)
  double precision_trace(const Parameters& p, int c) const {
    const double* factor = p.factors.data() + place_of(c);
    double sum = 0.0;
    for (std::size_t i = 0; i < each(); ++i) sum += factor[i] * factor[i];
    return form_ == Form::spherical ? d_ * sum : sum;
  }

  const Problem& m_;
  Structure structure_;
  std::vector<double> rows_of_;    // (k,) counts and pseudo-rows
  std::vector<double> variances_;  // (k, ...) variances or covariances
  std::vector<double> distances_;  // (k,) of pseudo-rows
  std::vector<double> room_;       // three matrices and a row
  double weight_;                  // of all rows
};

}  // namespace gaussmix
