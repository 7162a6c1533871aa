// k-means and agglomeration.
#include "em/partitions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "em/dense.hpp"

namespace gaussmix {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

double weight_of(const Points& p, std::size_t n) { return p.row_weights ? p.row_weights[n] : 1.0; }

double squared_distance(const double* a, const double* b, int d) {
  double sum = 0.0;
  for (int j = 0; j < d; ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

// The position at which the running sum of shares passes a part of their total.
std::size_t draw(const std::vector<double>& shares, double uniform) {
  double total = 0.0, sum = 0.0;
  for (double share : shares) total += share;
  for (std::size_t n = 0; n + 1 < shares.size(); ++n) {
    sum += shares[n];
    if (sum > uniform * total) return n;
  }
  return shares.size() - 1;
}

std::vector<double> draw_centers(const Points& p, int k, const double* uniform) {
  std::vector<double> centers(static_cast<std::size_t>(k) * p.n_features), to_nearest(p.n_rows), shares(p.n_rows),
      tried(p.n_rows), best(p.n_rows);
  for (std::size_t n = 0; n < p.n_rows; ++n) shares[n] = weight_of(p, n);
  const int tries = tries_of(k);
  for (int c = 0; c < k; ++c) {
    double least = kInfinite;
    std::size_t seed = 0;
    for (int t = 0; t < (c == 0 ? 1 : tries); ++t) {
      const std::size_t candidate = draw(shares, *uniform++);
      double sum = 0.0;
      for (std::size_t n = 0; n < p.n_rows; ++n) {
        const double distance =
            squared_distance(p.rows + n * p.n_features, p.rows + candidate * p.n_features, p.n_features);
        tried[n] = c == 0 ? distance : std::min(distance, to_nearest[n]);
        sum += weight_of(p, n) * tried[n];
      }
      if (sum < least) least = sum, seed = candidate, best.swap(tried);
    }
    to_nearest.swap(best);
    std::copy(p.rows + seed * p.n_features, p.rows + (seed + 1) * p.n_features, centers.begin() + c * p.n_features);
    double total = 0.0;
    for (std::size_t n = 0; n < p.n_rows; ++n) total += shares[n] = weight_of(p, n) * to_nearest[n];
    if (!(total > 0)) {
      for (std::size_t n = 0; n < p.n_rows; ++n) shares[n] = weight_of(p, n);
    }
  }
  return centers;
}

// Sums of cells, merged one by one.
class Tree {
 public:
  Tree(const Points& p, bool free, double pseudo, const std::int64_t* cells, int n_cells)
      : d_(p.n_features),
        free_(free),
        pseudo_(pseudo),
        n_(n_cells),
        size_(free ? static_cast<std::size_t>(p.n_features) * p.n_features : 1),
        counts_(n_cells),
        sums_(static_cast<std::size_t>(n_cells) * p.n_features),
        squares_(n_cells * size_),
        own_(n_cells),
        loss_(static_cast<std::size_t>(n_cells) * n_cells, kInfinite),
        partner_(n_cells, -1),
        alive_(n_cells),
        ids_(n_cells),
        scatter_(size_),
        root_(size_) {
    for (std::size_t n = 0; n < p.n_rows; ++n) {
      const std::int64_t c = cells[n];
      const double weight = weight_of(p, n);
      const double* row = p.rows + n * d_;
      counts_[c] += weight;
      for (int i = 0; i < d_; ++i) {
        sums_[c * d_ + i] += weight * row[i];
        if (!free_) squares_[c] += weight * row[i] * row[i];
        for (int j = 0; free_ && j <= i; ++j) squares_[c * size_ + i * d_ + j] += weight * row[i] * row[j];
      }
    }
    for (int c = 0; c < n_; ++c) alive_[c] = counts_[c] > 0, ids_[c] = c, own_[c] = alive_[c] ? energy(c, c) : 0.0;
    for (int a = 0; a < n_; ++a) update_row(a);
  }

  int alive() const { return static_cast<int>(std::count(alive_.begin(), alive_.end(), true)); }
  int id(std::int64_t cell) const { return ids_[cell]; }

  void merge() {
    int a = -1;
    for (int c = 0; c < n_; ++c) {
      if (alive_[c] && partner_[c] >= 0 && (a < 0 || loss(c, partner_[c]) < loss(a, partner_[a]))) a = c;
    }
    const int b = partner_[a];
    counts_[a] += counts_[b];
    for (int j = 0; j < d_; ++j) sums_[a * d_ + j] += sums_[b * d_ + j];
    for (std::size_t j = 0; j < size_; ++j) squares_[a * size_ + j] += squares_[b * size_ + j];
    alive_[b] = false;
    own_[a] = energy(a, a);
    for (int& id : ids_) {
      if (id == b) id = a;
    }
    for (int c = 0; c < a; ++c) {
      if (alive_[c]) loss(c, a) = energy(c, a) - own_[c] - own_[a];
    }
    update_row(a);
    for (int c = 0; c < n_; ++c) {
      if (!alive_[c] || c == a) continue;
      if (partner_[c] == a || partner_[c] == b) {
        find_partner(c);
      } else if (c < a && loss(c, a) < loss(c, partner_[c])) {
        partner_[c] = a;
      }
    }
  }

 private:
  double& loss(int a, int b) { return loss_[static_cast<std::size_t>(a) * n_ + b]; }

  // Losses of a with later cells, and the least of them.
  void update_row(int a) {
    if (!alive_[a]) return;
    for (int b = a + 1; b < n_; ++b) {
      if (alive_[b]) loss(a, b) = energy(a, b) - own_[a] - own_[b];
    }
    find_partner(a);
  }
  void find_partner(int a) {
    partner_[a] = -1;
    for (int b = a + 1; b < n_; ++b) {
      if (alive_[b] && (partner_[a] < 0 || loss(a, b) < loss(a, partner_[a]))) partner_[a] = b;
    }
  }

  // The loss of classification likelihood of two cells together, or of one with itself.
  double energy(int a, int b) {
    const double both = a == b ? 0.0 : 1.0, count = counts_[a] + both * counts_[b];
    if (!free_) {
      double square = squares_[a] + both * squares_[b];
      for (int j = 0; j < d_; ++j) {
        const double sum = sums_[a * d_ + j] + both * sums_[b * d_ + j];
        square -= sum * sum / count;
      }
      return square;
    }
    for (int i = 0; i < d_; ++i) {
      const double one = sums_[a * d_ + i] + both * sums_[b * d_ + i];
      for (int j = 0; j <= i; ++j) {
        const double other = sums_[a * d_ + j] + both * sums_[b * d_ + j];
        scatter_[i * d_ + j] =
            squares_[a * size_ + i * d_ + j] + both * squares_[b * size_ + i * d_ + j] - one * other / count;
      }
      scatter_[i * d_ + i] += pseudo_;
    }
    if (!find_root(scatter_.data(), d_, root_.data())) return kInfinite;
    double product = 1.0, log_det = 0.0;
    for (int j = 0; j < d_; ++j) {
      product *= root_[j * d_ + j];
      if (j % 8 == 7 || j + 1 == d_) log_det += 2 * std::log(product), product = 1.0;
    }
    return 0.5 * (count + 1) * (log_det - d_ * std::log(count + 1));
  }

  int d_;
  bool free_;
  double pseudo_;
  int n_;
  std::size_t size_;
  std::vector<double> counts_, sums_, squares_, own_, loss_;
  std::vector<int> partner_;  // the later cell that is the best to merge with, or -1
  std::vector<bool> alive_;
  std::vector<int> ids_;
  std::vector<double> scatter_, root_;
};

}  // namespace

int tries_of(int k) { return 2 + static_cast<int>(std::log(k)); }

void k_means(const Points& p, int k, int iterations, const double* uniform, std::int64_t* labels) {
  std::vector<double> centers = draw_centers(p, k, uniform), sums(centers.size()), counts(k), distances(p.n_rows);
  const auto assign = [&] {
    bool changed = false;
    for (std::size_t n = 0; n < p.n_rows; ++n) {
      double least = kInfinite;
      std::int64_t nearest = 0;
      for (int c = 0; c < k; ++c) {
        const double distance =
            squared_distance(p.rows + n * p.n_features, centers.data() + c * p.n_features, p.n_features);
        if (distance < least) least = distance, nearest = c;
      }
      changed = changed || labels[n] != nearest;
      labels[n] = nearest, distances[n] = least;
    }
    return changed;
  };
  std::fill(labels, labels + p.n_rows, -1);
  for (int iteration = 0; assign() && iteration < iterations; ++iteration) {
    std::fill(sums.begin(), sums.end(), 0.0);
    std::fill(counts.begin(), counts.end(), 0.0);
    for (std::size_t n = 0; n < p.n_rows; ++n) {
      counts[labels[n]] += weight_of(p, n);
      for (int j = 0; j < p.n_features; ++j)
        sums[labels[n] * p.n_features + j] += weight_of(p, n) * p.rows[n * p.n_features + j];
    }
    for (int c = 0; c < k; ++c) {
      if (counts[c] > 0) {
        for (int j = 0; j < p.n_features; ++j) centers[c * p.n_features + j] = sums[c * p.n_features + j] / counts[c];
      } else {  // a center without rows moves to the row farthest from all centers
        const std::size_t far = std::max_element(distances.begin(), distances.end()) - distances.begin();
        std::copy(p.rows + far * p.n_features, p.rows + (far + 1) * p.n_features, centers.begin() + c * p.n_features);
        distances[far] = 0.0;
      }
    }
  }
}

void merge_tree(const Points& p, bool free, double pseudo, const std::int64_t* cells, int n_cells, const int* sizes,
                int n_sizes, std::int64_t* labels) {
  Tree tree(p, free, pseudo, cells, n_cells);
  std::vector<std::int64_t> place(n_cells);
  int left = tree.alive();
  for (int at = 0; at < n_sizes; ++at) {
    for (; left > sizes[at]; --left) tree.merge();
    std::fill(place.begin(), place.end(), -1);
    std::int64_t next = 0;
    for (std::size_t n = 0; n < p.n_rows; ++n) {
      std::int64_t& own = place[tree.id(cells[n])];
      if (own < 0) own = next++;
      labels[at * p.n_rows + n] = own;
    }
  }
}

}  // namespace gaussmix
