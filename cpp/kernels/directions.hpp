// Directions of which incomplete rows say nothing, or not all: a lane is a row.
//
// In the whitened units of a component, a row whose missing numbers are replaced by those of the mean is
//   y = z + N e,  z ~ N(0, I).
// N has a column for each missing number, its row of W, whose coefficient in e may be any number; and the columns of
// W' K for measurement errors K e with the covariance K K' and e ~ N(0, I). The expectation of z is the residual of
//   least squares: |y - N e|^2 + |e of the errors|^2.
// Let (N; J) = (U; V) R be a QR decomposition, where J is the identity in the columns of the errors and 0 in the
// others. Then the covariance of z is U U', and log N(row) = log N(row of means) - |residual|^2 / 2 - log det R, up to
// constants.
//
// The decomposition is that of modified Gram-Schmidt, which is as accurate as Householder's if the right-hand side is
// a further column (Bjorck 1967). Columns are taken in the order of falling features, so they keep the leading zeros of
// the rows of W. They are not normalized; their squared lengths are divided out where they are used.
#pragma once

#include "kernels/columns.hpp"
#include "kernels/elementary.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// Those of the rows of a tile, for each factor. They are kept as long as the same numbers are missing in the next
// tiles.
class Directions {
 public:
  static constexpr int kRows = kGroup * kLanes;

  // `factors` is what `pack` wrote. `sums`: whether add_products will be called.
  Directions(const Mixture& m, const Real* factors, Arena& arena, bool sums)
      : d_(m.n_features),
        dp_(static_cast<int>(padded(m.n_features))),
        n_factors_(n_factors_of(m)),
        noise_(m.noise),
        height_(m.noise == Noise::none ? m.n_features : 2 * m.n_features),
        factors_(factors) {
    const std::size_t size = static_cast<std::size_t>(d_) * kRows, one = height_ * stride_of(d_);
    capacity_ = one;
    if (one < kMostKept) capacity_ = n_factors_ * one < kMostKept ? n_factors_ * one : kMostKept;
    const bool noisy = noise_ != Noise::none;
    errors_ = arena.take(numbers_of_noise(noise_, d_) * kRows);
    known_ = arena.take(noisy ? size : 0);
    weighted_ = arena.take(sums ? d_ * stride_of(d_) : 0);
    inverse_squares_ = arena.take(n_factors_ * size);
    log_lengths_ = arena.take(static_cast<std::size_t>(n_factors_) * kRows);
    missing_terms_ = arena.take(kRows);
    columns_ = arena.take(capacity_);
    index_ = reinterpret_cast<int*>(arena.take(size));
    next_index_ = reinterpret_cast<int*>(arena.take(size));
    first_ = reinterpret_cast<int*>(arena.take(d_));
  }

  static int n_factors_of(const Mixture& m) { return m.form == Form::tied ? 1 : m.n_components; }
  // Per factor: the panels of W, the rows of W (d, dp), a row of zeros (dp,)
  static std::size_t factor_size(int d) { return padded(panels_size(d)) + (d + 1) * padded(d); }
  static void pack(const double* factor, int n_features, Real* to) {
    const std::size_t d = n_features, dp = padded(d);
    pack_panels(factor, n_features, to);
    Real* rows = to + padded(panels_size(n_features));
    for (std::size_t i = 0; i <= d; ++i) {
      for (std::size_t j = 0; j < dp; ++j) {
        rows[i * dp + j] = i < d && j >= i && j < d ? static_cast<Real>(factor[i * d + j]) : Real(0);
      }
    }
  }

  int height() const { return height_; }                        // lines of (N; J)
  const Real* missing_terms() const { return missing_terms_; }  // (rows,) log 2 pi / 2 for each missing number
  const Real* log_lengths(int k) const { return log_lengths_ + k * kRows; }  // (rows,) log det R

  // Looks at the rows of a tile (d, rows). Returns whether everything is as in the tile before; if not, `take` must
  // follow, after what depends on the directions so far.
  bool are_those_of(const Real* rows) {
    list_missing(rows);
    if (!held_ || noise_ != Noise::none) return false;
    for (int i = 0; i < d_ * kRows; ++i) {
      if (index_[i] != next_index_[i]) return false;
    }
    return true;
  }

