// Full covariances in more than 96 dimensions: factors and scatters do not fit in cache, so many rows are multiplied by
// one panel at a time. If a block needs little memory, each thread has blocks of its own (pass.cpp). Otherwise the
// threads share the components of one block. Each sum is made by one thread, row by row.
#pragma once

#include "kernels/form.hpp"
#include "kernels/tails.hpp"
#include "kernels/whiten.hpp"
#include "threads.hpp"

namespace gaussmix::GAUSSMIX_ISA {

inline constexpr int kPanel = kAcross * kLanes;  // columns of a panel of W

// Numbers in the panels of an upper triangular factor: for each panel its rows down to the diagonal, kPanel numbers
// each.
GAUSSMIX_ONCE std::size_t wide_panels_size(int d) {
  std::size_t size = 0;
  for (int first = 0; first < d; first += kPanel) size += static_cast<std::size_t>(smaller(d, first + kPanel)) * kPanel;
  return size;
}

// Interleaves kHigh rows minus the mean: (dp, kHigh).
GAUSSMIX_ONCE void interleave_rows(const Real* const rows[kHigh], const Real* mean, int dp, Real* to) {
  for (int i = 0; i < dp; i += kLanes) {
    const Pack center = fetch(mean + i);
    for (int r = 0; r < kHigh; r += kLanes) {
      Pack square[kLanes];
      GAUSSMIX_UNROLL
      for (int l = 0; l < kLanes; ++l) square[l] = fetch(rows[r + l] + i) - center;
      transpose(square);
      GAUSSMIX_UNROLL
      for (int l = 0; l < kLanes; ++l) store(to + static_cast<std::size_t>(i + l) * kHigh + r, square[l]);
    }
  }
}

// squares[r] and y for kHigh interleaved rows and one panel of W. y is kept as packs of columns,
// `y_step` numbers apart.
template <int wide>
GAUSSMIX_INLINE void whiten_wide_panel(const Real* x, const Real* panel, int depth, Real* y, std::size_t y_step,
                                       Pack squares[kHigh]) {
  Pack sum[kHigh][wide] = {};
  for (int i = 0; i < depth; ++i, x += kHigh, panel += kPanel) {
    Pack line[wide];
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) line[p] = fetch(panel + p * kLanes);
    GAUSSMIX_UNROLL
    for (int r = 0; r < kHigh; ++r) {
      const Pack value = broadcast(x[r]);
      GAUSSMIX_UNROLL
      for (int p = 0; p < wide; ++p) sum[r][p] += value * line[p];
    }
  }
  GAUSSMIX_UNROLL
  for (int r = 0; r < kHigh; ++r) {
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) {
      if (y) store(y + p * y_step + r * kLanes, sum[r][p]);
      squares[r] += sum[r][p] * sum[r][p];
    }
  }
}

// scatter[row:row + kHigh, first:first + wide packs] += sum over rows of left' right, both kept as packs of columns.
template <int wide>
GAUSSMIX_INLINE void outer_wide_panel(const Real* left, const Real* right, int count, std::size_t step, int dp,
                                      double* scatter) {
  Pack sum[kHigh][wide] = {};
  for (int s = 0; s < count; ++s, left += kLanes, right += kLanes) {
    Pack line[wide];
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) line[p] = fetch(right + p * step);
    GAUSSMIX_UNROLL
    for (int r = 0; r < kHigh; ++r) {
      const Pack value = broadcast(left[r / kLanes * step + r % kLanes]);
      GAUSSMIX_UNROLL
      for (int p = 0; p < wide; ++p) sum[r][p] += value * line[p];
    }
  }
  GAUSSMIX_UNROLL
  for (int r = 0; r < kHigh; ++r) {
    GAUSSMIX_UNROLL
    for (int p = 0; p < wide; ++p) add_to(scatter + static_cast<std::size_t>(r) * dp + p * kLanes, sum[r][p]);
  }
}

