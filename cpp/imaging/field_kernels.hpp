// The work on one line of a field; compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gaussmix {

// A neighboring line, and which of its pixels are neighbors.
struct NeighborLine {
  const float* q;             // (classes, 2, half)
  const std::uint8_t* edges;  // (2, half) of the pixel that the offset starts from, or null
  bool edges_are_theirs;      // the offset leads from them to us
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
  // Room for sums, in floats.
  std::size_t (*scratch)(int n_classes);
  void (*sweep)(const FieldLine&, float strength, float* scratch);
  void (*draw)(const FieldLine&, float strength, std::uint64_t seed, float* scratch);
  // (classes, 2, half), and what Field::condition sums up is added to the totals.
  void (*condition)(const FieldLine&, float strength, const float* preferences, float* to, double* totals);
  double (*free_energy)(const FieldLine&, float strength, float* scratch);
};

extern const FieldKernels field_baseline_single, field_avx2_single, field_avx512_single;

}  // namespace gaussmix
