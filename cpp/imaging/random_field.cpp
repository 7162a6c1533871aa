// Distribution of lines of pixels among threads; only lines that are not neighbors are updated at the same time.
#include "imaging/random_field.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "imaging/field_kernels.hpp"
#include "threads.hpp"

namespace gaussmix {

const FieldKernels& selected_field_kernels();  // dispatch.cpp

// Size below which threads cost more than they save, because they synchronize after each color.
constexpr double kWorthThreads = 2e5;

void RandomField::Free::operator()(void* memory) const { ::operator delete(memory, std::align_val_t{64}); }

template <class T>
RandomField::Plane<T> RandomField::plane(std::size_t size) {
  T* memory = static_cast<T*>(::operator new(size * sizeof(T), std::align_val_t{64}));
  std::memset(static_cast<void*>(memory), 0, size * sizeof(T));
  return Plane<T>(memory);
}

// A line and its neighbors, for the kernels.
struct LineOf {
  FieldLine line;
  NeighborLine neighbors[64];

  LineOf(const RandomField& f, std::size_t number) {
    std::int64_t place[kMostAxes];
    std::size_t rest = number;
    for (int axis = f.n_axes_ - 2; axis >= 0; --axis) {
      place[axis] = static_cast<std::int64_t>(rest % f.shape_[axis]);
      rest /= f.shape_[axis];
    }
    const std::size_t stride = 2 * f.half_, line_size = f.n_classes_ * stride;
    int count = 0;
    for (std::size_t o = 0; o < f.offsets_.size(); ++o) {
      for (int sign : {1, -1}) {
        std::int64_t other = 0;
        bool inside = true;
        for (int axis = 0; axis + 1 < f.n_axes_; ++axis) {
          const std::int64_t at = place[axis] + sign * f.offsets_[o].step[axis];
          inside = inside && at >= 0 && at < f.shape_[axis];
          other = other * f.shape_[axis] + at;
        }
        if (!inside) continue;
        const std::size_t start = sign > 0 ? number : static_cast<std::size_t>(other);
        neighbors[count++] = {
            f.q_.get() + RandomField::kLead + other * line_size,
            f.edges_ ? f.edges_.get() + RandomField::kLead + (start * f.offsets_.size() + o) * stride : nullptr,
            sign < 0, static_cast<int>(sign * f.offsets_[o].step[f.n_axes_ - 1]), f.offsets_[o].weight};
      }
    }
    line = {f.n_classes_,
            f.half_,
            f.q_.get() + RandomField::kLead + number * line_size,
            f.scores_.get() + RandomField::kLead + number * line_size,
            f.visible_.get() + number * stride,
            neighbors,
            count};
  }
};

RandomField::RandomField(const Neighbors& neighbors, int n_classes, const std::uint8_t* visible,
                         const std::uint8_t* edges)
    : n_classes_(n_classes), n_axes_(neighbors.n_axes), n_lines_(1), width_(neighbors.shape[neighbors.n_axes - 1]) {
  for (int axis = 0; axis < n_axes_; ++axis) shape_[axis] = neighbors.shape[axis];
  for (int axis = 0; axis + 1 < n_axes_; ++axis) n_lines_ *= shape_[axis];
  half_ = ((width_ + 1) / 2 + 1 + 15) / 16 * 16;  // at least one zero behind the last pixel
  for (int o = 0; o < neighbors.n_offsets; ++o) {
    Offset offset{};
    offset.weight = static_cast<float>(neighbors.weights[o]);
    for (int axis = 0; axis < n_axes_; ++axis) {
      offset.step[axis] = neighbors.offsets[o * n_axes_ + axis];
      varies_[axis] = varies_[axis] || offset.step[axis];
    }
    offsets_.push_back(offset);
  }
  lines_by_color_.resize(std::size_t{1} << (n_axes_ - 1));
  for (std::size_t line = 0; line < n_lines_; ++line) {
    std::size_t rest = line, color = 0;
    for (int axis = n_axes_ - 2; axis >= 0; --axis) {
      const std::size_t at = rest % shape_[axis];
      rest /= shape_[axis];
      // The first axis has the highest bit: a sweep carries what it finds two lines along it, no farther.
      if (varies_[axis]) color |= (at & 1) << (n_axes_ - 2 - axis);
    }
    lines_by_color_[color].push_back(static_cast<std::uint32_t>(line));
  }
  const std::size_t numbers = n_lines_ * n_classes_ * 2 * half_ + 2 * kLead;
  scores_ = plane<float>(numbers);
  q_ = plane<float>(numbers);
  visible_ = plane<std::uint8_t>(n_lines_ * 2 * half_ + kLead);
  greatest_.resize(n_lines_);
  if (edges) edges_ = plane<std::uint8_t>(n_lines_ * offsets_.size() * 2 * half_ + 2 * kLead);
  const std::size_t n = n_pixels();
  for (std::size_t line = 0; line < n_lines_; ++line) {
    for (std::size_t x = 0; x < width_; ++x) {
      const std::size_t pixel = line * width_ + x;
      visible_[byte_at(line, x)] = visible ? visible[pixel] != 0 : 1;
      for (std::size_t o = 0; edges && o < offsets_.size(); ++o) {
        edges_[kLead + byte_at(line * offsets_.size() + o, x)] = edges[o * n + pixel];
      }
    }
  }
}

// Calls use(line, first x, end x, pixels before it) for the parts of lines that the pixels [first, first + count) are.
template <class Use>
void RandomField::for_each_run(std::size_t first, std::size_t count, int n_threads, Use use) const {
  if (!count) return;
  const auto from = static_cast<std::int64_t>(first / width_);
  const auto to = static_cast<std::int64_t>((first + count - 1) / width_);
  if (static_cast<double>(count) * n_classes_ < kWorthThreads) n_threads = 1;
  parallel_for(to - from + 1, n_threads, [&](std::int64_t i, int) {
    const std::size_t line = from + i, start = line * width_;
    const std::size_t begin = std::max(first, start), end = std::min(first + count, start + width_);
    use(line, begin - start, end - start, begin - first);
  });
}

void RandomField::load(std::size_t first, std::size_t count, const double* scores, bool keep, int n_threads) {
  const FieldKernels& kernels = selected_field_kernels();
  for_each_run(first, count, n_threads, [&](std::size_t line, std::size_t begin, std::size_t end, std::size_t done) {
    if (begin == 0) greatest_[line] = 0.0;
    for (std::size_t x = begin; x < end; ++x) {
      const double* of = scores + (done + x - begin) * n_classes_;
      const bool seen = visible_[byte_at(line, x)];
      double greatest = -std::numeric_limits<double>::infinity();
      for (int c = 0; c < n_classes_; ++c) greatest = std::max(greatest, of[c]);
      const bool possible = seen && greatest > -std::numeric_limits<double>::infinity();
      if (possible) greatest_[line] += greatest;
      for (int c = 0; c < n_classes_; ++c) {
        scores_[number_at(line, c, x)] = possible ? static_cast<float>(of[c] - greatest) : 0.0f;
      }
    }
    if (!keep && end == width_) {
      std::vector<float> scratch(kernels.scratch(n_classes_));
      LineOf alone(*this, line);
      alone.line.n_neighbors = 0;
      kernels.sweep(alone.line, 0.0f, scratch.data());
    }
  });
}

// Calls visit(line, scratch) for all lines, color by color; lines of one color run in parallel.
template <class Visit>
void RandomField::visit_lines(int n_threads, bool by_color, Visit visit) const {
  const std::size_t room = selected_field_kernels().scratch(n_classes_);
  if (static_cast<double>(n_pixels()) * n_classes_ < kWorthThreads) n_threads = 1;
  std::vector<std::vector<float>> scratch(n_threads, std::vector<float>(room));
  if (!by_color) {
    parallel_for(n_lines_, n_threads, [&](std::int64_t i, int thread) { visit(i, scratch[thread].data()); });
    return;
  }
  for (const auto& lines : lines_by_color_) {
    parallel_for(lines.size(), n_threads, [&](std::int64_t i, int thread) { visit(lines[i], scratch[thread].data()); });
  }
}

void RandomField::pool(int n_threads) {
  if (!varies_[n_axes_ - 1]) return;
  const FieldKernels& kernels = selected_field_kernels();
  const std::size_t stride = 2 * half_, line_size = n_classes_ * stride;
  visit_lines(n_threads, false, [&](std::size_t first, float* scratch) {
    // The lines of the block whose first line this is.
    std::vector<std::size_t> lines{first};
    std::size_t rest = first, step = 1;
    for (int axis = n_axes_ - 2; axis >= 0; --axis) {
      const std::size_t length = shape_[axis], at = rest % length;
      rest /= length;
      if (varies_[axis]) {
        if (at % 2) return;
        for (std::size_t i = 0, count = lines.size(); at + 1 < length && i < count; ++i)
          lines.push_back(lines[i] + step);
      }
      step *= length;
    }
    constexpr float kExcluded =
        -1e4f;  // instead of -inf, which all classes of a block with two different seeds would have
    std::vector<float> sums(line_size);
    for (std::size_t line : lines) {
      const float* scores = scores_.get() + kLead + line * line_size;
      for (int c = 0; c < n_classes_; ++c) {
        for (std::size_t i = 0; i < half_; ++i) {
          const float both =
              std::max(scores[c * stride + i], kExcluded) + std::max(scores[c * stride + half_ + i], kExcluded);
          sums[c * stride + i] += both;
          sums[c * stride + half_ + i] += both;
        }
      }
    }
    for (std::size_t line : lines) {
      LineOf together(*this, line);
      together.line.scores = sums.data();
      together.line.n_neighbors = 0;
      kernels.sweep(together.line, 0.0f, scratch);
    }
  });
}

void RandomField::sweep(double smoothing, int n_threads) {
  const FieldKernels& kernels = selected_field_kernels();
  visit_lines(n_threads, true, [&](std::size_t line, float* scratch) {
    kernels.sweep(LineOf(*this, line).line, static_cast<float>(smoothing), scratch);
  });
}

void RandomField::draw(double smoothing, std::uint64_t seed, int n_threads) {
  const FieldKernels& kernels = selected_field_kernels();
  visit_lines(n_threads, true, [&](std::size_t line, float* scratch) {
    const std::uint64_t of_line = (seed + 1) * 0x9e3779b97f4a7c15ULL + line * 0xbf58476d1ce4e5b9ULL;
    kernels.draw(LineOf(*this, line).line, static_cast<float>(smoothing), of_line ^ (of_line >> 29), scratch);
  });
}

double RandomField::free_energy(double smoothing, int n_threads) const {
  const FieldKernels& kernels = selected_field_kernels();
  std::vector<double> energies(n_lines_);
  visit_lines(n_threads, false, [&](std::size_t line, float* scratch) {
    energies[line] =
        greatest_[line] + kernels.free_energy(LineOf(*this, line).line, static_cast<float>(smoothing), scratch);
  });
  double energy = 0.0;
  for (double of_line : energies) energy += of_line;
  return energy;
}

void RandomField::probabilities(std::size_t first, std::size_t count, float* to) const {
  for_each_run(first, count, 1, [&](std::size_t line, std::size_t begin, std::size_t end, std::size_t done) {
    for (std::size_t x = begin; x < end; ++x, ++done) {
      for (int c = 0; c < n_classes_; ++c) to[done * n_classes_ + c] = q_[number_at(line, c, x)];
    }
  });
}

void RandomField::labels(std::size_t first, std::size_t count, std::uint8_t* to, std::uint8_t elsewhere) const {
  for_each_run(first, count, 1, [&](std::size_t line, std::size_t begin, std::size_t end, std::size_t done) {
    for (std::size_t x = begin; x < end; ++x, ++done) {
      int best = 0;
      for (int c = 1; c < n_classes_; ++c) {
        if (q_[number_at(line, c, x)] > q_[number_at(line, best, x)]) best = c;
      }
      to[done] = visible_[byte_at(line, x)] ? static_cast<std::uint8_t>(best) : elsewhere;
    }
  });
}

void RandomField::condition(double smoothing, const double* preferences, float* to, double* totals,
                            int n_threads) const {
  const FieldKernels& kernels = selected_field_kernels();
  const std::size_t k = n_classes_, size = 2 + k + (k + 1) * (k + 2) / 2;
  constexpr std::int64_t kGroups = 64;  // groups of lines, each summed separately for any number of threads
  std::vector<double> of_groups(kGroups * size);
  const std::vector<float> wanted(preferences, preferences + k);
  if (static_cast<double>(n_pixels()) * n_classes_ < kWorthThreads) n_threads = 1;
  std::vector<std::vector<float>> rooms(n_threads, std::vector<float>(2 * k * half_ + kernels.scratch(n_classes_)));
  parallel_for(kGroups, n_threads, [&](std::int64_t group, int thread) {
    double* sums = of_groups.data() + group * size;
    std::vector<float>& shares = rooms[thread];
    for (std::size_t line = group * n_lines_ / kGroups; line < (group + 1) * n_lines_ / kGroups; ++line) {
      kernels.condition(LineOf(*this, line).line, static_cast<float>(smoothing), wanted.data(), shares.data(), sums);
      sums[0] += greatest_[line];
      float* row = to + line * width_ * k;
      for (std::size_t x = 0; x < width_; ++x) {
        for (std::size_t c = 0; c < k; ++c) *row++ = shares[(2 * c + x % 2) * half_ + x / 2];
      }
    }
  });
  std::fill(totals, totals + size, 0.0);
  for (std::size_t i = 0; i < of_groups.size(); ++i) totals[i % size] += of_groups[i];
}

}  // namespace gaussmix
