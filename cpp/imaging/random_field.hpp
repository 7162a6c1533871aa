// Class probabilities of every pixel of an image: mean field and Gibbs draws of a hidden Potts field.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace gaussmix {

inline constexpr int kMostAxes = 4;

// Neighbors of a pixel: the pixels at each offset from it, in both directions. Steps are -1, 0 or 1.
struct Neighbors {
  int n_axes;
  const std::int64_t* shape;    // (n_axes,)
  int n_offsets;                // one of each pair
  const std::int64_t* offsets;  // (n_offsets, n_axes)
  const double* weights;        // (n_offsets,)
};

// With S the scores, q the probabilities, w the weights of neighbors times their edges:
//
//   q[i, c] is proportional to exp(S[i, c] + smoothing sum_j w[i, j] q[j, c])                          (sweep)
//   F = sum_ic q (S - log q) + smoothing / 2 sum_ij w[i, j] sum_c q[i, c] q[j, c]                      (free_energy)
//
// Pixels are n = 0, 1, ... in C order. Results are bitwise equal for any number of threads, because pixels updated at
// the same time are not neighbors.
class RandomField {
 public:
  // `visible` (n,) is zero for pixels without a class, or null; `edges` (n_offsets, n) is 255 times the factor
  // between a pixel and the one at the offset from it, or null for 255.
  RandomField(const Neighbors& neighbors, int n_classes, const std::uint8_t* visible, const std::uint8_t* edges);

  std::size_t n_pixels() const { return n_lines_ * width_; }
  int n_classes() const { return n_classes_; }

  // Scores of the pixels from `first` on, (count, classes); -inf excludes a class. A pixel without any possible class
  // has equal probabilities. Probabilities are set from the scores alone, unless they are kept.
  void load(std::size_t first, std::size_t count, const double* scores, bool keep, int n_threads);

  // Sets the probabilities of the pixels of each block from their summed scores. A block is two pixels along each axis
  // that neighbors differ along.
  void pool(int n_threads);
  // Updates every pixel once, in place. The free energy never decreases.
  void sweep(double smoothing, int n_threads);
  // Draws every pixel once from its distribution given its neighbors: probabilities become 0 and 1.
  void draw(double smoothing, std::uint64_t seed, int n_threads);

  void probabilities(std::size_t first, std::size_t count, float* to) const;
  void labels(std::size_t first, std::size_t count, std::uint8_t* to, std::uint8_t elsewhere) const;
  double free_energy(double smoothing, int n_threads) const;
  // Fills the responsibilities r of every pixel given its neighbors, (n, classes), zero where it is not visible. With a
  // the preferences and s[i, c] = sum_j w[i, j] q[j, c], p[i, c] is proportional to exp(a[c] + smoothing s[i, c]) and
  // r[i, c] to exp(S[i, c] + smoothing s[i, c]). The totals are sums over the pixels, 1 + (k + 1) + (k + 1)(k + 2) / 2
  // of them: log(sum_c exp(S + smoothing s) / sum_c exp(a + smoothing s)); r - p for each class, and sum_c (r - p) s;
  // the upper triangle of the covariance of (z = c for each c, s[z]) for z drawn from p.
  void condition(double smoothing, const double* preferences, float* to, double* totals, int n_threads) const;

 private:
  struct Free {
    void operator()(void* memory) const;
  };
  template <class T>
  using Plane = std::unique_ptr<T[], Free>;
  template <class T>
  static Plane<T> plane(std::size_t size);
  template <class Use>
  void for_each_run(std::size_t first, std::size_t count, int n_threads, Use use) const;
  template <class Visit>
  void visit_lines(int n_threads, bool by_color, Visit visit) const;
  std::size_t number_at(std::size_t line, int component, std::size_t x) const {
    return kLead + ((line * n_classes_ + component) * 2 + x % 2) * half_ + x / 2;
  }
  std::size_t byte_at(std::size_t line, std::size_t x) const { return (line * 2 + x % 2) * half_ + x / 2; }

  static constexpr std::size_t kLead = 16;  // zeros before the first line, read to the left of its first pixel

  int n_classes_, n_axes_;
  std::int64_t shape_[kMostAxes];
  std::size_t n_lines_, width_, half_;  // a line is stored as its even pixels, then its odd ones: `half_` numbers each
  struct Offset {
    std::int64_t step[kMostAxes];
    float weight;
  };
  std::vector<Offset> offsets_;
  std::vector<std::vector<std::uint32_t>> lines_by_color_;
  bool varies_[kMostAxes] = {};   // whether neighbors differ along an axis
  Plane<float> scores_;           // (lines, classes, 2, half): less the greatest score of the pixel
  Plane<float> q_;                // probabilities, of the same layout
  Plane<std::uint8_t> visible_;   // (lines, 2, half)
  Plane<std::uint8_t> edges_;     // (lines, offsets, 2, half), or null
  std::vector<double> greatest_;  // (lines,) the sum of the greatest scores

  friend struct LineOf;
};

}  // namespace gaussmix
