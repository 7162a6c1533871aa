// Whether a fitted mixture has degenerate components.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <vector>

#include "em/parameters.hpp"
#include "em/structures.hpp"

namespace gaussmix {

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
