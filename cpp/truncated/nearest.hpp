// What a pass over a block of rows does with the best components of each row (kernels/nearest_tile.hpp).
#pragma once

#include <cstdint>

namespace gaussmix {

struct Nearest {
  int n_kept;                     // how many of the listed components a row keeps
  const std::int32_t* listed;     // (components of the block,) their numbers in the whole mixture
  std::int32_t* candidates;       // (n, n_kept) the best ones, of greatest score first, -1 where there are fewer
  const unsigned char* is_taken;  // (end - begin,) rows that are left out otherwise
  // If they are wanted, else null: by the best component of a row, how many rows, and the sums of the differences of its
  // score to those of all listed components.
  double* n_rows;       // (components,)
  double* differences;  // (components, components)
};

}  // namespace gaussmix