class Wide final : public FormKernel {
 public:
  static constexpr int kChunk = 64;  // rows that are multiplied by one panel after the other

  // To score rows.
  Wide(const Mixture& m, const Real* packed, Arena& arena, bool) : Wide(m, packed, arena, 4 * kChunk, false) {
    scratch_ = arena.take(static_cast<std::size_t>(kChunk) * dp_);
  }

  // To sum over blocks of `size` rows. Whitened rows are kept until their responsibilities are known. If they are too
  // many, the rows that have a share are whitened again.
  Wide(const Mixture& m, const Real* packed, Arena& arena, int size, bool sums)
      : FormKernel(size, m, arena),
        d_(m.n_features),
        dp_(static_cast<int>(padded(m.n_features))),
        n_components_(m.n_components),
        packed_(packed) {
    const std::size_t area = static_cast<std::size_t>(size) * dp_;
    rows_ = arena.take(area);
    keeps_ = sums && area * n_components_ <= kMostKept;
    whitened_ = keeps_ ? arena.take(area * n_components_) : nullptr;
  }

  // (k,) offsets | per component: mean (dp,), the panels of W
  static std::size_t packed_size(const Mixture& m) {
    return padded(m.n_components) +
           static_cast<std::size_t>(m.n_components) * (padded(m.n_features) + wide_panels_size(m.n_features));
  }
  static void pack(const Mixture& m, Real* to) {
    const std::size_t d = m.n_features;
    for (int k = 0; k < m.n_components; ++k) to[k] = static_cast<Real>(m.offsets[k]);
    to += padded(m.n_components);
    for (int k = 0; k < m.n_components; ++k) {
      for (std::size_t j = 0; j < d; ++j) to[j] = static_cast<Real>(m.means[k * d + j]);
      to += padded(d);
      for (std::size_t first = 0; first < d; first += kPanel) {
        for (std::size_t i = 0; i < d && i < first + kPanel; ++i, to += kPanel) {
          for (std::size_t j = first < i ? i : first; j < d && j < first + kPanel; ++j) {
            to[j - first] = static_cast<Real>(m.factors[(k * d + i) * d + j]);
          }
        }
      }
    }
  }

  void load(const Rows& rows, std::size_t first, int count) override {
    loaded_ = (count + kChunk - 1) / kChunk * kChunk;
    load_rows(rows, first, count, loaded_, rows_);
  }
  void load_chunk(const Rows& rows, std::size_t first, int count, int begin) {
    const int left = count - begin;
    load_rows(rows, first + begin, left < kChunk ? left : kChunk, kChunk,
              rows_ + static_cast<std::size_t>(begin) * dp_);
  }

  void score() override {
    for (int k = 0; k < n_components_; ++k) {
      for (int n = 0; n < loaded_; n += kChunk) score_chunk(k, n, scratch_);
    }
  }
  void add(const Partial&) override {}  // accumulate_wide does
  void score_chunk(int k, int begin, Real* interleaved) {
    const Real* rows[kChunk];
    for (int n = 0; n < kChunk; ++n) rows[n] = rows_ + static_cast<std::size_t>(begin + n) * dp_;
    Real* scores = tile.of(k) + begin;
    Real* y = keeps_ ? whitened(k) + static_cast<std::size_t>(begin) * kLanes : nullptr;
    whiten_chunk(k, rows, interleaved, y, scores);
    for (int n = 0; n < kChunk; n += kLanes) store(scores + n, score_of(packed_[k], fetch(scores + n)));
  }

  // The buffers of one thread.
  struct Thread {
    Real *interleaved, *left, *right, *unused;
    Survivors survivors;

    Thread(const Wide& wide, Arena& arena)
        : interleaved(arena.take(static_cast<std::size_t>(kChunk) * wide.dp_)),
          left(arena.take(static_cast<std::size_t>(wide.tile.size) * wide.dp_)),
          right(arena.take(static_cast<std::size_t>(wide.tile.size) * wide.dp_)),
          unused(arena.take(kChunk)),
          survivors(wide.tile.size, arena) {}
  };

