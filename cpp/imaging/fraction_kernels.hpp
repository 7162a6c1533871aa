// Kernels that estimate the fractions of a few pixels, compiled once per instruction set.
#pragma once

#include <cstddef>

namespace gaussmix {

// Possible states of a pixel: the fractions of the classes, and the mean of such pixels.
struct FractionStates {
  int n_states, n_classes, n_features;
  const float* fractions;    // (states, classes)
  const float* means;        // (states, features), in units of the noise
  const float* log_weights;  // (states,)
  float smoothing[2];        // of the nearest neighbors, and of the second along each axis
};

inline constexpr int kFractionTile = 256;  // greatest number of pixels; the width of all arrays of a tile

struct FractionTile {
  int count;
  const float* rows;          // (features, tile), in units of the noise
  const float* neighbors[2];  // (classes, tile): sums of fractions
  const float* counted;       // (tile,): 1 where the pixel counts in the sums, else 0
  float* fractions;           // (classes, tile)
};

// Positions of the sums in an array of doubles.
struct FractionSums {
  int n_states, n_features;
  static constexpr int log_likelihood = 0, n_counted = 1, gradient = 2, curvature = 4, counts = 7;
  int expected() const { return counts + n_states; }
  int rows() const { return expected() + n_states; }
  int squares() const { return rows() + n_states * n_features; }
  int size() const { return squares() + n_features * n_features; }
};

struct FractionKernels {
  std::size_t (*scratch)(const FractionStates&);  // in floats
  void (*update)(const FractionStates&, const FractionTile&, float* scratch, double* sums);
};

extern const FractionKernels fractions_baseline_single, fractions_avx2_single, fractions_avx512_single;

}  // namespace gaussmix
