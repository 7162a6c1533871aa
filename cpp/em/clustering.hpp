// Clusters from which EM starts: k-means, and agglomeration of small cells.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pass/pass.hpp"

namespace gaussmix {

// Rows to cluster, with weights of about one.
struct Points {
  const double* rows;         // (n, d)
  const double* row_weights;  // (n,) or null: every row counts once
  std::size_t n_rows;
  int n_features;
};

// Greedy k-means++ (Arthur and Vassilvitskii, SODA 2007, section 4): writes the positions of k seeds. Each seed but the
// first is the best of `n_tries`. `uniforms` are random numbers in [0, 1): one for the first seed and `n_tries` for
// each other one.
void draw_seeds(const Points& points, int k, int n_tries, const double* uniforms, std::int64_t* seeds);

// Lloyd's algorithm from `centers` (k, d), which are moved, until the squares of their moves sum to `tolerance` times
// the mean variance of the columns or less, and for `max_iter` iterations at most. A center without rows moves to a row
// that is far from all centers. Returns the sum of the squared distances in the last iteration, before its moves.
// Writes the nearest centers to `labels`.
//
// Bounds on the distances to the nearest and the second nearest center tell which rows may change (Hamerly, SDM 2010).
double k_means(const Points& points, int k, int max_iter, double tolerance, double* centers, std::int64_t* labels);

// Merges pairs of cells with the least loss of classification likelihood. `cells` (n,) are numbers from 0 to `n_cells`
// - 1; `sizes` descend, and `labels` (n_sizes, n) are the clusters at each size, in the order of their first rows.
// `pseudo` is the variance of the pseudo-row in each cell. fitting/agglomeration.py is the same in Python, and has the
// references. `labels` may be `cells` if there is one size.
void merge_cells(const Points& points, Form form, double pseudo, const std::int64_t* cells, int n_cells,
                 const std::int64_t* sizes, std::size_t n_sizes, std::int64_t* labels);

}  // namespace gaussmix
