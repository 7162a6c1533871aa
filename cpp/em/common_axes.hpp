// Common principal axes: the axes along which several covariances are as diagonal as possible.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <vector>

namespace gaussmix {

inline constexpr double kTightest = 1e-12;  // a smaller tolerance is below rounding

struct AxesSearch {
  bool look_around;  // whether the first sweep also tries large rotations
  int most_sweeps;
  double tolerance;  // the search ends after a sweep without a rotation by more than this angle
};

// Minimizes over orthogonal axes q, the columns of `axes` (d, d), starting from the given ones,
//
//   sum_k counts_k sum_j log(q_j' free_k q_j)                       variable volumes
//   log sum_k counts_k exp(mean_j log(q_j' free_k q_j))             one volume
//
// with free_k = root_k root_k', by rotations of pairs of axes, each to its minimum (Flury and Gautschi, SIAM Journal on
// Scientific and Statistical Computing 7 (1986), 169-184, with Newton's step in place of theirs). The objective never
// rises, even if a covariance is nearly singular: the rotations are those of the roots (k, d, d), as in
// Hestenes's method for singular values (Golub and Van Loan 2013, 8.6.3). `variances` (k, d) are those along the final
// axes. `room` grows as needed. False if one is not positive.
bool find_common_axes(int k, int d, const double* counts, const double* roots, bool one_volume,
                      const AxesSearch& search, std::vector<double>& room, double* axes, double* variances);

}  // namespace gaussmix
