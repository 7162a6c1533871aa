// The pass: threads share blocks of rows, and the sums of the blocks are added in order.
#include "pass/pass.hpp"

#include <algorithm>
#include <vector>

#include "kernels/kernels.hpp"
#include "pass/in_order.hpp"
#include "threads.hpp"

namespace gaussmix {

const Kernels& selected_kernels(bool rough);  // dispatch.cpp

namespace {

// Calls visit(double in the partial, double of the caller) for every sum of a pass.
template <class Visit>
void for_each_sum(const Mixture& m, int pad, double* partial, Sums& sums, Visit visit) {
  const Places at = places_in_partial(m, pad);
  const std::size_t k = m.n_components, d = m.n_features;
  visit(partial[0], *sums.log_likelihood);
  visit(partial[1], *sums.entropy);
  visit(partial[2], *sums.background);
  for (std::size_t c = 0; c < k; ++c) {
    visit(partial[at.counts + c], m.tails ? sums.scaled_counts[c] : sums.counts[c]);
    for (std::size_t j = 0; j < d; ++j) visit(partial[at.shifts + c * at.dp + j], sums.shifts[c * d + j]);
  }
  for (std::size_t c = 0; m.tails && c < k; ++c) {
    visit(partial[at.rows + c], sums.counts[c]);
    visit(partial[at.slopes + c], sums.slopes[c]);
  }
  const Form form = form_of_sums(m);
  const std::size_t matrices = form == Form::full ? k : form == Form::tied ? 1 : 0;
  for (std::size_t c = 0; c < matrices; ++c) {
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        visit(partial[at.scatter + (c * at.dp + i) * at.dp + j], sums.scatter[(c * d + i) * d + j]);
      }
    }
  }
  if (form == Form::diagonal) {
    for (std::size_t c = 0; c < k; ++c) {
      for (std::size_t j = 0; j < d; ++j) visit(partial[at.scatter + c * at.dp + j], sums.scatter[c * d + j]);
    }
  }
  if (form == Form::spherical) {
    for (std::size_t c = 0; c < k; ++c) visit(partial[at.scatter + c], sums.scatter[c]);
  }
  if (form == Form::tied) {
    for (std::size_t a = 0; a < k; ++a) {
      for (std::size_t b = 0; b < k; ++b) visit(partial[at.overlap + a * padded(k, pad) + b], sums.overlap[a * k + b]);
    }
  }
}

// Doubles of the wide form that each thread may have to itself, 16 MiB. Threads that need no more divide the blocks
// among them, as in the other forms. Where they need more, there is more work between the waits of a shared block.
constexpr std::size_t kMostOfThread = std::size_t{1} << 21;

std::size_t bytes_of(Scalar scalar) {
  return scalar == Scalar::float64 ? 8 : scalar == Scalar::float32 ? 4 : scalar == Scalar::uint16 ? 2 : 1;
}

// The rows [begin, end).
Rows part_of(const Rows& rows, const Mixture& m, std::size_t begin, std::size_t end) {
  Rows part = rows;
  part.data = static_cast<const char*>(rows.data) + begin * rows.n_features * bytes_of(rows.scalar);
  part.n_rows = end - begin;
  if (rows.weights) part.weights = rows.weights + begin;
  if (rows.log_prior) part.log_prior = rows.log_prior + begin * n_scores_of(m);
  return part;
}

void mirror_lower_triangles(const Mixture& m, const Sums& sums) {
  const std::size_t d = m.n_features;
  const Form form = form_of_sums(m);
  const std::size_t matrices = form == Form::full ? m.n_components : form == Form::tied ? 1 : 0;
  for (std::size_t c = 0; c < matrices; ++c) {
    double* matrix = sums.scatter + c * d * d;
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j < i; ++j) matrix[j * d + i] = matrix[i * d + j];
    }
  }
}

}  // namespace

std::size_t block_rows(Form form, int n_components, int n_features, bool incomplete) {
  if (incomplete) return 256;  // more work for each row
  if (form == Form::full && n_features > kMostNarrow) return kWideRows;
  // About a thousand rows: more if a row is little work, fewer if it is a lot.
  const double width = form == Form::full ? n_features : 1.0;
  const double work = static_cast<double>(n_components) * n_features * width;
  return work < 500 ? 4096 : work < 5e5 ? 1024 : work < 5e6 ? 256 : 64;
}

