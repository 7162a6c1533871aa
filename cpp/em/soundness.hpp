// Whether a fitted mixture has degenerate components.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <vector>

#include "em/parameters.hpp"
#include "em/structures.hpp"

namespace gaussmix {

inline constexpr double kCollapsed = 1e-9;  // variance relative to the reference
inline constexpr double kThinness = 0.02;   // variance relative to other components
inline constexpr int kMany = 5;             // times d + 2 rows: such a group is not one of chance
inline constexpr double kLost = 0.5;        // rows: a component with fewer has none
inline constexpr double kRepeated = 1e-3;   // standard deviations: closer components are the same

// Rows that the own covariance parameters of a component need.
int rows_needed(Model model, int d);

// What collapsed components are compared with. Both arrays are in the units of the rows.
struct SoundnessReference {
  const double* root;      // (d, d) lower root of the covariance within clusters, of the form of the model
  const double* rounding;  // (d,) variances that are due to rounding
  double n;                // weight of all rows
};

// Whether no component is empty, collapsed, spurious or has too few rows: the same as `n_unsound == 0` of
// gaussmix.fitting.degeneracy.examine, which has the definitions.
bool is_sound(Model model, int k, int d, const Parameters& parameters, const SoundnessReference& reference);

}  // namespace gaussmix
