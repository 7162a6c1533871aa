// Rows with missing values or measurement errors, under full or tied covariances: a lane is a row.
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
#include "kernels/form.hpp"

namespace gaussmix::GAUSSMIX_ISA {

class Incomplete final : public FormKernel {
 public:
  Incomplete(const Mixture& m, const Real* packed, Arena& arena, bool sums)
      : FormKernel(kRows, m.n_components, arena),
        d_(m.n_features),
        dp_(static_cast<int>(padded(m.n_features))),
        n_components_(m.n_components),
        n_factors_(m.form == Form::tied ? 1 : m.n_components),
        sums_(sums),
        noise_(m.noise),
        height_(m.noise == Noise::none ? m.n_features : 2 * m.n_features),
        packed_(packed) {
    const std::size_t size = static_cast<std::size_t>(d_) * kRows, one = height_ * stride_of(d_);
    capacity_ = one;
    if (sums && one < kKeptColumns) capacity_ = n_factors_ * one < kKeptColumns ? n_factors_ * one : kKeptColumns;
    columns_ = arena.take(size);
    filled_ = arena.take(size);
    errors_ = arena.take(noise_ == Noise::none ? 0 : numbers_of_noise(noise_, d_) * kRows);
    missing_terms_ = arena.take(kRows);
    squares_ = arena.take(kRows);
    log_lengths_ = arena.take(kRows);
    weighted_ = arena.take(sums ? d_ * stride_of(d_) : 0);
    weights_ = arena.take(2 * kRows);
    inverse_squares_ = arena.take(static_cast<std::size_t>(n_factors_) * size);
    residuals_ = arena.take((sums ? n_components_ : 1) * static_cast<std::size_t>(height_) * kRows);
    uninformed_ = arena.take(capacity_);
    index_ = reinterpret_cast<int*>(arena.take(size));
    first_ = reinterpret_cast<int*>(arena.take(d_));
    const std::size_t all_lanes = (n_components_ * d_ + n_factors_ * triangle(d_)) * kLanes;
    lanes_ = arena.take(sums ? all_lanes : 0);
    if (sums && lanes_) {
      for (std::size_t i = 0; i < all_lanes; ++i) lanes_[i] = 0.0;
    }
  }

  // (k,) offsets | means (k, d) | per factor: the panels of W, the rows of W (d, dp), a row of zeros (dp,)
  static std::size_t packed_size(const Mixture& m) {
    const int n_factors = m.form == Form::tied ? 1 : m.n_components;
    return padded(m.n_components) + padded(m.n_components * m.n_features) + n_factors * factor_size(m.n_features);
  }
  static void pack(const Mixture& m, Real* to) {
    const std::size_t d = m.n_features, dp = padded(d);
    for (int k = 0; k < m.n_components; ++k) to[k] = static_cast<Real>(m.offsets[k]);
    to += padded(m.n_components);
    for (std::size_t i = 0; i < m.n_components * d; ++i) to[i] = static_cast<Real>(m.means[i]);
    to += padded(m.n_components * d);
    const int n_factors = m.form == Form::tied ? 1 : m.n_components;
    for (int k = 0; k < n_factors; ++k, to += factor_size(m.n_features)) {
      const double* factor = m.factors + k * d * d;
      pack_panels(factor, m.n_features, to);
      Real* rows = to + padded(panels_size(m.n_features));
      for (std::size_t i = 0; i <= d; ++i) {
        for (std::size_t j = 0; j < dp; ++j) {
          rows[i * dp + j] = i < d && j >= i && j < d ? static_cast<Real>(factor[i * d + j]) : Real(0);
        }
      }
    }
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    load_columns(rows, first, count, kRows, columns_);
    if (noise_ != Noise::none) {
      const auto numbers = static_cast<int>(numbers_of_noise(noise_, d_));
      load_columns(Rows{rows.noise, Scalar::float64, rows.n_rows, numbers, nullptr, nullptr}, first, count, kRows,
                   errors_);
    }
    find_missing();
    keeps_ = n_factors_ * component_size() <= capacity_;
  }

  void score() override {
    for (int k = 0; k < n_components_; ++k) {
      if (k < n_factors_) decompose(k);
      find_residuals(k);
      for (int n = 0; n < kRows; n += kLanes) {
        const Pack score = score_of(packed_[k], fetch(squares_ + n));
        store(tile.of(k) + n, score + (fetch(missing_terms_ + n) - fetch(log_lengths_ + n)));
      }
    }
  }

  void add(const Partial& partial) override {
    for (int n = 0; n < kRows; n += kLanes) store(weights_ + kRows + n, Pack{});
    for (int k = 0; k < n_components_; ++k) {
      const bool any = find_weights(k, partial.counts[k]);
      if (!any) continue;
      add_residuals(k);
      if (n_factors_ > 1 || n_components_ == 1) add_covariances(k, weights_);
    }
    if (n_factors_ == 1 && n_components_ > 1) add_covariances(0, weights_ + kRows);
  }

