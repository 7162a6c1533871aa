// What it gains to move single rows of a partition from one component to another.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pass/cluster_means.hpp"
#include "pass/pass.hpp"

namespace gaussmix {

// Fills the gains (m, k) in classification likelihood, in nats, of moving each of some rows, whose numbers are (m,), to
// each component. Covariances are free in each component, or common to all for the tied form. The gains of the own
// component of a row have no meaning, and neither do numbers that are not finite, as of singular components.
void gains_of_row_moves(const Partition& partition, Form form, const std::int64_t* some, std::size_t n_some,
                        double* gains);

}  // namespace gaussmix
