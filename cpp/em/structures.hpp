// Constraints of the fourteen covariance structures: the covariances of a structure closest to free ones.
//
// covariance_k = volume_k axes_k diag(shape_k) axes_k'; each of the three equal (E) or variable (V) among components,
// or the identity (I): Celeux and Govaert, Pattern Recognition 28 (1995), 781-793. The objective to maximize is
//
//   sum_k counts_k [-1/2 log det covariance_k - 1/2 tr(inverse(covariance_k) free_k)].
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <vector>

#include "pass/pass.hpp"

namespace gaussmix {

enum class Model { EII, VII, EEI, VEI, EVI, VVI, EEE, VEE, EVE, VVE, EEV, VEV, EVV, VVV };

// False if no model has that name.
bool find_model(const char* name, Model& model);
Form form_of(Model model);
const char* letters_of(Model model);  // volume, shape, orientation
bool has_common_axes(Model model);

// The volumes (k,) of covariances volume_k C with one matrix C, which maximize the objective above, starting from the
// given ones; C is then at the beginning of `room`, which grows as needed, and `covariances` (k, d, d) are the free
// ones. The iterations end at a relative change of the volumes. False if there is no maximum.
bool find_volumes(int k, int d, const double* counts, const double* covariances, double tolerance, double* volumes,
                  std::vector<double>& room);

// Iterations begin at the result of the previous call.
class Structure {
 public:
  // Iterations end at the tolerance: a relative change of volumes, or an angle between axes. `most_sweeps` are the
  // sweeps over pairs of common axes in a call, except the first.
  Structure(Model model, int n_components, int n_features, double tolerance, int most_sweeps);

  void forget() { has_start_ = false; }
  // Common axes: the end of the last search, and the start of the next one.
  const std::vector<double>& axes() const { return axes_; }
  void begin_at(const std::vector<double>& axes) { axes_ = axes, has_start_ = true; }

  // Replaces free variances by those of the structure, in place. Full and tied (k, d, d), diagonal (k, d), spherical
  // (k,). False if no positive-definite covariances of the structure are a maximum; the variances are undefined then.
  bool constrain(const double* counts, double* variances);

 private:
  void share_volume(const double* counts, double* variances) const;
  bool share_shape(const double* counts, double* variances);
  bool share_shape_and_axes(const double* counts, double* covariances);
  bool share_axes(const double* counts, double* covariances);
  bool share_shape_along_own_axes(const double* counts, double* covariances);
  bool share_determinant(const double* counts, double* covariances);

  Model model_;
  int k_, d_;
  double tolerance_;
  int most_sweeps_;
  bool has_start_ = false;         // whether the previous call left volumes or axes to begin at
  std::vector<double> volumes_;    // (k,)
  std::vector<double> shape_;      // (d,)
  std::vector<double> axes_;       // (d, d), or one of each component
  std::vector<double> turned_;     // (k, d, d)
  std::vector<double> variances_;  // (k, d)
  std::vector<double> room_;       // (3, d, d) or more
};

}  // namespace gaussmix
