// The axes that several covariances have most nearly in common.
//
// Plain C++: no Python, no exceptions but std::bad_alloc.
#pragma once

namespace gaussmix {

inline constexpr double kTightest = 1e-12;  // the least tolerance that rounding leaves room for
inline constexpr int kMostSweeps = 200;

struct Search {
  bool look_around;  // far from where it begins too
  int most_sweeps;
  double tolerance;  // the search ends when no rotation of a sweep is expected to be farther, as an angle
};

// Minimizes over orthogonal axes q, the columns of `axes` (d, d), where the search begins,
//
//   sum_k counts_k sum_j log(q_j' free_k q_j)                       variable volumes
//   log sum_k counts_k exp(mean_j log(q_j' free_k q_j))             one volume
//
// by rotations of pairs of axes, each to its minimum (Flury and Gautschi, SIAM Journal on Scientific and Statistical
// Computing 7 (1986), 169-184, with Newton's step for theirs). Neither ever rises. `variances` (k, d) are those along
// the axes in the end. False where one is not positive.
bool find_common_axes(int k, int d, const double* counts, const double* free, bool one_volume, const Search& search,
                      double* axes, double* variances);

}  // namespace gaussmix