  // Takes the rows of the tile, and the errors of `count` rows from `first` on.
  void take(const Rows& rows, std::size_t first, int count, const Real* tile) {
    int* const before = index_;
    index_ = next_index_;
    next_index_ = before;
    held_ = true;
    decomposed_ = false;
    n_columns_ = noise_ == Noise::none ? 0 : d_;
    for (int n = 0; n < kRows; ++n) {
      int found = 0;
      while (found < d_ && index_[found * kRows + n] < d_) ++found;
      missing_terms_[n] = found * kHalfLog2Pi;
      if (found > n_columns_) n_columns_ = found;
    }
    for (int a = 0; a < n_columns_; ++a) {
      int least = d_;
      for (int n = 0; n < kRows; ++n) least = smaller(least, index_[a * kRows + n]);
      first_[a] = noise_ == Noise::none ? least : d_ - 1 - a;
    }
    keeps_ = n_factors_ * height_ * stride_of(n_columns_) <= capacity_;
    if (noise_ == Noise::none) return;
    const auto numbers = static_cast<int>(numbers_of_noise(noise_, d_));
    load_columns(Rows{rows.noise, Scalar::float64, rows.n_rows, numbers, nullptr, nullptr}, first, count, kRows,
                 errors_);
    for (int i = 0; i < d_ * kRows; i += kLanes) {
      store(known_ + i, select(fetch(tile + i) == fetch(tile + i), broadcast(1.0), Pack{}));
    }
  }

  // Sets the columns of (N; J) for one factor, the first one first.
  void decompose(int k) {
    if (decomposed_ && keeps_) return;
    set_columns(k);
    decomposed_ = k == n_factors_ - 1;
  }

  // Replaces y (height, rows) by the residuals.
  GAUSSMIX_ONCE void remove_from(int k, Real* y) const {
    const Real *columns = columns_of(k), *inverse_squares = inverse_squares_of(k);
    const std::size_t stride = stride_of(n_columns_);
    for (int a = 0; a < n_columns_; ++a) {
      const int first = first_[a], end = end_of(a);
      const Real* column = columns + a * kRows;
      Pack dot[kGroup] = {};
      for (int j = first; j < end; ++j) {
        GAUSSMIX_UNROLL
        for (int t = 0; t < kGroup; ++t) {
          dot[t] += fetch(column + j * stride + t * kLanes) * fetch(y + j * kRows + t * kLanes);
        }
      }
      GAUSSMIX_UNROLL
      for (int t = 0; t < kGroup; ++t) dot[t] *= fetch(inverse_squares + a * kRows + t * kLanes);
      for (int j = first; j < end; ++j) {
        GAUSSMIX_UNROLL
        for (int t = 0; t < kGroup; ++t) {
          Real* to = y + j * kRows + t * kLanes;
          store(to, fetch(to) - dot[t] * fetch(column + j * stride + t * kLanes));
        }
      }
    }
  }

  // Adds the lanes of the lower triangle of sum of weight U U' over the rows.
  GAUSSMIX_ONCE void add_products(int k, const Real* weights, Real* lanes) {
    if (!n_columns_) return;
    if (!keeps_) set_columns(k);
    const std::size_t stride = stride_of(n_columns_);
    const Real *columns = columns_of(k), *inverse_squares = inverse_squares_of(k);
    Real* const weighted = weighted_;
    const int d = d_;
    for (int a = 0; a < n_columns_; ++a) {
      Pack scale[kGroup];
      for (int t = 0; t < kGroup; ++t) {
        scale[t] = fetch(weights + t * kLanes) * fetch(inverse_squares + a * kRows + t * kLanes);
      }
      for (int j = first_[a] / kTall * kTall; j < d; ++j) {
        GAUSSMIX_UNROLL
        for (int t = 0; t < kGroup; ++t) {
          const std::size_t at = j * stride + a * kRows + t * kLanes;
          store(weighted + at, scale[t] * fetch(columns + at));
        }
      }
    }
    add_panels(weighted, columns, static_cast<int>(stride), lanes);
  }

 private:
  static constexpr std::size_t kMostKept = (4 << 20) / sizeof(Real);  // 4 MiB
  static constexpr Real kHalfLog2Pi = 0.91893853320467274178;

