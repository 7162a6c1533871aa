// Rows of a truncated pass that are scored one component at a time.
#pragma once

#include <vector>

#include "truncated/truncated.hpp"

namespace gaussmix {

// Adds the rows of these numbers to the sums; of full scatter only the lower triangles.
void accumulate_strays(const Rows& rows, const Mixture& mixture, const std::vector<std::uint32_t>& strays,
                       const Neighborhoods& look, int n_threads, const Candidates& candidates, TruncatedSums& to);

}  // namespace gaussmix