int useful_threads(const Mixture& m, std::size_t n_rows, std::int64_t n_blocks, int n_threads) {
  const double per_pair =
      (m.incomplete ? 4.0 : 1.0) * 20.0 + (form_of_sums(m) == Form::full ? m.n_features : 4.0) * m.n_features;
  const double enough = static_cast<double>(n_rows) * m.n_components * per_pair / 2e5;
  const double most = std::min<double>(enough, static_cast<double>(n_blocks));
  return std::max(1, static_cast<int>(std::min<double>(n_threads, most)));
}

void accumulate(const Rows& rows, const Mixture& mixture, int n_threads, bool rough, std::size_t segment_rows,
                Sums& sums) {
  const Kernels& kernels = selected_kernels(rough);
  const Layout layout = kernels.layout(mixture);
  const std::size_t block =
      block_rows(form_of_sums(mixture), mixture.n_components, mixture.n_features, mixture.incomplete);
  const auto n_blocks = static_cast<std::int64_t>((rows.n_rows + block - 1) / block);
  const bool together = layout.shared && layout.shared + layout.partial > kMostOfThread;
  n_threads = useful_threads(mixture, rows.n_rows, together ? n_threads : n_blocks, n_threads);

  Buffer packed(layout.packed), total(layout.partial);
  kernels.pack(mixture, packed.data());
  for_each_sum(mixture, kernels.pad, total.data(), sums, [](double& mine, double theirs) { mine = theirs; });

  Buffers scratch(n_threads, layout.scratch), shared(together ? 1 : n_threads, layout.shared);
  if (together) {
    std::vector<double*> of_threads;
    for (int thread = 0; thread < n_threads; ++thread) of_threads.push_back(scratch.of(thread));
    Buffer segment(layout.partial);
    const std::size_t step = segment_rows ? segment_rows : std::max<std::size_t>(rows.n_rows, 1);
    for (std::size_t begin = 0; begin < rows.n_rows; begin += step) {
      const std::size_t end = std::min(rows.n_rows, begin + step);
      kernels.accumulate_together(part_of(rows, mixture, begin, end), mixture, packed.data(), shared.of(0),
                                  of_threads.data(), n_threads, (segment_rows ? segment : total).data());
      if (segment_rows) total.add(segment);
      if (end < rows.n_rows) segment.clear();
    }
  } else {
    InOrder in_order(total, layout.partial, n_blocks, static_cast<std::int64_t>(segment_rows / block), n_threads);
    in_order.add_all(n_threads, [&](std::int64_t b, int thread, double* partial) {
      const std::size_t begin = b * block, end = std::min(rows.n_rows, begin + block);
      double* own = scratch.of(thread);
      if (layout.shared) {
        kernels.accumulate_together(part_of(rows, mixture, begin, end), mixture, packed.data(), shared.of(thread), &own,
                                    1, partial);
      } else {
        kernels.accumulate(rows, mixture, packed.data(), begin, end, own, partial);
      }
    });
  }
  for_each_sum(mixture, kernels.pad, total.data(), sums, [](double mine, double& theirs) { theirs = mine; });
  mirror_lower_triangles(mixture, sums);
}

void score_rows(const Rows& rows, const Mixture& mixture, int n_threads, const Scores& scores) {
  const Kernels& kernels = selected_kernels(false);
  const Layout layout = kernels.layout(mixture);
  // Nothing is summed here, so blocks can be small enough for every thread to get some.
  const std::size_t block = is_wide(mixture) || mixture.incomplete ? 256 : 1024;
  const auto n_blocks = static_cast<std::int64_t>((rows.n_rows + block - 1) / block);
  n_threads = useful_threads(mixture, rows.n_rows, n_blocks, n_threads);

  Buffer packed(layout.packed);
  kernels.pack(mixture, packed.data());
  Buffers scratch(n_threads, layout.scratch);
  parallel_for(n_blocks, n_threads, [&](std::int64_t b, int thread) {
    const std::size_t begin = b * block, end = std::min(rows.n_rows, begin + block);
    kernels.score(rows, mixture, packed.data(), begin, end, scratch.of(thread), scores);
  });
}

}  // namespace gaussmix
