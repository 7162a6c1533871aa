// Sums of whitened rows and of their outer products: column-major tiles, a lane is a row. The rows of a component
// are collected until there are enough for one update of its sums; the lanes are added once per block.
#pragma once

#include "kernels/columns.hpp"
#include "kernels/softmax.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// A kernel has whiten(k, rows, stride, count, use), which whitens the first `count` of some rows, given by columns that
// are `stride` numbers apart, calls use(j, y_of) for every column, with y_of(n) the packs of y, and returns y.
class ColumnSums {
 public:
  ColumnSums(int d, int n_components, int size, bool sums, Arena& arena)
      : d_(d), n_components_(n_components), size_(size), stride_(stride_of(size)) {
    const std::size_t all_lanes = n_components * component_lanes();
    waits_ = n_components * waiting_size() <= kMostWaiting;
    waiting_ = arena.take(sums ? (waits_ ? n_components : 1) * waiting_size() : 0);
    weighted_ = arena.take(sums ? static_cast<std::size_t>(d) * stride_ : 0);
    lanes_ = arena.take(sums ? all_lanes : 0);
    n_waiting_ = reinterpret_cast<int*>(arena.take(n_components));
    if (sums && lanes_) {
      for (std::size_t i = 0; i < all_lanes; ++i) lanes_[i] = 0.0;
      for (int k = 0; k < n_components; ++k) n_waiting_[k] = 0;
    }
  }

  // The stride between columns of collected rows: one pack more than in a tile.
  static int stride_of(int size) { return size + kLanes; }

  // Adds the rows of a tile in which component k has a share. `finite`: whether all numbers of the tile are. The last
  // tile may be smaller than the others.
  template <class Kernel>
  GAUSSMIX_ONCE void add(int k, const Survivors& survivors, bool finite, const Real* rows, int size, Kernel& kernel) {
    if (!survivors.count) return;
    // Rows without a share may be included if they are few; they add zero if their numbers are finite.
    if (finite && 8 * survivors.count >= 7 * size_) {
      add_rows(k, survivors.weighted, rows, size, size, kernel);
      return;
    }
    if (n_waiting_[k] + survivors.count > size_) add_waiting(k, kernel);
    Real* to = waiting(k) + n_waiting_[k];
    choose(survivors, survivors.weighted, size, 1, to);
    choose(survivors, rows, size, d_, to + stride_);
    n_waiting_[k] += survivors.count;
    if (!waits_) add_waiting(k, kernel);
  }

  template <class Kernel>
  void finish(const Partial& partial, Kernel& kernel) {
    const std::size_t dp = padded(d_);
    for (int k = 0; k < n_components_; ++k) {
      add_waiting(k, kernel);
      const Real* lanes = lanes_ + k * component_lanes();
      add_sums(lanes, d_, partial.shifts + k * dp);
      lanes += static_cast<std::size_t>(d_) * kLanes;
      for (int i = 0; i < d_; ++i) {
        add_sums(lanes, i + 1, partial.scatter + (k * dp + i) * dp);
        lanes += static_cast<std::size_t>(i + 1) * kLanes;
      }
    }
  }

 private:
  static constexpr std::size_t kMostWaiting = (4 << 20) / sizeof(Real);  // 4 MiB

  std::size_t component_lanes() const { return (d_ + triangle(d_)) * kLanes; }
  // One column of weights, then the columns of the rows.
  std::size_t waiting_size() const { return static_cast<std::size_t>(1 + d_) * stride_; }
  Real* waiting(int k) const { return waiting_ + (waits_ ? k * waiting_size() : 0); }

  // Copies the rows that have a share, for some columns.
  GAUSSMIX_ONCE void choose(const Survivors& survivors, const Real* from, int size, int n_columns, Real* to) const {
    for (int j = 0; j < n_columns; ++j, from += size, to += stride_) {
      if (!kCompresses || 4 * survivors.count < size) {
        for (int s = 0; s < survivors.count; ++s) to[s] = from[survivors.index[s]];
        store(to + survivors.count, Pack{});  // up to the end of the last pack
        continue;
      }
      Real* next = to;
      for (int n = 0; n < size; n += kLanes) {
        const unsigned bits = survivors.bits_of_pack[n / kLanes];
        if (bits) next += compress(fetch(from + n), bits, next);
      }
      store(next, Pack{});
    }
  }

  template <class Kernel>
  GAUSSMIX_ONCE void add_waiting(int k, Kernel& kernel) {
    const int count = n_waiting_[k];
    if (!count) return;
    n_waiting_[k] = 0;
    add_rows(k, waiting(k), waiting(k) + stride_, stride_, count, kernel);
  }

  template <class Kernel>
  GAUSSMIX_ONCE void add_rows(int k, const Real* weight, const Real* rows, int stride, int count, Kernel& kernel) {
    Real* lanes = lanes_ + k * component_lanes();
    const Real* y = kernel.whiten(k, rows, stride, count, [&](int j, auto y_of) {
      Real* weighted = weighted_ + static_cast<std::size_t>(j) * stride;
      Pack sum = fetch(lanes + j * kLanes);
      for (int n = 0; n < count; n += kLanes) {
        const Pack value = fetch(weight + n) * y_of(n);
        store(weighted + n, value);
        sum += value;
      }
      store(lanes + j * kLanes, sum);
    });
    add_outer_columns(weighted_, y, stride, count, d_, lanes + static_cast<std::size_t>(d_) * kLanes);
  }

  int d_, n_components_, size_, stride_;
  bool waits_;
  Real *waiting_, *weighted_, *lanes_;
  int* n_waiting_;
};

}  // namespace gaussmix::GAUSSMIX_ISA