  void finish(const Partial& partial) override {
    for (int k = 0; k < n_components_; ++k) {
      add_sums(shift_lanes(k), d_, partial.shifts + static_cast<std::size_t>(k) * dp_);
    }
    for (int k = 0; k < n_factors_; ++k) {
      for (int i = 0; i < d_; ++i) {
        add_sums(scatter_lanes(k) + triangle(i) * kLanes, i + 1,
                 partial.scatter + (static_cast<std::size_t>(k) * dp_ + i) * dp_);
      }
    }
  }

 private:
  static constexpr int kRows = kGroup * kLanes;
  static constexpr std::size_t kKeptColumns = (2 << 20) / sizeof(Real);  // 2 MiB
  static constexpr Real kHalfLog2Pi = 0.91893853320467274178;

  static std::size_t factor_size(int d) { return padded(panels_size(d)) + (d + 1) * padded(d); }
  // Between the lines of the columns of a tile: its columns and one pack, because lines at a distance of a power of two
  // would share few lines of the cache.
  static std::size_t stride_of(int n_columns) { return static_cast<std::size_t>(kGroup * n_columns + 1) * kLanes; }
  std::size_t component_size() const { return height_ * stride_of(n_columns_); }

  const Real* mean(int k) const { return packed_ + padded(n_components_) + static_cast<std::size_t>(k) * d_; }
  const Real* panels(int k) const {
    const int factor = n_factors_ == 1 ? 0 : k;
    return packed_ + padded(n_components_) + padded(n_components_ * d_) + factor * factor_size(d_);
  }
  Real* columns_of(int k) const { return uninformed_ + (keeps_ && n_factors_ > 1 ? k * component_size() : 0); }
  Real* inverse_squares_of(int k) const {
    return inverse_squares_ + (n_factors_ > 1 ? static_cast<std::size_t>(k) * d_ * kRows : 0);
  }
  Real* residuals_of(int k) const { return residuals_ + (sums_ ? k * static_cast<std::size_t>(height_) * kRows : 0); }
  Real* shift_lanes(int k) const { return lanes_ + static_cast<std::size_t>(k) * d_ * kLanes; }
  Real* scatter_lanes(int k) const {
    const std::size_t shifts = static_cast<std::size_t>(n_components_) * d_;
    return lanes_ + (shifts + (n_factors_ > 1 ? k * triangle(d_) : 0)) * kLanes;
  }

  // Lists the missing features of each row, the last one first. Their number, and that of the columns of N, is that of
  // the row with most; other rows have columns of zeros.
  void find_missing() {
    n_columns_ = noise_ == Noise::none ? 0 : d_;
    for (int i = 0; i < d_ * kRows; ++i) index_[i] = d_;
    for (int n = 0; n < kRows; n += kLanes) {
      int found[kLanes] = {};
      for (int j = d_ - 1; j >= 0; --j) {
        const Pack x = fetch(columns_ + static_cast<std::size_t>(j) * kRows + n);
        for (unsigned bits = at_least(select(x != x, broadcast(1.0), Pack{}), broadcast(1.0)); bits; bits &= bits - 1) {
          const int lane = __builtin_ctz(bits);
          index_[found[lane]++ * kRows + n + lane] = j;
        }
      }
      for (int i = 0; i < kLanes; ++i) {
        missing_terms_[n + i] = found[i] * kHalfLog2Pi;
        if (noise_ == Noise::none && found[i] > n_columns_) n_columns_ = found[i];
      }
    }
    for (int a = 0; a < n_columns_; ++a) {
      int least = d_;
      for (int n = 0; n < kRows; ++n) least = smaller(least, index_[a * kRows + n]);
      first_[a] = noise_ == Noise::none ? least : d_ - 1 - a;
    }
  }

  // The columns of (N; J) for one factor, made orthogonal, and the logarithms of their lengths.
  GAUSSMIX_ONCE void decompose(int k) {
    const Real* rows = panels(k) + padded(panels_size(d_));
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
    make_orthogonal(columns, inverse_squares_of(k));
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
    const Pack x = fetch(columns_ + static_cast<std::size_t>(c) * kRows + n);
    for (int i = 0; i < a; ++i) store(column + (d_ + i) * stride, Pack{});
    store(column + (d_ + a) * stride, select(x == x, broadcast(1.0), Pack{}));
  }

  // One past the last line of column a that is not zero.
  int end_of(int a) const { return noise_ == Noise::none ? d_ : d_ + a + 1; }

