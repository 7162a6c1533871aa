// The constraint of each structure, by the letters of its name: volume, shape, orientation.
#include "em/structures.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "em/common_axes.hpp"
#include "em/constants.hpp"
#include "em/dense.hpp"

namespace gaussmix {

namespace {

constexpr int kPlainVolumes = 4;  // plain iterations before Newton's

constexpr const char* kNames[] = {"EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE",
                                  "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"};

double sum_of(const double* values, int count) {
  double sum = 0.0;
  for (int i = 0; i < count; ++i) sum += values[i];
  return sum;
}

double geometric_mean(const double* values, int count) {
  double sum = 0.0;
  for (int i = 0; i < count; ++i) sum += std::log(values[i]);
  return std::exp(sum / count);
}

// to = q diag(values) q'
void compose(const double* q, const double* values, int d, double* to) {
  for (int i = 0; i < d; ++i) {
    for (int j = 0; j <= i; ++j) {
      double sum = 0.0;
      for (int p = 0; p < d; ++p) sum += q[i * d + p] * values[p] * q[j * d + p];
      to[i * d + j] = to[j * d + i] = sum;
    }
  }
}

bool are_positive(const double* values, int count) {
  for (int i = 0; i < count; ++i) {
    if (!(values[i] > 0) || !std::isfinite(values[i])) return false;
  }
  return true;
}

}  // namespace

bool find_model(const char* name, Model& model) {
  for (int i = 0; i < 14; ++i) {
    if (std::strcmp(name, kNames[i]) != 0) continue;
    model = static_cast<Model>(i);
    return true;
  }
  return false;
}

Form form_of(Model model) {
  if (model <= Model::VII) return Form::spherical;
  if (model <= Model::VVI) return Form::diagonal;
  return model == Model::EEE ? Form::tied : Form::full;
}

const char* letters_of(Model model) { return kNames[static_cast<int>(model)]; }

bool has_common_axes(Model model) { return model == Model::EVE || model == Model::VVE; }

Structure::Structure(Model model, int n_components, int n_features, double tolerance, int most_sweeps)
    : model_(model),
      k_(n_components),
      d_(n_features),
      tolerance_(tolerance),
      most_sweeps_(most_sweeps),
      volumes_(n_components),
      shape_(n_features),
      axes_(static_cast<std::size_t>(n_components) * n_features * n_features),
      turned_(axes_.size()),
      variances_(static_cast<std::size_t>(n_components) * n_features),
      room_(3 * static_cast<std::size_t>(n_features) * n_features) {}

namespace {

// Newton's step of the log volumes, for n_k / volume_k covariance_k = shares[k] pooled; the objective
//
//   log det sum_k n_k / volume_k covariance_k + d sum_k n_k log volume_k
//
// is convex in them. False if the equations are singular. `room` is (k d^2 + 2 k^2).
bool newton_step(int k, int d, const double* precision, const double* shares, const double* covariances,
                 const double* weights, double* room, double* step) {
  const std::size_t size = static_cast<std::size_t>(d) * d, n_equations = static_cast<std::size_t>(k) * k;
  double *turned = room, *equations = turned + k * size, *root = equations + n_equations;
  std::fill(turned, equations, 0.0);
  for (int c = 0; c < k; ++c) {
    for (int i = 0; i < d; ++i) {
      double* line = turned + c * size + i * d;
      for (int p = 0; p < d; ++p) {
        const double factor = shares[c] * precision[i * d + p];
        for (int j = 0; j < d; ++j) line[j] += factor * covariances[c * size + p * d + j];
      }
    }
  }
  double greatest = 0.0;
  for (int a = 0; a < k; ++a) {
    double trace = 0.0;
    for (int j = 0; j < d; ++j) trace += turned[a * size + j * d + j];
    step[a] = trace - d * weights[a];
    greatest = std::max(greatest, trace);
    for (int b = 0; b <= a; ++b) {
      double sum = 0.0;
      for (int i = 0; i < d; ++i) {
        for (int j = 0; j < d; ++j) sum += turned[a * size + i * d + j] * turned[b * size + j * d + i];
      }
      equations[a * k + b] = equations[b * k + a] = (a == b ? trace : 0.0) - sum;
    }
  }
  for (std::size_t i = 0; i < n_equations; ++i) equations[i] += greatest;  // a factor of all volumes changes nothing
  for (int a = 0; a < k; ++a) equations[a * k + a] *= 1 + 1e-10;
  if (!find_root(equations, k, root)) return false;
  for (int i = 0; i < k; ++i) {
    for (int j = 0; j < i; ++j) step[i] -= root[i * k + j] * step[j];
    step[i] /= root[i * k + i];
  }
  for (int i = k - 1; i >= 0; --i) {
    for (int j = i + 1; j < k; ++j) step[i] -= root[j * k + i] * step[j];
    step[i] /= root[i * k + i];
  }
  return true;
}

}  // namespace

bool find_volumes(int k, int d, const double* counts, const double* covariances, double tolerance, double* volumes,
                  std::vector<double>& room) {
  const std::size_t size = static_cast<std::size_t>(d) * d;
  room.resize(std::max(room.size(), (4 + k) * size + static_cast<std::size_t>(5 + 2 * k) * k));
  double *pooled = room.data(), *root = pooled + size, *precision = root + size, *factor = precision + size;
  double *shares = factor + size, *weights = shares + k, *ratios = weights + k, *before = ratios + k,
         *step = before + k;
  const double total = sum_of(counts, k);
  for (int c = 0; c < k; ++c) weights[c] = counts[c] / total;
  double change = 1.0, least = std::numeric_limits<double>::infinity();
  bool is_newton = false;
  for (int iteration = 0; iteration < kMostIterations && change > tolerance; ++iteration) {
    if (!are_positive(volumes, k)) return false;
    std::fill(pooled, pooled + size, 0.0);
    for (int c = 0; c < k; ++c) {
      shares[c] = weights[c] / volumes[c];
      for (std::size_t i = 0; i < size; ++i) pooled[i] += shares[c] * covariances[c * size + i];
    }
    if (!find_root(pooled, d, root)) return false;
    double objective = 0.0;
    for (int j = 0; j < d; ++j) objective += 2 * std::log(root[j * d + j]);
    for (int c = 0; c < k; ++c) objective += d * weights[c] * std::log(volumes[c]);
    if (is_newton && !(objective <= least + 1e-12 * std::abs(least))) {  // too long: the plain step cannot fail
      for (int c = 0; c < k; ++c) volumes[c] = before[c] * ratios[c];
      is_newton = false;
      continue;
    }
    least = objective;
    invert_transposed(root, d, factor);
    for (int i = 0; i < d; ++i) {
      for (int j = 0; j <= i; ++j) {
        precision[i * d + j] = precision[j * d + i] = dot(factor + i * d + i, factor + j * d + i, d - i);
      }
    }
    change = 0.0;
    for (int c = 0; c < k; ++c) {
      ratios[c] = dot(precision, covariances + c * size, size) / d / volumes[c];
      change = std::max(change, std::abs(ratios[c] - 1));
      before[c] = volumes[c];
    }
    is_newton = iteration >= kPlainVolumes && change > tolerance &&
                newton_step(k, d, precision, shares, covariances, weights, step + k, step);
    for (int c = 0; c < k; ++c) volumes[c] *= is_newton ? std::exp(std::clamp(step[c], -2.0, 2.0)) : ratios[c];
  }
  return are_positive(volumes, k);
}

bool Structure::constrain(const double* counts, double* variances) {
  const double total = sum_of(counts, k_);
  const std::size_t size = static_cast<std::size_t>(d_) * d_;
  bool found = true;
  switch (model_) {
    case Model::VII:
    case Model::VVI:
    case Model::VVV:
      break;
    case Model::EII:
    case Model::EEI:
    case Model::EEE: {
      const std::size_t each = model_ == Model::EII ? 1 : model_ == Model::EEI ? d_ : size;
      for (std::size_t i = 0; i < each; ++i) {
        double sum = 0.0;
        for (int c = 0; c < k_; ++c) sum += counts[c] * variances[c * each + i];
        for (int c = 0; c < k_; ++c) variances[c * each + i] = sum / total;
      }
      break;
    }
    case Model::EVI:
      found = are_positive(variances, k_ * d_);
      if (found) share_volume(counts, variances);
      break;
    case Model::VEI:
      found = share_shape(counts, variances);
      break;
    case Model::VEE:
      found = share_shape_and_axes(counts, variances);
      break;
    case Model::EVE:
    case Model::VVE:
      found = share_axes(counts, variances);
      break;
    case Model::EEV:
    case Model::VEV:
      found = share_shape_along_own_axes(counts, variances);
      break;
    case Model::EVV:
      found = share_determinant(counts, variances);
      break;
  }
  has_start_ = found;
  return found;
}

// Scales variances (k, d) to one volume, the mean of their geometric means.
void Structure::share_volume(const double* counts, double* variances) const {
  double volume = 0.0;
  for (int c = 0; c < k_; ++c) {
    double* own = variances + c * d_;
    const double mean = geometric_mean(own, d_);
    volume += counts[c] * mean;
    for (int j = 0; j < d_; ++j) own[j] /= mean;
  }
  volume /= sum_of(counts, k_);
  for (int i = 0; i < k_ * d_; ++i) variances[i] *= volume;
}

// Variances (k, d) of the form volume times shape, each updated in turn given the other.
bool Structure::share_shape(const double* counts, double* variances) {
  const double total = sum_of(counts, k_);
  if (!has_start_) {
    for (int c = 0; c < k_; ++c) volumes_[c] = sum_of(variances + c * d_, d_) / d_;
  }
  double change = 1.0;
  for (int iteration = 0; iteration < kMostIterations && change > tolerance_; ++iteration) {
    if (!are_positive(volumes_.data(), k_)) return false;
    for (int j = 0; j < d_; ++j) {
      shape_[j] = 0.0;
      for (int c = 0; c < k_; ++c) shape_[j] += counts[c] * variances[c * d_ + j] / volumes_[c];
      shape_[j] /= total;
    }
    if (!are_positive(shape_.data(), d_)) return false;
    change = 0.0;
    for (int c = 0; c < k_; ++c) {
      double sum = 0.0;
      for (int j = 0; j < d_; ++j) sum += variances[c * d_ + j] / shape_[j];
      change = std::max(change, std::abs(sum / d_ / volumes_[c] - 1));
      volumes_[c] = sum / d_;
    }
  }
  if (!are_positive(volumes_.data(), k_)) return false;
  for (int c = 0; c < k_; ++c) {
    for (int j = 0; j < d_; ++j) variances[c * d_ + j] = volumes_[c] * shape_[j];
  }
  return true;
}

// VEE: covariances of the form volume times one matrix.
bool Structure::share_shape_and_axes(const double* counts, double* covariances) {
  const std::size_t size = static_cast<std::size_t>(d_) * d_;
  if (!has_start_) {
    for (int c = 0; c < k_; ++c) {
      volumes_[c] = 0.0;
      for (int j = 0; j < d_; ++j) volumes_[c] += covariances[c * size + j * d_ + j] / d_;
    }
  }
  if (!find_volumes(k_, d_, counts, covariances, tolerance_, volumes_.data(), room_)) return false;
  for (int c = 0; c < k_; ++c) {
    for (std::size_t i = 0; i < size; ++i) covariances[c * size + i] = volumes_[c] * room_[i];
  }
  return true;
}

// EVE and VVE: variances along common axes.
bool Structure::share_axes(const double* counts, double* covariances) {
  const std::size_t size = static_cast<std::size_t>(d_) * d_;
  const bool one_volume = model_ == Model::EVE;
  if (!has_start_) {  // begin at the axes of the pooled covariance
    double* pooled = room_.data();
    std::fill(pooled, pooled + size, 0.0);
    for (int c = 0; c < k_; ++c) {
      for (std::size_t i = 0; i < size; ++i) pooled[i] += counts[c] * covariances[c * size + i];
    }
    set_identity(axes_.data(), d_);
    diagonalize(pooled, d_, axes_.data(), 0.0);
  }
  for (int c = 0; c < k_; ++c) {
    if (!find_root(covariances + c * size, d_, turned_.data() + c * size)) return false;
  }
  const AxesSearch search{!has_start_, has_start_ ? most_sweeps_ : kMostSweeps, tolerance_};
  if (!find_common_axes(k_, d_, counts, turned_.data(), one_volume, search, room_, axes_.data(), variances_.data())) {
    return false;
  }
  if (one_volume) share_volume(counts, variances_.data());
  for (int c = 0; c < k_; ++c) compose(axes_.data(), variances_.data() + c * d_, d_, covariances + c * size);
  return true;
}

// EEV and VEV: one shape along the axes of each component, greatest variance first.
bool Structure::share_shape_along_own_axes(const double* counts, double* covariances) {
  const std::size_t size = static_cast<std::size_t>(d_) * d_;
  for (int c = 0; c < k_; ++c) {
    double *axes = axes_.data() + c * size, *turned = turned_.data() + c * size;
    if (!has_start_ || !make_orthonormal(axes, d_)) set_identity(axes, d_);
    turn(axes, covariances + c * size, d_, room_.data(), turned);
    diagonalize(turned, d_, axes, tolerance_);
    for (int j = 0; j < d_; ++j) variances_[c * d_ + j] = turned[j * d_ + j];
  }
  if (model_ == Model::VEV) {
    if (!share_shape(counts, variances_.data())) return false;
  } else {
    const double total = sum_of(counts, k_);
    for (int j = 0; j < d_; ++j) {
      double sum = 0.0;
      for (int c = 0; c < k_; ++c) sum += counts[c] * variances_[c * d_ + j];
      for (int c = 0; c < k_; ++c) variances_[c * d_ + j] = sum / total;
    }
    if (!are_positive(variances_.data(), d_)) return false;
  }
  for (int c = 0; c < k_; ++c) {
    compose(axes_.data() + c * size, variances_.data() + c * d_, d_, covariances + c * size);
  }
  return true;
}

// EVV: scales each covariance to one determinant, the mean of their d-th roots.
bool Structure::share_determinant(const double* counts, double* covariances) {
  const std::size_t size = static_cast<std::size_t>(d_) * d_;
  double volume = 0.0;
  for (int c = 0; c < k_; ++c) {
    double* own = covariances + c * size;
    if (!find_root(own, d_, room_.data())) return false;
    double sum = 0.0;
    for (int j = 0; j < d_; ++j) sum += std::log(room_[j * d_ + j]);
    const double mean = std::exp(2 * sum / d_);
    volume += counts[c] * mean;
    for (std::size_t i = 0; i < size; ++i) own[i] /= mean;
  }
  volume /= sum_of(counts, k_);
  for (std::size_t i = 0; i < k_ * size; ++i) covariances[i] *= volume;
  return true;
}

}  // namespace gaussmix
