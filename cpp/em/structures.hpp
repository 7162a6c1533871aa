// The M-step of the fourteen covariance structures: the covariances of a structure that are nearest to free ones.
//
// covariance_k = volume_k axes_k diag(shape_k) axes_k'; each of the three equal (E) or variable (V) among components,
// or the identity (I): Celeux and Govaert, Pattern Recognition 28 (1995), 781-793. What is maximized is
//
//   sum_k counts_k [-1/2 log det covariance_k - 1/2 tr(inverse(covariance_k) free_k)].
//
// Plain C++: no Python, no exceptions but std::bad_alloc.
#pragma once

#include <vector>

#include "em/common_axes.hpp"
#include "pass/pass.hpp"

namespace gaussmix {

enum class Model { EII, VII, EEI, VEI, EVI, VVI, EEE, VEE, EVE, VVE, EEV, VEV, EVV, VVV };

// False where no model has that name.
bool find_model(const char* name, Model& model);
Form form_of(Model model);

// Remembers where its iterations ended: the next ones begin there.
class Structure {
 public:
  // The tolerance is what iterations may leave, relative to volumes and as an angle.
  Structure(Model model, int n_components, int n_features, double tolerance, int most_sweeps);

  Form form() const { return form_of(model_); }
  void forget() { known_ = false; }
  // Common axes: where the last search ended, and where the next one begins.
  const std::vector<double>& axes() const { return axes_; }
  void begin_at(const std::vector<double>& axes) { axes_ = axes, known_ = true; }
  bool has_common_axes() const { return model_ == Model::EVE || model_ == Model::VVE; }

  // In place: free variances to those of the structure. Full and tied (k, d, d), diagonal (k, d), spherical (k,).
  // False where the structure has no positive-definite covariances that maximize: then what is left is of no use.
  bool constrain(const double* counts, double* variances);

 private:
  void share_volume(const double* counts, double* variances) const;
  bool share_shape(const double* counts, double* variances);
  bool vee(const double* counts, double* covariances);
  bool common_axes(const double* counts, double* covariances);
  bool own_axes(const double* counts, double* covariances);
  bool share_determinant(const double* counts, double* covariances);

  Model model_;
  int k_, d_;
  double tolerance_;
  int sweeps_;
  bool known_ = false;
  std::vector<double> volumes_;    // (k,)
  std::vector<double> shape_;      // (d,)
  std::vector<double> axes_;       // (d, d), or one of each component
  std::vector<double> turned_;     // (k, d, d)
  std::vector<double> variances_;  // (k, d)
  std::vector<double> room_;       // (3, d, d)
};

// `covariances` (k, d, d) for free ones, in full whatever the form. False as above.
bool find_nearest(Model model, int k, int d, const double* counts, const double* free, double* covariances);

}  // namespace gaussmix