  // Adds one of `n_parts` parts of the scatter of a component. The first part adds the counts and shifts too.
  GAUSSMIX_ONCE void add_part(int k, int part, int n_parts, Thread& thread, const Partial& partial) {
    Survivors& survivors = thread.survivors;
    const double total = survivors.find(tile, k);
    if (!survivors.count) return;
    keeps_ ? gather(whitened(k), survivors, thread.right) : whiten_survivors(k, thread);
    double* shift = partial.shifts + static_cast<std::size_t>(k) * dp_;
    const std::size_t step = static_cast<std::size_t>(tile.size) * kLanes;
    for (int first = 0; first < dp_; first += kLanes) {
      const Real* from = thread.right + first / kLanes * step;
      Real* to = thread.left + first / kLanes * step;
      Pack sum{};
      for (int s = 0; s < survivors.count; ++s) {
        const Pack weighted = survivors.weighted[survivors.index[s]] * fetch(from + s * kLanes);
        store(to + s * kLanes, weighted);
        sum += weighted;
      }
      if (part == 0) add_to(shift + first, sum);
    }
    if (part == 0) partial.counts[k] += total;
    double* scatter = partial.scatter + static_cast<std::size_t>(k) * dp_ * dp_;
    // A panel of the right side stays in cache while the left side is read.
    for (int first = 0; first < d_; first += kPanel) {
      const Real* right = thread.right + first / kLanes * step;
      for (int row = first / kHigh * kHigh; row < d_; row += kHigh) {
        if (row / kHigh % n_parts != part) continue;
        const int end = static_cast<int>((row + kHigh + kLanes - 1) / kLanes * kLanes);
        with_packs(smaller(kAcross, (end - first) / kLanes), [&](auto packs) {
          outer_wide_panel<decltype(packs)::value>(thread.left + row / kLanes * step, right, survivors.count, step, dp_,
                                                   scatter + static_cast<std::size_t>(row) * dp_ + first);
        });
      }
    }
  }

 private:
  static constexpr std::size_t kMostKept = std::size_t{1} << 22;  // doubles: 32 MiB

  Real* whitened(int k) const { return whitened_ + static_cast<std::size_t>(k) * tile.size * dp_; }

  // y = (x - mean) W for kChunk rows, as packs of columns, and the squared lengths.
  GAUSSMIX_ONCE void whiten_chunk(int k, const Real* const rows[kChunk], Real* interleaved, Real* y,
                                  Real* squared_length) {
    const Real* mean = packed_ + padded(n_components_) + k * (dp_ + wide_panels_size(d_));
    const Real* panel = mean + dp_;
    const std::size_t step = static_cast<std::size_t>(tile.size) * kLanes;
    for (int n = 0; n < kChunk; n += kHigh) interleave_rows(rows + n, mean, dp_, interleaved + n * dp_);
    for (int n = 0; n < kChunk; ++n) squared_length[n] = 0.0;
    for (int first = 0; first < d_; first += kPanel) {
      const int depth = smaller(d_, first + kPanel);
      with_packs(smaller(kAcross, (dp_ - first) / kLanes), [&](auto packs) {
        for (int n = 0; n < kChunk; n += kHigh) {
          Pack squares[kHigh] = {};
          Real* to = y ? y + first / kLanes * step + n * kLanes : nullptr;
          whiten_wide_panel<decltype(packs)::value>(interleaved + n * dp_, panel, depth, to, step, squares);
          GAUSSMIX_UNROLL
          for (int r = 0; r < kHigh; r += kLanes) {
            store(squared_length + n + r, fetch(squared_length + n + r) + sum_each(squares + r));
          }
        }
      });
      panel += static_cast<std::size_t>(depth) * kPanel;
    }
  }

