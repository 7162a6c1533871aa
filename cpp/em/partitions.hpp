// Initial partitions of a few rows: k-means and hierarchical agglomeration, the compiled twins of
// gaussmix.fitting.kmeans and gaussmix.fitting.agglomeration for searches, which need hundreds of them.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstdint>

#include "em/clustering.hpp"

namespace gaussmix {

// Numbers tried for each seed of k-means++, the first one excepted.
int tries_of(int k);

// Lloyd's algorithm from seeds of greedy k-means++ (Arthur and Vassilvitskii, SODA 2007), drawn with the numbers
// `uniform` from [0, 1), 1 + (k - 1) tries_of(k) of them. `labels` (n,) are the nearest centers at the end.
void k_means(const Points& points, int k, int iterations, const double* uniform, std::int64_t* labels);

// Merges pairs of cells with the least loss of classification likelihood (Banfield and Raftery 1993), of free
// covariances or of one spherical covariance (Ward), with a pseudo-row of this variance in every cell. `sizes` descend;
// `labels` (n_sizes, n) are the clusters at each size.
void merge_tree(const Points& points, bool free, double pseudo, const std::int64_t* cells, int n_cells,
                const int* sizes, int n_sizes, std::int64_t* labels);

}  // namespace gaussmix
