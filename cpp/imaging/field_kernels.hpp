// Kernels for one line of a field, compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gaussmix {

// A neighboring line, and the position of the neighbors in it.
struct NeighborLine {
  const float* q;             // (classes, 2, half)
  const std::uint8_t* edges;  // (2, half) of the line where the offset starts, or null
  bool edges_are_theirs;      // the offset leads from that line to this one
  int step;                   // -1, 0 or 1 along the line
  float weight;
};

struct FieldLine {
  int n_classes;
  std::size_t half;
  float* q;                     // (classes, 2, half)
  const float* scores;          // the same
  const std::uint8_t* visible;  // (2, half)
  const NeighborLine* neighbors;
  int n_neighbors;
};

struct FieldKernels {
  // The size of the scratch memory, in floats.
  std::size_t (*scratch)(int n_classes);
  void (*sweep)(const FieldLine&, float smoothing, float* scratch);
  void (*draw)(const FieldLine&, float smoothing, std::uint64_t seed, float* scratch);
  // Fills (classes, 2, half); adds the sums of RandomField::condition to the totals.
  void (*condition)(const FieldLine&, float smoothing, const float* preferences, float* to, double* totals);
  double (*free_energy)(const FieldLine&, float smoothing, float* scratch);
};

extern const FieldKernels field_baseline_single, field_avx2_single, field_avx512_single;

}  // namespace gaussmix