  // Between the lines of the columns of a tile: its columns and one pack, because lines at a distance of a power of two
  // would share few lines of the cache.
  static std::size_t stride_of(int n_columns) { return static_cast<std::size_t>(kGroup * n_columns + 1) * kLanes; }
  Real* columns_of(int k) const { return columns_ + (keeps_ ? k * height_ * stride_of(n_columns_) : 0); }
  Real* inverse_squares_of(int k) const { return inverse_squares_ + static_cast<std::size_t>(k) * d_ * kRows; }

  // The missing features of each row, the last one first, then d.
  void list_missing(const Real* rows) {
    int* const index = next_index_;
    for (int i = 0; i < d_ * kRows; ++i) index[i] = d_;
    for (int n = 0; n < kRows; n += kLanes) {
      int found[kLanes] = {};
      for (int j = d_ - 1; j >= 0; --j) {
        const Pack x = fetch(rows + static_cast<std::size_t>(j) * kRows + n);
        for (unsigned bits = at_least(select(x != x, broadcast(1.0), Pack{}), broadcast(1.0)); bits; bits &= bits - 1) {
          const int lane = __builtin_ctz(bits);
          index[found[lane]++ * kRows + n + lane] = j;
        }
      }
    }
  }

  // The columns of (N; J) for one factor, made orthogonal, and the logarithms of their lengths. There are as many as
  // for the row with most; other rows have columns of zeros.
  GAUSSMIX_ONCE void set_columns(int k) {
    const Real* rows = factors_ + k * factor_size(d_) + padded(panels_size(d_));
    Real* columns = columns_of(k);
    for (int a = 0; a < n_columns_; ++a) {
      for (int t = 0; t < kGroup; ++t) {
        Real* column = columns + (static_cast<std::size_t>(a) * kGroup + t) * kLanes;
        if (noise_ == Noise::none) {
          set_missing(rows, index_ + a * kRows + t * kLanes, first_[a], column);
        } else {
          set_error(rows, a, t, column);
        }
      }
    }
    make_orthogonal(columns, inverse_squares_of(k), log_lengths_ + k * kRows);
  }

  // Sets a column of N to the rows of W of the missing features.
  void set_missing(const Real* rows, const int* index, int first, Real* column) {
    const std::size_t stride = stride_of(n_columns_);
    int j = 0;
    for (; j < first / kLanes * kLanes; ++j) store(column + j * stride, Pack{});
    bool equal = true;
    for (int i = 1; i < kLanes; ++i) equal = equal && index[i] == index[0];
    if (equal) {
      const Real* row = rows + static_cast<std::size_t>(index[0]) * dp_;
      for (; j < d_; ++j) store(column + j * stride, broadcast(row[j]));
      return;
    }
    for (; j < d_; j += kLanes) {
      Pack square[kLanes];
      GAUSSMIX_UNROLL
      for (int i = 0; i < kLanes; ++i) square[i] = fetch(rows + static_cast<std::size_t>(index[i]) * dp_ + j);
      transpose(square);
      for (int i = 0; i < smaller(kLanes, d_ - j); ++i) store(column + (j + i) * stride, square[i]);
    }
  }

  // Sets column a of (N; J) to column c = d - 1 - a of W' K, and to 1 in line a of J unless feature c is missing.
  void set_error(const Real* rows, int a, int t, Real* column) {
    const std::size_t stride = stride_of(n_columns_);
    const int c = d_ - 1 - a, n = t * kLanes;
    for (int j = 0; j < c; ++j) store(column + j * stride, Pack{});
    for (int j = c; j < d_; ++j) {
      Pack sum{};
      if (noise_ == Noise::diagonal) {
        sum = fetch(errors_ + static_cast<std::size_t>(c) * kRows + n) * rows[static_cast<std::size_t>(c) * dp_ + j];
      } else {
        for (int i = c; i <= j; ++i) {
          const Pack root = fetch(errors_ + (triangle(i) + c) * kRows + n);
          sum += root * rows[static_cast<std::size_t>(i) * dp_ + j];
        }
      }
      store(column + j * stride, sum);
    }
    for (int i = 0; i < a; ++i) store(column + (d_ + i) * stride, Pack{});
    store(column + (d_ + a) * stride, fetch(known_ + static_cast<std::size_t>(c) * kRows + n));
  }

  // One past the last line of column a that is not zero.
  int end_of(int a) const { return noise_ == Noise::none ? d_ : d_ + a + 1; }

