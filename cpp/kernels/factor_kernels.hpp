// Products of rows with the axes of a factor covariance, compiled once per instruction set.
#pragma once

#include <cstddef>

namespace gaussmix {

inline constexpr int kFactorPad = 8;  // columns are kept in whole packs

// One component: y = (x - means) inverse are the rows in units of the noise. Columns of dp numbers; those from d on
// are zero.
struct FactorComponent {
  const double* means;    // (dp,)
  const double* inverse;  // (dp,)
  const double* axes;     // (q, dp) the columns of G
  int n_features, n_factors;
  std::size_t dp;
};

struct FactorKernels {
  // The rows that `measure` takes at once, and so the numbers of its scratch: as many times dp.
  int rows_at_once;
  // Writes |y|^2 and the q numbers t = y G of each row. The numbers of a row do not depend on the other rows. Rows are
  // brought into cache before they are read, and so are those that follow, up to `n_ahead` in all.
  void (*measure)(const FactorComponent&, const double* const* rows, int count, int n_ahead, double* scratch,
                  double* const* to);
  // Adds sums over rows to (q + 2, dp) numbers: w[c] y for each of the q + 1 weights of a row, and w[0] y^2.
  void (*add)(const FactorComponent&, const double* const* rows, int count, const double* weights, double* sums);
};

extern const FactorKernels factor_baseline, factor_avx2, factor_avx512;

}  // namespace gaussmix
