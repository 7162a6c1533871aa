// How much the rows tell about which components they are from.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstddef>

namespace gaussmix {

// From responsibilities (n, k) and the weights (n,) of rows, or null. `counts` (k,) are the weighted responsibilities,
// `unknown` (k, k) the information in nats about which of two components a row is from, for pairs of components that
// overlap most, and 0 for others.
void find_overlap(const double* responsibilities, const double* row_weights, std::size_t n_rows, int n_components,
                  double* counts, double* unknown);

}  // namespace gaussmix