  // Modified Gram-Schmidt.
  void make_orthogonal(Real* columns, Real* inverse_squares, Real* log_length) {
    const std::size_t stride = stride_of(n_columns_);
    Pack log_lengths[kGroup] = {};
    for (int a = 0; a < n_columns_; ++a) {
      const int first = first_[a], count = end_of(a) - first;
      Real* column = columns + a * kRows + first * stride;
      Pack inverse[kGroup], square[kGroup] = {};
      for (int j = 0; j < count; ++j) {
        GAUSSMIX_UNROLL
        for (int t = 0; t < kGroup; ++t) {
          const Pack value = fetch(column + j * stride + t * kLanes);
          square[t] += value * value;
        }
      }
      for (int t = 0; t < kGroup; ++t) {
        const Bits held = square[t] > Pack{};
        const Pack safe = select(held, square[t], broadcast(1.0));
        inverse[t] = select(held, Real(1) / safe, Pack{});
        log_lengths[t] += Real(0.5) * log_positive(safe);
        store(inverse_squares + a * kRows + t * kLanes, inverse[t]);
      }
      int b = a + 1;
      for (; b + 2 <= n_columns_; b += 2) remove<2>(column, b - a, stride, count, inverse);
      for (; b < n_columns_; ++b) remove<1>(column, b - a, stride, count, inverse);
    }
    for (int t = 0; t < kGroup; ++t) store(log_length + t * kLanes, log_lengths[t]);
  }

  // Makes `wide` columns, the first of them `ahead` columns further on, orthogonal to a column.
  template <int wide>
  static GAUSSMIX_INLINE void remove(Real* column, int ahead, std::size_t stride, int count,
                                     const Pack inverse[kGroup]) {
    Real* others = column + ahead * kRows;
    Pack dot[wide][kGroup] = {};
    for (int j = 0; j < count; ++j) {
      GAUSSMIX_UNROLL
      for (int t = 0; t < kGroup; ++t) {
        const Pack value = fetch(column + j * stride + t * kLanes);
        GAUSSMIX_UNROLL
        for (int p = 0; p < wide; ++p) dot[p][t] += value * fetch(others + j * stride + p * kRows + t * kLanes);
      }
    }
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) {
      GAUSSMIX_UNROLL
      for (int t = 0; t < kGroup; ++t) dot[p][t] *= inverse[t];
    }
    for (int j = 0; j < count; ++j) {
      GAUSSMIX_UNROLL
      for (int t = 0; t < kGroup; ++t) {
        const Pack value = fetch(column + j * stride + t * kLanes);
        GAUSSMIX_UNROLL
        for (int p = 0; p < wide; ++p) {
          Real* to = others + j * stride + p * kRows + t * kLanes;
          store(to, fetch(to) - value * dot[p][t]);
        }
      }
    }
  }

  // Like add_outer_columns, without the columns that are zero in all lines of a panel.
  void add_panels(const Real* left, const Real* right, int stride, Real* lanes) const {
    for (int row = 0; row < d_; row += kTall) {
      with_height(d_ - row, [&](auto tall) {
        constexpr int t = decltype(tall)::value;
        int at = 0;
        const auto skip_to = [&](int begin) {
          int a = 0;
          while (a < n_columns_ && first_[a] >= begin + kTall) ++a;
          at = a * kRows;
          return (n_columns_ - a) * kRows;
        };
        for (int first = 0; first < row; first += kTall) {
          const int count = skip_to(first);
          outer_columns_panel<t, false>(left + at, right + at, stride, count, row, first, lanes);
        }
        const int count = skip_to(row);
        outer_columns_panel<t, true>(left + at, right + at, stride, count, row, row, lanes);
      });
    }
  }

  int d_, dp_, n_factors_;
  Noise noise_;
  int height_;
  int n_columns_ = 0;  // of N
  bool held_ = false, keeps_ = false, decomposed_ = false;
  const Real* factors_;
  std::size_t capacity_;
  Real *errors_, *known_;  // (numbers of K, rows) K; (d, rows) 1, or 0 for a missing number
  Real *weighted_, *missing_terms_;
  Real* inverse_squares_;     // per factor (columns, rows) of the lengths of the columns
  Real* log_lengths_;         // per factor (rows,)
  Real* columns_;             // per factor (height, columns, rows): (N; J), orthogonal
  int *index_, *next_index_;  // (columns, rows) the missing features of each row, or d
  int* first_;                // (columns,) the first line that is not zero
};

}  // namespace gaussmix::GAUSSMIX_ISA
