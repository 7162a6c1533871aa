#include "em/clustering.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "em/dense.hpp"

namespace gaussmix {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kTogether = 8;  // factors of a determinant whose product neither overflows nor underflows

double weight_of(const Points& p, std::size_t row) { return p.row_weights ? p.row_weights[row] : 1.0; }

double squared_distance(const double* a, const double* b, int d) {
  double sum = 0.0;
  for (int j = 0; j < d; ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

// The distances of a row to many centers, which are stored by feature so that a loop over them is vectorized.
class Centers {
 public:
  Centers(int k, int d) : k_(k), d_(d), width_((k + 3) / 4 * 4), turned_(d * width_), distances_(width_) {}

  void set(const double* centers) {
    for (int j = 0; j < d_; ++j) {
      for (int c = 0; c < width_; ++c) turned_[j * width_ + c] = centers[std::min(c, k_ - 1) * d_ + j];
    }
  }
  // Squared distances, (k,).
  const double* from(const double* row) {
    double* to = distances_.data();
    for (int c = 0; c < width_; c += 4) {
      double sums[4] = {};
      const double* at = turned_.data() + c;
      for (int j = 0; j < d_; ++j, at += width_) {
        for (int lane = 0; lane < 4; ++lane) {
          const double apart = row[j] - at[lane];
          sums[lane] += apart * apart;
        }
      }
      for (int lane = 0; lane < 4; ++lane) to[c + lane] = sums[lane];
    }
    return to;
  }

 private:
  int k_, d_, width_;
  std::vector<double> turned_, distances_;
};

// Position of the first partial sum above a share of the total.
std::int64_t draw(const std::vector<double>& sums, double uniform) {
  const double wanted = uniform * sums.back();
  const auto at = std::upper_bound(sums.begin(), sums.end(), wanted) - sums.begin();
  return std::min<std::int64_t>(at, static_cast<std::int64_t>(sums.size()) - 1);
}

// The state of Lloyd's algorithm.
class Lloyd {
 public:
  Lloyd(const Points& points, int k, double* centers, std::int64_t* labels)
      : p_(points),
        k_(k),
        d_(points.n_features),
        centers_(centers),
        labels_(labels),
        near_(k, d_),
        upper_(points.n_rows),
        lower_(points.n_rows),
        counts_(k),
        sums_(static_cast<std::size_t>(k) * d_),
        moved_(k) {
    near_.set(centers);
    for (std::size_t n = 0; n < p_.n_rows; ++n) {
      labels_[n] = search(n);
      add(n, labels_[n], 1.0);
    }
  }

  // Moves the centers to the means of their rows; returns the sum of the squares of the moves.
  double move() {
    std::vector<int> empty;
    double shift = 0.0;
    most_ = 0.0;
    for (int c = 0; c < k_; ++c) {
      double square = 0.0;
      if (!(counts_[c] > 0)) {
        empty.push_back(c);
        continue;
      }
      for (int j = 0; j < d_; ++j) {
        double& center = centers_[c * d_ + j];
        const double mean = sums_[c * d_ + j] / counts_[c];
        square += (mean - center) * (mean - center);
        center = mean;
      }
      moved_[c] = std::sqrt(square);
      most_ = std::max(most_, moved_[c]);
      shift += square;
    }
    return empty.empty() ? shift : shift + fill(empty);
  }

  // Assigns every row to the nearest center.
  void assign() {
    near_.set(centers_);
    for (std::size_t n = 0; n < p_.n_rows; ++n) {
      const std::int64_t before = labels_[n];
      upper_[n] += moved_[before];
      lower_[n] -= most_;
      if (upper_[n] < lower_[n]) continue;
      upper_[n] = std::sqrt(squared_distance(row(n), centers_ + before * d_, d_));
      if (upper_[n] < lower_[n]) continue;
      const std::int64_t now = search(n);
      if (now == before) continue;
      add(n, before, -1.0);
      add(n, now, 1.0);
      labels_[n] = now;
    }
  }

  // Sum of the squared distances of the rows to their centers.
  double distances() const {
    double sum = 0.0;
    for (std::size_t n = 0; n < p_.n_rows; ++n) {
      sum += weight_of(p_, n) * squared_distance(row(n), centers_ + labels_[n] * d_, d_);
    }
    return sum;
  }

 private:
  const double* row(std::size_t n) const { return p_.rows + n * d_; }

  // The nearest center; sets the bounds of the row.
  std::int64_t search(std::size_t n) {
    const double* distances = near_.from(row(n));
    double first = kInfinity, second = kInfinity;
    int best = 0;
    for (int c = 0; c < k_; ++c) {
      if (distances[c] < first) {
        second = first, first = distances[c], best = c;
      } else if (distances[c] < second) {
        second = distances[c];
      }
    }
    upper_[n] = std::sqrt(first), lower_[n] = std::sqrt(second);
    return best;
  }

  void add(std::size_t n, std::int64_t c, double sign) {
    const double weight = sign * weight_of(p_, n), *values = row(n);
    counts_[c] += weight;
    members(c) += sign > 0 ? 1 : -1;
    if (members(c) == 0) counts_[c] = 0.0;
    for (int j = 0; j < d_; ++j) sums_[c * d_ + j] += weight * values[j];
  }
  std::int64_t& members(std::int64_t c) {
    if (members_.empty()) members_.resize(k_);
    return members_[c];
  }

  // Moves centers without rows to the rows farthest from theirs; returns the sum of the squares of the moves.
  double fill(const std::vector<int>& empty) {
    std::vector<double> far(p_.n_rows);
    for (std::size_t n = 0; n < p_.n_rows; ++n) far[n] = squared_distance(row(n), centers_ + labels_[n] * d_, d_);
    std::vector<std::size_t> order(p_.n_rows);
    std::iota(order.begin(), order.end(), 0);
    const std::size_t some = std::min(empty.size(), order.size());
    std::partial_sort(order.begin(), order.begin() + some, order.end(),
                      [&](std::size_t a, std::size_t b) { return far[a] != far[b] ? far[a] > far[b] : a < b; });
    double shift = 0.0;
    for (std::size_t i = 0; i < some; ++i) {
      double* center = centers_ + empty[i] * d_;
      const double square = squared_distance(center, row(order[i]), d_);
      std::copy(row(order[i]), row(order[i]) + d_, center);
      std::fill(sums_.begin() + empty[i] * d_, sums_.begin() + (empty[i] + 1) * d_, 0.0);
      moved_[empty[i]] = std::sqrt(square);
      most_ = kInfinity;  // every row may be nearer to it
      shift += square;
    }
    return shift;
  }

  const Points& p_;
  int k_, d_;
  double* centers_;
  std::int64_t* labels_;
  Centers near_;
  std::vector<double> upper_, lower_;  // bounds on the distances to the nearest and the second nearest center
  std::vector<double> counts_, sums_, moved_;
  std::vector<std::int64_t> members_;
  double most_ = 0.0;  // greatest move of a center
};

// The cells of an agglomeration, with their sums.
class Cells {
 public:
  Cells(const Points& points, Form form, int n_cells, double pseudo, const std::int64_t* cells)
      : form_(form),
        n_(n_cells),
        d_(points.n_features),
        size_(form == Form::full        ? d_ * d_
              : form == Form::spherical ? 1
                                        : d_),
        pseudo_(pseudo),
        counts_(n_),
        sums_(static_cast<std::size_t>(n_) * d_),
        squares_(static_cast<std::size_t>(n_) * size_),
        own_(n_),
        loss_(static_cast<std::size_t>(n_) * n_, kInfinity),
        least_(n_, kInfinity),
        nearest_(n_),
        scatter_(size_),
        root_(size_) {
    for (std::size_t n = 0; n < points.n_rows; ++n) add(cells[n], points.rows + n * d_, weight_of(points, n));
    for (int i = 0; i < n_; ++i) own_[i] = counts_[i] > 0 ? energy(i, i) : 0.0;
    for (int i = 0; i < n_; ++i) {
      for (int j = i + 1; j < n_; ++j) set_loss(i, j);
    }
    for (int i = 0; i < n_; ++i) find_least(i);
  }

  int alive() const {
    return static_cast<int>(std::count_if(counts_.begin(), counts_.end(), [](double count) { return count > 0; }));
  }

  // Merges the second cell of the cheapest pair into the first one.
  void merge(int& first, int& second) {
    first = static_cast<int>(std::min_element(least_.begin(), least_.end()) - least_.begin());
    second = nearest_[first];
    counts_[first] += counts_[second];
    for (int j = 0; j < d_; ++j) sums_[first * d_ + j] += sums_[second * d_ + j];
    for (int j = 0; j < size_; ++j) squares_[first * size_ + j] += squares_[second * size_ + j];
    counts_[second] = 0.0;
    own_[first] = energy(first, first);
    for (int i = 0; i < n_; ++i) {
      at(std::min(i, second), std::max(i, second)) = kInfinity;
      if (i != first) set_loss(std::min(i, first), std::max(i, first));
    }
    for (int i = 0; i < n_; ++i) {
      const bool may_change = i == first || i == second || nearest_[i] == first || nearest_[i] == second;
      if (may_change) {
        find_least(i);
      } else if (i < first && at(i, first) <= least_[i]) {
        find_least(i);
      }
    }
  }

 private:
  double& at(int i, int j) { return loss_[static_cast<std::size_t>(i) * n_ + j]; }

  void add(std::int64_t cell, const double* row, double weight) {
    counts_[cell] += weight;
    double* squares = squares_.data() + cell * size_;
    for (int j = 0; j < d_; ++j) {
      const double value = weight * row[j];
      sums_[cell * d_ + j] += value;
      if (form_ == Form::full) {
        for (int i = 0; i <= j; ++i) squares[j * d_ + i] += value * row[i];
      } else {
        squares[form_ == Form::spherical ? 0 : j] += value * row[j];
      }
    }
  }

  void set_loss(int i, int j) {
    at(i, j) = counts_[i] > 0 && counts_[j] > 0 ? energy(i, j) - own_[i] - own_[j] : kInfinity;
  }
  void find_least(int i) {
    const double* line = loss_.data() + static_cast<std::size_t>(i) * n_;
    nearest_[i] = static_cast<int>(std::min_element(line, line + n_) - line);
    least_[i] = line[nearest_[i]];
  }

  // Negative classification log-likelihood, without constants, of the union of two cells or of one.
  double energy(int i, int j) {
    const bool both = i != j;
    const double count = counts_[i] + (both ? counts_[j] : 0.0), rows = count + 1;
    const auto sum = [&](int f) { return sums_[i * d_ + f] + (both ? sums_[j * d_ + f] : 0.0); };
    const auto square = [&](int f) { return squares_[i * size_ + f] + (both ? squares_[j * size_ + f] : 0.0); };
    if (form_ == Form::full) {
      for (int a = 0; a < d_; ++a) {
        for (int b = 0; b <= a; ++b) scatter_[a * d_ + b] = square(a * d_ + b) - sum(a) * sum(b) / count;
        scatter_[a * d_ + a] += pseudo_;
      }
      if (!find_root(scatter_.data(), d_, root_.data())) return kInfinity;
      double log_det = -d_ * std::log(rows), product = 1.0;
      for (int a = 0; a < d_; ++a) {
        product *= root_[a * d_ + a];
        if (a % kTogether == kTogether - 1 || a + 1 == d_) log_det += 2 * std::log(product), product = 1.0;
      }
      return 0.5 * rows * log_det;
    }
    double trace = 0.0, log_det = 0.0;
    for (int f = 0; f < d_; ++f) {
      const double own = (form_ == Form::spherical && f > 0 ? 0.0 : square(f)) - sum(f) * sum(f) / count;
      trace += own;
      if (form_ == Form::diagonal) log_det += std::log((own + pseudo_) / rows);
    }
    if (form_ == Form::tied) return trace;
    if (form_ == Form::spherical) log_det = d_ * std::log((trace + d_ * pseudo_) / (d_ * rows));
    return 0.5 * rows * log_det;
  }

  Form form_;
  int n_, d_, size_;
  double pseudo_;
  std::vector<double> counts_, sums_, squares_, own_, loss_, least_;
  std::vector<int> nearest_;
  std::vector<double> scatter_, root_;
};

// The mean of the variances of the columns, without weights.
double mean_variance(const Points& p) {
  const int d = p.n_features;
  const double n = static_cast<double>(p.n_rows);
  std::vector<double> sums(d), squares(d);
  for (std::size_t i = 0; i < p.n_rows; ++i) {
    for (int j = 0; j < d; ++j) sums[j] += p.rows[i * d + j];
  }
  for (std::size_t i = 0; i < p.n_rows; ++i) {
    for (int j = 0; j < d; ++j) squares[j] += std::pow(p.rows[i * d + j] - sums[j] / n, 2);
  }
  return std::accumulate(squares.begin(), squares.end(), 0.0) / (n * d);
}

}  // namespace

void draw_seeds(const Points& p, int k, int n_tries, const double* uniforms, std::int64_t* seeds) {
  const std::size_t n = p.n_rows;
  const int d = p.n_features;
  std::vector<double> sums(n), nearest(n, kInfinity), tried(n * n_tries), chosen(static_cast<std::size_t>(d) * n_tries);
  std::vector<double> totals(n_tries);
  Centers seeds_tried(n_tries, d);
  const auto add_up = [&](bool by_distance) {
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sums[i] = sum += weight_of(p, i) * (by_distance ? nearest[i] : 1.0);
  };
  add_up(false);
  seeds[0] = draw(sums, *uniforms++);
  for (std::size_t i = 0; i < n; ++i) nearest[i] = squared_distance(p.rows + i * d, p.rows + seeds[0] * d, d);
  std::vector<std::int64_t> some(n_tries);
  for (int seed = 1; seed < k; ++seed) {
    add_up(true);
    if (!(sums.back() > 0)) add_up(false);
    for (int t = 0; t < n_tries; ++t) {
      some[t] = draw(sums, *uniforms++);
      std::copy(p.rows + some[t] * d, p.rows + (some[t] + 1) * d, chosen.begin() + t * d);
    }
    seeds_tried.set(chosen.data());
    std::fill(totals.begin(), totals.end(), 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      const double* apart = seeds_tried.from(p.rows + i * d);
      for (int t = 0; t < n_tries; ++t) {
        tried[i * n_tries + t] = std::min(nearest[i], apart[t]);
        totals[t] += weight_of(p, i) * tried[i * n_tries + t];
      }
    }
    const auto best = std::min_element(totals.begin(), totals.end()) - totals.begin();
    for (std::size_t i = 0; i < n; ++i) nearest[i] = tried[i * n_tries + best];
    seeds[seed] = some[best];
  }
}

double k_means(const Points& points, int k, int max_iter, double tolerance, double* centers, std::int64_t* labels) {
  Lloyd lloyd(points, k, centers, labels);
  double distances = 0.0;
  tolerance *= mean_variance(points);
  for (int iteration = 0; iteration < max_iter; ++iteration) {
    distances = lloyd.distances();
    const double shift = lloyd.move();
    lloyd.assign();
    if (shift <= tolerance) break;
  }
  return distances;
}

void merge_cells(const Points& points, Form form, double pseudo, const std::int64_t* cells, int n_cells,
                 const std::int64_t* sizes, std::size_t n_sizes, std::int64_t* labels) {
  Cells tree(points, form, n_cells, pseudo, cells);
  std::vector<int> ids(n_cells);
  std::iota(ids.begin(), ids.end(), 0);
  std::vector<std::int64_t> names(n_cells);
  int left = tree.alive();
  for (std::size_t at = 0; at < n_sizes; ++at) {
    for (; left > sizes[at]; --left) {
      int first, second;
      tree.merge(first, second);
      std::replace(ids.begin(), ids.end(), second, first);
    }
    std::fill(names.begin(), names.end(), -1);
    std::int64_t next = 0;
    for (std::size_t n = 0; n < points.n_rows; ++n) {
      std::int64_t& name = names[ids[cells[n]]];
      if (name < 0) name = next++;
      labels[at * points.n_rows + n] = name;
    }
  }
}

}  // namespace gaussmix