  // Modified Gram-Schmidt.
  void make_orthogonal(Real* columns, Real* inverse_squares) {
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
    for (int t = 0; t < kGroup; ++t) store(log_lengths_ + t * kLanes, log_lengths[t]);
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

  // The residuals of a component and their squared lengths.
  GAUSSMIX_ONCE void find_residuals(int k) {
    const Real *center = mean(k), *columns = columns_of(k), *inverse_squares = inverse_squares_of(k);
    Real *const y = residuals_of(k), *const filled = filled_;
    for (int j = 0, d = d_; j < d; ++j) {
      for (int n = 0; n < kRows; n += kLanes) {
        const Pack x = fetch(columns_ + static_cast<std::size_t>(j) * kRows + n);
        store(filled + static_cast<std::size_t>(j) * kRows + n, select(x == x, x, broadcast(center[j])));
      }
    }
    whiten_columns(filled, kRows, kRows, center, panels(k), d_, y, squares_);
    for (int i = d_ * kRows; i < height_ * kRows; i += kLanes) store(y + i, Pack{});
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
    measure_residuals(y);
  }

  // Residuals that are not finite become zero: the score tells that the row is infinitely far.
  void measure_residuals(Real* y) {
    for (int n = 0; n < kRows; n += kLanes) {
      Pack square{};
      for (int j = 0; j < height_; ++j) square += fetch(y + j * kRows + n) * fetch(y + j * kRows + n);
      store(squares_ + n, square);
      const Bits finite = square < broadcast(kInfinity);
      if (at_least(select(finite, Pack{}, broadcast(-1)), Pack{}) == (1u << kLanes) - 1) continue;
      for (int j = 0; j < height_; ++j) store(y + j * kRows + n, select(finite, fetch(y + j * kRows + n), Pack{}));
    }
  }

  // Sets weights_ to the weighted responsibilities, and adds them to the count and to the sum over all components.
  // Returns whether any row has a share.
  bool find_weights(int k, double& count) {
    Pack total{};
    unsigned any = 0;
    for (int n = 0; n < kRows; n += kLanes) {
      const Pack r = fetch(tile.of(k) + n) * fetch(tile.normal + n);
      const Pack w = select(r >= broadcast(kNegligible), r * fetch(tile.weight + n), Pack{});
      any |= at_least(r, broadcast(kNegligible));
      store(weights_ + n, w);
      store(weights_ + kRows + n, fetch(weights_ + kRows + n) + w);
      total += w;
    }
    count += sum_lanes(total);
    return any != 0;
  }

  GAUSSMIX_ONCE void add_residuals(int k) {
    const Real *y = residuals_of(k), *weights = weights_;
    Real *const shifts = shift_lanes(k), *const weighted = weighted_;
    for (int j = 0, d = d_; j < d; ++j) {
      Pack sum = fetch(shifts + j * kLanes);
      for (int n = 0; n < kRows; n += kLanes) {
        const Pack value = fetch(weights + n) * fetch(y + j * kRows + n);
        store(weighted + j * kRows + n, value);
        sum += value;
      }
      store(shifts + j * kLanes, sum);
    }
    add_outer_columns(weighted_, y, kRows, kRows, d_, scatter_lanes(k));
  }

  // scatter += weight U U'
  GAUSSMIX_ONCE void add_covariances(int k, const Real* weights) {
    if (!n_columns_) return;
    if (!keeps_) decompose(k);
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
    add_outer_products(columns, static_cast<int>(stride), scatter_lanes(k));
  }

  // Like add_outer_columns, without the columns that are zero in all lines of a panel.
  void add_outer_products(const Real* columns, int stride, Real* lanes) {
    for (int row = 0; row < d_; row += kTall) {
      with_height(d_ - row, [&](auto tall) {
        constexpr int t = decltype(tall)::value;
        int a = 0;
        const auto skip_to = [&](int begin) {
          for (a = 0; a < n_columns_ && first_[a] >= begin + kTall;) ++a;
          return (n_columns_ - a) * kRows;
        };
        for (int first = 0; first < row; first += kTall) {
          const int count = skip_to(first);
          outer_columns_panel<t, false>(weighted_ + a * kRows, columns + a * kRows, stride, count, row, first, lanes);
        }
        const int count = skip_to(row);
        outer_columns_panel<t, true>(weighted_ + a * kRows, columns + a * kRows, stride, count, row, row, lanes);
      });
    }
  }

  int d_, dp_, n_components_, n_factors_;
  bool sums_;
  Noise noise_;
  int height_;         // lines of (N; J)
  int n_columns_ = 0;  // of N, in this tile
  bool keeps_ = false;
  const Real* packed_;
  std::size_t capacity_;
  Real *columns_, *filled_, *errors_;  // (d or numbers of K, rows) the rows, with means for missing numbers; K
  Real *missing_terms_, *squares_, *log_lengths_, *weights_, *weighted_;
  Real* inverse_squares_;  // per factor (columns, rows) of the lengths of the columns
  Real* residuals_;        // per component (height, rows)
  Real* uninformed_;       // per factor (height, columns, rows): (N; J), orthogonal
  int* index_;             // (columns, rows) the missing features of each row, or d
  int* first_;             // (columns,) the first line that is not zero
  Real* lanes_;            // sums: shifts (k, d) | lower triangles of scatter
};

}  // namespace gaussmix::GAUSSMIX_ISA
