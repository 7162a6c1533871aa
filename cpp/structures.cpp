// The M-steps of the fourteen structures. Names of the models: volume, shape, orientation.
#include "structures.hpp"

#include <cmath>
#include <cstring>

#include "dense.hpp"

namespace gaussmix {

namespace {

constexpr const char* kNames[] = {"EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE",
                                  "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"};
constexpr int kMostIterations = 500;
constexpr int kDirections = 8;  // angles that are looked at where Newton's step is no good
constexpr double kPi = 3.14159265358979323846;
constexpr double kNearlySquare = 0.3;  // of the second derivative: what the third may change

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

// Two axes of all components. With det_k the determinant of a component's block and w_k(a) what is off its diagonal
// after turning by a / 2, the product of the variances along the axes is v_k = det_k + w_k^2: the objective is a sum of
// weight log v, or of weight v^(1/d) where weights hold the other axes.
class PairOfAxes {
 public:
  PairOfAxes(int k, int d, int i, int j, const double* turned, double* weights, bool one_volume)
      : k_(k), d_(d), i_(i), j_(j), turned_(turned), weights_(weights), power_(one_volume ? 1.0 / d : 0.0) {}

  // Derivatives of the objective, over its factor 1/d in one of its two forms, and a bound on the third.
  struct Slope {
    double first, second, third;
  };
  Slope slope() const {
    Slope slope{0.0, 0.0, 0.0};
    for (int c = 0; c < k_; ++c) {
      const Block b = block(c);
      const double share = 1 / (b.p * b.r), u = 0.5 * (b.p - b.r);
      const double first = -2 * b.off * u * share, second = 2 * (u * u - b.off * b.off) * share;
      slope.first += weights_[c] * first;
      slope.second += weights_[c] * (second + (power_ - 1) * first * first);
      slope.third += weights_[c] * 8 * (u * u + b.off * b.off) * share;
    }
    return slope;
  }
  double rise(double angle) const {
    const double cosine = std::cos(angle), sine = std::sin(angle);
    double sum = 0.0;
    for (int c = 0; c < k_; ++c) {
      const double log_ratio = std::log1p(change(c, cosine, sine));
      sum += weights_[c] * (power_ == 0.0 ? log_ratio : std::expm1(power_ * log_ratio) / power_);
    }
    return sum;
  }
  void keep(double angle) {
    if (power_ == 0.0) return;
    const double cosine = std::cos(angle), sine = std::sin(angle);
    for (int c = 0; c < k_; ++c) {
      const double by = change(c, cosine, sine);
      weights_[c] *= std::abs(by) < 1e-3 ? 1 + power_ * by * (1 + 0.5 * (power_ - 1) * by) : std::pow(1 + by, power_);
    }
  }

 private:
  struct Block {
    double p, r, off;
  };
  Block block(int c) const {
    const double *line = turned_ + static_cast<std::size_t>(i_) * d_ * k_ + c, *other = line + (j_ - i_) * d_ * k_;
    return {line[i_ * k_], other[j_ * k_], line[j_ * k_]};
  }
  // Of v, relative to it.
  double change(int c, double cosine, double sine) const {
    const Block b = block(c);
    const double w = b.off * cosine - 0.5 * (b.p - b.r) * sine;
    return (w - b.off) * (w + b.off) / (b.p * b.r);
  }

