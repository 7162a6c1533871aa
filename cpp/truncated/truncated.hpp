// A pass of truncated variational EM (Lücke and Forster 2019): each row has a few candidates among the components.
//
// Rows are cut into blocks, whose rows should have similar candidates. A block has a list of components: those that are
// candidates of more than a few of its rows, and at a search also their neighbors. All rows of a block are scored by
// all listed components, with the kernels of the exact pass. Rows with a candidate that is not listed are strays: they
// are scored afterwards, one component at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "pass/pass.hpp"

namespace gaussmix {

// What a row looks at besides its candidates. Empty places of tables are -1, and come last.
struct Neighborhoods {
  int n_listed;                   // the width of the table of neighbors; 0: no row looks at anything else
  const std::int32_t* neighbors;  // (k, n_listed)
  int n_random;             // random neighbors of neighbors, and as many of all components, that are added to them
  std::uint64_t stream;     // which random components those are
  bool everything = false;  // whether blocks list all components
};

// The candidates of the rows, best first, which a pass replaces by the best components that it scored.
struct Candidates {
  int n_kept;
  double reach;              // how far the score of a candidate may be below the greatest one
  std::int32_t* components;  // (n, n_kept)
  float* greatest;           // (n,) the greatest score of each row, as a result
};

// How remote a component is from the rows whose best one is `of` (nearest.hpp).
struct Relation {
  std::int32_t of, other;
  double remoteness;  // sum over some of these rows
  double n_rows;
};

struct TruncatedSums {
  Sums sums;                         // log likelihood and entropy are those of the candidates
  std::vector<Relation>* relations;  // or null
  std::int64_t n_scores = 0;         // pairs of a row and a component that were scored
  std::int64_t n_strays = 0;         // rows
};

// Adds to the sums. `blocks` (n_blocks + 1,) has the first row of each block, and n. The mixture is not tied, has no
// basis, no background and no tails; rows have no log prior and no errors.
void accumulate_truncated(const Rows& rows, const Mixture& mixture, std::int64_t n_blocks, const std::int64_t* blocks,
                          const Neighborhoods& look, int n_threads, const Candidates& candidates, TruncatedSums& to);

// Replaces the neighbors of each component by the component itself and those of least mean remoteness. A component
// of which nothing is known keeps them. `relations` are in the order of a pass.
void rebuild_neighbors(const std::vector<Relation>& relations, int n_components, int n_listed, std::int32_t* neighbors);

// Writes an order (k,) of the components in which neighbors are near each other.
void chain_components(int n_components, int n_listed, const std::int32_t* neighbors, std::int32_t* order);

}  // namespace gaussmix
