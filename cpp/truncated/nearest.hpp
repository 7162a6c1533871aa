// What a pass over a block of rows does with the best components of each row (kernels/nearest_tile.hpp).
#pragma once

#include <cstdint>

namespace gaussmix {

// How little probability a component has for a row, from the difference of the greatest score to its own. Neighbors are
// those with the least mean: first those that have a share in rows of the component, then those of least difference.
// The polynomial stands for the exponential of the difference.
static constexpr double kReach = 10.0, kSharedWeight = 1e6, kMostRemote = 1e9;  // the last for weights of zero
static inline double remoteness(double difference) {
  const double near = difference < kReach ? 1.0 - difference / kReach : 0.0, square = near * near;
  return (difference < kMostRemote ? difference : kMostRemote) - kSharedWeight * square * square;
}

struct Nearest {
  int n_kept;                     // how many of the listed components a row keeps
  double reach;                   // how far the score of a candidate may be below the greatest one
  const std::int32_t* listed;     // (components of the block,) their numbers in the whole mixture
  std::int32_t* candidates;       // (n, n_kept) the best ones, of greatest score first, -1 where there are fewer
  float* greatest;                // (n,) the greatest scores
  const unsigned char* is_taken;  // (end - begin,) rows that are left out otherwise; null if none is
  // If they are wanted, else null: by the best component of a row, how many rows, and the sums of the remoteness of all
  // listed components.
  double* n_rows;      // (components,)
  double* remoteness;  // (components, components)
};

}  // namespace gaussmix