  int k_, d_, i_, j_;
  const double* turned_;
  double* weights_;
  double power_;
};

// Twice the angle to turn a pair by; zero where there is nothing to gain.
double find_angle(const PairOfAxes& pair, bool look_around, double least) {
  const PairOfAxes::Slope slope = pair.slope();
  if (slope.second > 0 && !look_around) {
    if (!(0.5 * slope.first * slope.first > least * slope.second)) return 0.0;
    double angle = std::clamp(-slope.first / slope.second, -1.0, 1.0);
    if (std::abs(angle) * slope.third < kNearlySquare * slope.second) return angle;
    for (int halving = 0; halving < 4; ++halving, angle *= 0.5) {
      if (pair.rise(angle) < 0) return angle;
    }
  }
  double best = -least, found = 0.0;
  for (int direction = 1; direction < kDirections; ++direction) {
    const double angle = kPi * direction / kDirections, rise = pair.rise(angle);
    if (rise < best) best = rise, found = angle;
  }
  return found;
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

bool find_common_axes(int k, int d, const double* counts, const double* free, bool one_volume, const Search& search,
                      double* axes, double* variances) {
  const std::size_t size = static_cast<std::size_t>(d) * d, line = static_cast<std::size_t>(d) * k;
  std::vector<double> room(2 * size + k + line * d);
  double *weights = room.data() + 2 * size, *turned = weights + k;  // (d, d, k): a rotation is that of all components
  if (!make_orthonormal(axes, d)) return false;
  for (int c = 0; c < k; ++c) {
    double* own = room.data() + size;
    turn(axes, free + c * size, d, room.data(), own);
    double sum = 0.0;
    for (int j = 0; j < d; ++j) {
      if (!(own[j * d + j] > 0) || !std::isfinite(own[j * d + j])) return false;
      sum += std::log(own[j * d + j]);
    }
    weights[c] = counts[c] * (one_volume ? std::exp(sum / d) : 1.0);
    for (std::size_t i = 0; i < size; ++i) turned[i * k + c] = own[i];
  }
  for (int sweep = 0; sweep < search.most_sweeps; ++sweep) {
    const bool look = search.look_around && sweep == 0;
    bool rotated = look;
    const double least = 0.5 * search.tolerance * search.tolerance * sum_of(weights, k);
    for (int i = 0; i + 1 < d; ++i) {
      for (int j = i + 1; j < d; ++j) {
        PairOfAxes pair(k, d, i, j, turned, weights, one_volume);
        const double angle = find_angle(pair, look, least);
        if (angle == 0.0) continue;
        rotated = true;
        pair.keep(angle);
        const double cosine = std::cos(0.5 * angle), sine = std::sin(0.5 * angle);
        rotate(turned + i * line, turned + j * line, line, cosine, sine);
        for (int p = 0; p < d; ++p) rotate(turned + p * line + i * k, turned + p * line + j * k, k, cosine, sine);
        for (int c = 0; c < k; ++c) {
          if (!(turned[i * line + i * k + c] > 0) || !(turned[j * line + j * k + c] > 0)) return false;
        }
        for (int p = 0; p < d; ++p) rotate(axes + p * d + i, axes + p * d + j, 1, cosine, sine);
      }
    }
    if (!rotated) break;
  }
  for (int c = 0; c < k; ++c) {
    for (int j = 0; j < d; ++j) variances[c * d + j] = turned[j * line + j * k + c];
  }
  return true;
}

Structure::Structure(Model model, int n_components, int n_features, double tolerance, int most_sweeps)
    : model_(model),
      k_(n_components),
      d_(n_features),
      tolerance_(tolerance),
      sweeps_(most_sweeps),
      volumes_(n_components),
      shape_(n_features),
      axes_(static_cast<std::size_t>(n_components) * n_features * n_features),
      turned_(axes_.size()),
      variances_(static_cast<std::size_t>(n_components) * n_features),
      room_(3 * static_cast<std::size_t>(n_features) * n_features) {}

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
      found = vee(counts, variances);
      break;
    case Model::EVE:
    case Model::VVE:
      found = common_axes(counts, variances);
      break;
    case Model::EEV:
    case Model::VEV:
      found = own_axes(counts, variances);
      break;
    case Model::EVV:
      found = share_determinant(counts, variances);
      break;
  }
  known_ = found;
  return found;
}

// Variances (k, d) of one volume: those given, scaled to the mean of their geometric means.
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

// Variances (k, d) that are volume times shape: each in turn, given the other.
bool Structure::share_shape(const double* counts, double* variances) {
  const double total = sum_of(counts, k_);
  if (!known_) {
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

bool Structure::vee(const double* counts, double* covariances) {
  const std::size_t size = static_cast<std::size_t>(d_) * d_;
  const double total = sum_of(counts, k_);
  double *pooled = room_.data(), *root = pooled + size, *factor = root + size;
  if (!known_) {
    for (int c = 0; c < k_; ++c) {
      volumes_[c] = 0.0;
      for (int j = 0; j < d_; ++j) volumes_[c] += covariances[c * size + j * d_ + j] / d_;
    }
  }
  double change = 1.0;
  for (int iteration = 0; iteration < kMostIterations && change > tolerance_; ++iteration) {
    if (!are_positive(volumes_.data(), k_)) return false;
    std::fill(pooled, pooled + size, 0.0);
    for (int c = 0; c < k_; ++c) {
      const double share = counts[c] / (total * volumes_[c]);
      for (std::size_t i = 0; i < size; ++i) pooled[i] += share * covariances[c * size + i];
    }
    if (!find_root(pooled, d_, root)) return false;
    invert_transposed(root, d_, factor);
    double* precision = root;
    for (int i = 0; i < d_; ++i) {
      for (int j = 0; j <= i; ++j) {
        double sum = 0.0;
        for (int p = i; p < d_; ++p) sum += factor[i * d_ + p] * factor[j * d_ + p];
        precision[i * d_ + j] = precision[j * d_ + i] = sum;
      }
    }
    change = 0.0;
    for (int c = 0; c < k_; ++c) {
      double sum = 0.0;
      for (std::size_t i = 0; i < size; ++i) sum += precision[i] * covariances[c * size + i];
      change = std::max(change, std::abs(sum / d_ / volumes_[c] - 1));
      volumes_[c] = sum / d_;
    }
  }
  if (!are_positive(volumes_.data(), k_)) return false;
  for (int c = 0; c < k_; ++c) {
    for (std::size_t i = 0; i < size; ++i) covariances[c * size + i] = volumes_[c] * pooled[i];
  }
  return true;
}

bool Structure::common_axes(const double* counts, double* covariances) {
  const std::size_t size = static_cast<std::size_t>(d_) * d_;
  const bool one_volume = model_ == Model::EVE;
  if (!known_) {  // from the axes of the pooled covariance
    double* pooled = room_.data();
    std::fill(pooled, pooled + size, 0.0);
    for (int c = 0; c < k_; ++c) {
      for (std::size_t i = 0; i < size; ++i) pooled[i] += counts[c] * covariances[c * size + i];
    }
    set_identity(axes_.data(), d_);
    diagonalize(pooled, d_, axes_.data(), 0.0);
  }
  const Search search{!known_, known_ ? sweeps_ : kMostSweeps, tolerance_};
  if (!find_common_axes(k_, d_, counts, covariances, one_volume, search, axes_.data(), variances_.data())) return false;
  if (one_volume) share_volume(counts, variances_.data());
  for (int c = 0; c < k_; ++c) compose(axes_.data(), variances_.data() + c * d_, d_, covariances + c * size);
  return true;
}

bool Structure::own_axes(const double* counts, double* covariances) {
  const std::size_t size = static_cast<std::size_t>(d_) * d_;
  for (int c = 0; c < k_; ++c) {
    double *axes = axes_.data() + c * size, *turned = turned_.data() + c * size;
    if (!known_ || !make_orthonormal(axes, d_)) set_identity(axes, d_);
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

// EVV: each covariance scaled to one determinant, the mean of their d-th roots.
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

bool find_nearest(Model model, int k, int d, const double* counts, const double* free, double* covariances) {
  Structure structure(model, k, d, kTightest, kMostSweeps);
  const std::size_t size = static_cast<std::size_t>(d) * d;
  const Form form = structure.form();
  if (form == Form::tied || form == Form::full) {
    std::copy(free, free + k * size, covariances);
    return structure.constrain(counts, covariances);
  }
  const int each = form == Form::diagonal ? d : 1;
  std::vector<double> variances(static_cast<std::size_t>(k) * each);
  for (int c = 0; c < k; ++c) {
    for (int j = 0; j < d; ++j) {
      variances[c * each + j % each] += free[c * size + j * d + j] / (form == Form::diagonal ? 1 : d);
    }
  }
  if (!structure.constrain(counts, variances.data())) return false;
  std::fill(covariances, covariances + k * size, 0.0);
  for (int c = 0; c < k; ++c) {
    for (int j = 0; j < d; ++j) covariances[c * size + j * d + j] = variances[c * each + j % each];
  }
  return true;
}

}  // namespace gaussmix
