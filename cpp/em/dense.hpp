// Small dense matrices, row-major: Cholesky factors, products, rotations and eigenvalues for M-steps.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "em/constants.hpp"

namespace gaussmix {

// Calls work(d), with a number that the compiler knows if it is small, so that it unrolls the loops.
template <class Work>
auto with_size(int d, const Work& work) {
  switch (d) {
    case 2:
      return work(std::integral_constant<int, 2>{});
    case 3:
      return work(std::integral_constant<int, 3>{});
    case 4:
      return work(std::integral_constant<int, 4>{});
    case 5:
      return work(std::integral_constant<int, 5>{});
    default:
      return work(d);
  }
}

// In four independent sums, which hide the latency of additions.
inline double dot(const double* a, const double* b, std::size_t size) {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= size; i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < size; ++i) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Column by column: the rows of a column do not wait for each other.
template <class Size>
bool find_root_sized(const double* a, Size d, double* l) {
  for (int j = 0; j < d; ++j) {
    for (int i = 0; i < j; ++i) l[i * d + j] = 0.0;
    const double pivot = a[j * d + j] - dot(l + j * d, l + j * d, j);
    if (!(pivot > d * kSingular * a[j * d + j]) || !std::isfinite(pivot)) return false;
    const double diagonal = l[j * d + j] = std::sqrt(pivot);
    for (int i = j + 1; i < d; ++i) l[i * d + j] = (a[i * d + j] - dot(l + i * d, l + j * d, j)) / diagonal;
  }
  return true;
}

// Lower triangular L with L L' = a, both (d, d); only the lower triangle of a is read. False if a pivot is rounding.
inline bool find_root(const double* a, int d, double* l) {
  return with_size(d, [&](auto size) { return find_root_sized(a, size, l); });
}

template <class Size>
void invert_transposed_sized(const double* l, Size d, double* w) {
  std::fill(w, w + d * d, 0.0);
  for (int i = 0; i < d; ++i) {  // column j of inverse(L) is row j of W
    const double diagonal = l[i * d + i];
    for (int j = 0; j < i; ++j) w[j * d + i] = -dot(l + i * d + j, w + j * d + j, i - j) / diagonal;
    w[i * d + i] = 1.0 / diagonal;
  }
}

// W = inverse(L)', upper triangular.
inline void invert_transposed(const double* l, int d, double* w) {
  return with_size(d, [&](auto size) { return invert_transposed_sized(l, size, w); });
}

template <class Size>
void turn_sized(const double* q, const double* a, Size d, double* room, double* to) {
  std::fill(room, room + d * d, 0.0);
  for (int i = 0; i < d; ++i) {
    for (int p = 0; p < d; ++p) {
      const double factor = a[i * d + p];
      for (int j = 0; j < d; ++j) room[i * d + j] += factor * q[p * d + j];
    }
  }
  std::fill(to, to + d * d, 0.0);
  for (int p = 0; p < d; ++p) {
    for (int i = 0; i < d; ++i) {
      const double factor = q[p * d + i];
      for (int j = i; j < d; ++j) to[i * d + j] += factor * room[p * d + j];
    }
  }
  for (int i = 0; i < d; ++i) {
    for (int j = 0; j < i; ++j) to[i * d + j] = to[j * d + i];
  }
}

// to = q' a q for symmetric a; room is (d, d).
inline void turn(const double* q, const double* a, int d, double* room, double* to) {
  return with_size(d, [&](auto size) { return turn_sized(q, a, size, room, to); });
}

template <class Size>
void color_sized(const double* l, const double* a, Size d, double* room, double* to) {
  for (int i = 0; i < d; ++i) {
    for (int j = 0; j <= i; ++j) to[i * d + j] = to[j * d + i] = a[i * d + j];
  }
  for (int i = 0; i < d; ++i) {
    double* line = room + i * d;
    std::fill(line, line + d, 0.0);
    for (int p = 0; p <= i; ++p) {
      const double factor = l[i * d + p];
      for (int j = 0; j <= i; ++j) line[j] += factor * to[p * d + j];
    }
  }
  for (int i = 0; i < d; ++i) {
    for (int j = 0; j <= i; ++j) to[i * d + j] = to[j * d + i] = dot(room + i * d, l + j * d, j + 1);
  }
}

// to = l a l' for lower triangular l and symmetric a, of which only the lower triangle is read; room is (d, d).
inline void color(const double* l, const double* a, int d, double* room, double* to) {
  return with_size(d, [&](auto size) { return color_sized(l, a, size, room, to); });
}

// Rotates the vectors x and y by the angle with this cosine and sine.
inline void rotate(double* x, double* y, std::size_t size, double cosine, double sine) {
  for (std::size_t i = 0; i < size; ++i) {
    const double before = x[i];
    x[i] = cosine * before + sine * y[i];
    y[i] = cosine * y[i] - sine * before;
  }
}

inline void transpose_square(double* a, int d) {
  for (int i = 0; i < d; ++i) {
    for (int j = 0; j < i; ++j) std::swap(a[i * d + j], a[j * d + i]);
  }
}

template <class Size>
void diagonalize_sized(double* a, Size d, double* q, double tolerance) {
  transpose_square(q, d);
  tolerance = std::max(tolerance, kEpsilon);
  for (int sweep = 0; sweep < 60; ++sweep) {
    bool rotated = false;
    double trace = 0.0;
    for (int i = 0; i < d; ++i) trace += std::abs(a[i * d + i]);
    for (int i = 0; i + 1 < d; ++i) {
      for (int j = i + 1; j < d; ++j) {
        const double off = a[i * d + j], p = a[i * d + i], r = a[j * d + j];
        if (!(std::abs(off) > tolerance * (std::sqrt(std::abs(p * r)) + kEpsilon * trace))) continue;
        rotated = true;
        const double ratio = (r - p) / (2 * off);
        const double tangent = (ratio < 0 ? 1.0 : -1.0) / (std::abs(ratio) + std::sqrt(1 + ratio * ratio));
        const double cosine = 1 / std::sqrt(1 + tangent * tangent), sine = tangent * cosine;
        const auto turn = [&](double& x, double& y) { rotate(&x, &y, 1, cosine, sine); };
        for (int t = 0; t < i; ++t) turn(a[t * d + i], a[t * d + j]);
        for (int t = i + 1; t < j; ++t) turn(a[i * d + t], a[t * d + j]);
        for (int t = j + 1; t < d; ++t) turn(a[i * d + t], a[j * d + t]);
        a[i * d + i] = p + tangent * off, a[j * d + j] = r - tangent * off, a[i * d + j] = 0.0;
        rotate(q + i * d, q + j * d, d, cosine, sine);
      }
    }
    if (!rotated) break;
  }
  for (int i = 0; i + 1 < d; ++i) {
    int greatest = i;
    for (int j = i + 1; j < d; ++j) {
      if (a[j * d + j] > a[greatest * d + greatest]) greatest = j;
    }
    if (greatest == i) continue;
    std::swap(a[i * d + i], a[greatest * d + greatest]);
    std::swap_ranges(q + i * d, q + (i + 1) * d, q + greatest * d);
  }
  transpose_square(q, d);
}

// Diagonalizes the symmetric a, of which only the upper triangle is read, by Jacobi rotations, greatest first, and
// applies them to the columns of q. A number off the diagonal ends below the tolerance times the geometric mean of the
// two diagonal numbers in its row and column (Golub and Van Loan, Matrix Computations (2013), 8.5).
inline void diagonalize(double* a, int d, double* q, double tolerance) {
  return with_size(d, [&](auto size) { return diagonalize_sized(a, size, q, tolerance); });
}

inline void set_identity(double* q, int d) {
  std::fill(q, q + d * d, 0.0);
  for (int i = 0; i < d; ++i) q[i * d + i] = 1.0;
}

template <class Size>
bool make_orthonormal_sized(double* q, Size d) {
  for (int j = 0; j < d; ++j) {
    for (int pass = 0; pass < 2; ++pass) {
      for (int before = 0; before < j; ++before) {
        double dot = 0.0;
        for (int p = 0; p < d; ++p) dot += q[p * d + before] * q[p * d + j];
        for (int p = 0; p < d; ++p) q[p * d + j] -= dot * q[p * d + before];
      }
      double square = 0.0;
      for (int p = 0; p < d; ++p) square += q[p * d + j] * q[p * d + j];
      if (!(square > 1e-20) || !std::isfinite(square)) return false;
      const double scale = 1 / std::sqrt(square);
      for (int p = 0; p < d; ++p) q[p * d + j] *= scale;
    }
  }
  return true;
}

// Makes the columns of q orthonormal again (Gram and Schmidt, twice is enough). False if they are dependent.
inline bool make_orthonormal(double* q, int d) {
  return with_size(d, [&](auto size) { return make_orthonormal_sized(q, size); });
}

}  // namespace gaussmix
