// Conversion of moments to the units of other parameters, and to the points that acceleration extrapolates.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "em/dense.hpp"
#include "em/parameters.hpp"

namespace gaussmix {

class Units : private Dimensions {
 public:
  explicit Units(const Dimensions& dimensions)
      : Dimensions(dimensions), turned_(d_), room_(3 * static_cast<std::size_t>(d_) * d_ + d_) {}

  // The component that each coordinate of a point belongs to. A point has the count, the shift and the scatter less its
  // expectation of each component in turn; a tied scatter comes last, as one component more.
  std::vector<int> groups() const {
    std::vector<int> groups;
    for (int c = 0; c < k_; ++c) groups.insert(groups.end(), 1 + d_ + (form_ == Form::tied ? 0 : flat_each()), c);
    if (form_ == Form::tied) groups.insert(groups.end(), flat_each(), k_);
    return groups;
  }

  // Between moments in the units of an anchor with these counts, and points. The scale is that of the Fisher metric of
  // independent components at the anchor, so that lengths of points are Euclidean.
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

  // Converts the moments at some parameters, in place, to moments about the means and in the whitened units of others.
  // A row y in the units of `at` is A y + c in those of `to`, with A = inverse(root of to) root of at.
  void change_units(const Parameters& at, const Parameters& to, Moments& moments) {
    with_size(d_, [&](auto d) { change_units_sized(d, at, to, moments); });
  }
  // Whether parameters are so far from the anchor that the metric differs.
  bool is_far(const Parameters& at, const Parameters& anchor) const {
    for (int c = 0; c < k_; ++c) {
      const double *factor = anchor.factors.data() + place_of(c), *root = at.roots.data() + place_of(c);
      for (int j = 0; j < d_; ++j) {
        const int at_j = diagonal(j);
        const double ratio = root[at_j] * factor[at_j];
        if (!(ratio < kFarScale && ratio > 1 / kFarScale)) return true;
        double moved = 0.0;
        for (int i = is_triangular() ? 0 : j; i <= j; ++i) {
          const double weight = factor[is_triangular() ? i * d_ + j : at_j];
          moved += (at.means[c * d_ + i] - anchor.means[c * d_ + i]) * weight;
        }
        if (std::abs(moved) > kFarShift) return true;
      }
    }
    return false;
  }

 private:
  template <class Size>
  void change_units_sized(Size d, const Parameters& at, const Parameters& to, Moments& moments) {
    const std::size_t dd = static_cast<std::size_t>(d) * d;
    double *a = room_.data(), *room = a + dd, *colored = room + dd, *c = colored + dd;
    std::vector<double>& turned = turned_;
    if (form_ == Form::tied) find_turn(d, at, to, 0, a);
    if (form_ == Form::tied) {
      color_sized(a, moments.scatter.data(), d, room, colored);
      std::copy(colored, colored + dd, moments.scatter.begin());
    }
    for (int k = 0; k < k_; ++k) {
      const double count = moments.counts[k];
      double* shift = moments.shifts.data() + k * d;
      double* scatter = moments.scatter.data() + place_of(k);
      const double *factor = to.factors.data() + place_of(k), *root = at.roots.data() + place_of(k);
      if (is_triangular()) {
        if (form_ == Form::full) find_turn(d, at, to, k, a);
        for (int j = 0; j < d; ++j) {
          c[j] = turned[j] = 0.0;
          for (int i = 0; i <= j; ++i) {
            c[j] += (at.means[k * d + i] - to.means[k * d + i]) * factor[i * d + j];
            turned[j] += a[j * d + i] * shift[i];
          }
        }
        if (form_ == Form::full) {
          color_sized(a, scatter, d, room, colored);
          std::copy(colored, colored + dd, scatter);
        }
        for (int i = 0; i < d; ++i) {
          for (int j = 0; j <= i; ++j) {
            scatter[i * d + j] += turned[i] * c[j] + c[i] * turned[j] + count * c[i] * c[j];
          }
        }
        for (int j = 0; j < d; ++j) shift[j] = turned[j] + count * c[j];
        continue;
      }
      for (int j = 0; j < d; ++j) {
        const int at_j = form_ == Form::diagonal ? j : 0;
        const double ratio = factor[at_j] * root[at_j];
        const double moved = (at.means[k * d + j] - to.means[k * d + j]) * factor[at_j];
        const double turned_shift = ratio * shift[j];
        if (form_ == Form::diagonal || j == 0) scatter[at_j] *= ratio * ratio;
        scatter[at_j] += (2 * turned_shift + count * moved) * moved;
        shift[j] = turned_shift + count * moved;
      }
    }
  }

  // Numbers of a component's scatter in a point.
  std::size_t flat_each() const {
    return is_triangular() ? static_cast<std::size_t>(d_) * (d_ + 1) / 2 : form_ == Form::diagonal ? d_ : 1;
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
  // The same for all numbers of a point, with the count of the component.
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
  // inverse(root of `to`) root of `at`, lower triangular.
  template <class Size>
  void find_turn(Size d, const Parameters& at, const Parameters& to, int c, double* a) const {
    const double *factor = to.factors.data() + place_of(c), *root = at.roots.data() + place_of(c);
    std::fill(a, a + d * d, 0.0);
    for (int p = 0; p < d; ++p) {
      for (int i = p; i < d; ++i) {
        const double share = factor[p * d + i];
        for (int j = 0; j <= p; ++j) a[i * d + j] += share * root[p * d + j];
      }
    }
  }
  static constexpr double kHalfRoot = 0.70710678118654752440;

  std::vector<double> turned_, room_;
};

}  // namespace gaussmix
