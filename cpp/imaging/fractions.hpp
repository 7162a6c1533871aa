// Mean-field update of the fractions of the classes in every pixel, given those of its neighbors.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "imaging/fraction_kernels.hpp"

namespace gaussmix {

// Pixels are n = 0, 1, ... in C order of the shape.
struct FractionGrid {
  int n_axes;
  const std::int64_t* shape;   // (n_axes,)
  const double* weights;       // (n_axes,): of the neighbors along each axis
  const float* rows;           // (n, features)
  const double* origin;        // (features,): subtracted from rows before multiplication by the factor
  const double* factor;        // (features, features): (row - origin) factor is in units of the noise
  const std::uint8_t* status;  // (n,): 0 not visible, 1 visible, 2 also counted in the sums
  float* fractions;            // (classes, n)
};

// With m the means, f the fractions of a state, w its weight, t the smoothing of the two orders of neighbors, h the
// weighted sums of the fractions of nearest and second neighbors along the axes, gives each pixel the expected
// fractions sum_s q[s] f[s] with
//
//   q[s] is proportional to w[s] exp(-|row - m[s]|^2 / 2 + f[s] (t[0] h[0] + t[1] h[1])),
//
// in place, and adds to sums (fraction_kernels.hpp). Pixels updated at the same time are not neighbors, and sums are
// added in a fixed order, so results are bitwise equal for any number of threads.
void update_fractions(const FractionStates& states, const FractionGrid& grid, int n_threads, double* sums);

}  // namespace gaussmix