  void gather(const Real* y, const Survivors& survivors, Real* to) const {
    const std::size_t step = static_cast<std::size_t>(tile.size) * kLanes;
    for (int first = 0; first < dp_; first += kLanes, y += step, to += step) {
      for (int s = 0; s < survivors.count; ++s) store(to + s * kLanes, fetch(y + survivors.index[s] * kLanes));
    }
  }

  void whiten_survivors(int k, Thread& thread) {
    const Survivors& survivors = thread.survivors;
    for (int begin = 0; begin < survivors.count; begin += kChunk) {
      const Real* rows[kChunk];
      for (int n = 0; n < kChunk; ++n) {
        rows[n] = rows_ + static_cast<std::size_t>(survivors.index[smaller(begin + n, survivors.count - 1)]) * dp_;
      }
      whiten_chunk(k, rows, thread.interleaved, thread.right + begin * kLanes, thread.unused);
    }
  }

  int d_, dp_, n_components_;
  const Real* packed_;
  bool keeps_;
  int loaded_ = 0;
  Real *rows_, *whitened_, *scratch_ = nullptr;
};

// Adds the sums of all rows to a partial, block after block; `n_threads` threads share each block.
inline void accumulate_wide(const Rows& rows, const Mixture& m, const Real* packed, double* shared,
                            double* const* scratch, int n_threads, double* sums) {
  Arena arena(shared);
  Wide wide(m, packed, arena, kWideRows, true);
  TailKernel tails(m, wide.tile, arena);
  const Partial partial(m, sums);
  // Two items for each thread at least, and the same number for each: 3 components would keep one of 2 threads waiting.
  const int k_count = m.n_components, n_parts = n_threads == 1 ? 1 : (2 * n_threads + k_count - 1) / k_count;
  double likelihood[kWideRows / Wide::kChunk], entropy[kWideRows / Wide::kChunk];
  for (std::size_t first = 0; first < rows.n_rows; first += kWideRows) {
    const int count = static_cast<int>(rows.n_rows - first < kWideRows ? rows.n_rows - first : kWideRows);
    const int n_chunks = (count + Wide::kChunk - 1) / Wide::kChunk;
    load_weights(rows, first, count, wide.tile);
    for (int n = n_chunks * Wide::kChunk; n < kWideRows; ++n) wide.tile.normal[n] = 0.0;
    parallel_for(n_chunks, n_threads,
                 [&](std::int64_t c, int) { wide.load_chunk(rows, first, count, static_cast<int>(c) * Wide::kChunk); });
    parallel_for(k_count * n_chunks, n_threads, [&](std::int64_t item, int thread) {
      const int k = static_cast<int>(item) / n_chunks, c = static_cast<int>(item) % n_chunks;
      Arena own(scratch[thread]);
      wide.score_chunk(k, c * Wide::kChunk, Wide::Thread(wide, own).interleaved);
    });
    tails.score(wide.tile, 0, n_chunks * Wide::kChunk);
    score_background(rows, m, first, count, wide.tile);
    add_log_prior(rows, first, count, wide.tile);
    parallel_for(n_chunks, n_threads, [&](std::int64_t c, int) {
      const int begin = static_cast<int>(c) * Wide::kChunk;
      normalize(wide.tile, begin, begin + Wide::kChunk, likelihood[c], entropy[c]);
    });
    if (m.background) *partial.background += sum_of_background(wide.tile, 0, n_chunks * Wide::kChunk);
    tails.weigh(wide.tile, 0, n_chunks * Wide::kChunk);
    parallel_for(k_count * n_parts, n_threads, [&](std::int64_t item, int thread) {
      Arena own(scratch[thread]);
      Wide::Thread buffers(wide, own);
      wide.add_part(static_cast<int>(item) / n_parts, static_cast<int>(item) % n_parts, n_parts, buffers, partial);
    });
    for (int c = 0; c < n_chunks; ++c) {
      *partial.log_likelihood += likelihood[c];
      *partial.entropy += entropy[c];
    }
  }
  tails.finish(partial);
}

}  // namespace gaussmix::GAUSSMIX_ISA
