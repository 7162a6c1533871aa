// Distribution of lines of pixels among threads, and gathering of the pixels of a line that are not neighbors.
#include "imaging/fractions.hpp"

#include <algorithm>
#include <vector>

#include "threads.hpp"

namespace gaussmix {

const FractionKernels& selected_fraction_kernels();  // dispatch.cpp

namespace {

constexpr int kColors = 3;  // first and second neighbors along an axis differ in the sum of the coordinates modulo 3
constexpr int kMostAxes = 4;
constexpr std::size_t kBlock = 16;  // lines whose sums are added together

class Lines {
 public:
  Lines(const FractionStates& states, const FractionGrid& grid)
      : states_(states), grid_(grid), width_(static_cast<std::size_t>(grid.shape[grid.n_axes - 1])) {
    for (int axis = 0; axis + 1 < grid.n_axes; ++axis) n_lines_ *= static_cast<std::size_t>(grid.shape[axis]);
    strides_[grid.n_axes - 1] = 1;
    for (int axis = grid.n_axes - 1; axis > 0; --axis) strides_[axis - 1] = strides_[axis] * grid.shape[axis];
    for (std::size_t line = 0; line < n_lines_; ++line) {
      std::int64_t place[kMostAxes];
      places(line, place);
      std::int64_t sum = 0;
      for (int axis = 0; axis + 1 < grid.n_axes; ++axis) sum += place[axis];
      by_color_[sum % kColors].push_back(line);
    }
  }

  const std::vector<std::size_t>& of_color(int color) const { return by_color_[color]; }

  // Floats that a thread needs.
  std::size_t room() const {
    return selected_fraction_kernels().scratch(states_) +
           (3 * static_cast<std::size_t>(states_.n_classes) + states_.n_features + 1) * kFractionTile;
  }

  void update(std::size_t line, float* room, double* sums) const {
    for (int color = 0; color < kColors; ++color) {
      std::size_t pixels[kFractionTile];
      int count = 0;
      std::int64_t place[kMostAxes];
      places(line, place);
      for (std::size_t x = color; x < width_; x += kColors) {
        const std::size_t pixel = line * width_ + x;
        if (!grid_.status[pixel]) continue;
        pixels[count++] = pixel;
        if (count == kFractionTile) {
          update_tile(place, line * width_, pixels, count, room, sums);
          count = 0;
        }
      }
      if (count) update_tile(place, line * width_, pixels, count, room, sums);
    }
  }

 private:
  void places(std::size_t line, std::int64_t* place) const {
    for (int axis = grid_.n_axes - 2; axis >= 0; --axis) {
      place[axis] = static_cast<std::int64_t>(line % grid_.shape[axis]);
      line /= grid_.shape[axis];
    }
  }

  void update_tile(std::int64_t* place, std::size_t start, const std::size_t* pixels, int count, float* room,
                   double* sums) const {
    const int k = states_.n_classes, d = states_.n_features;
    const std::size_t n = n_lines_ * width_;
    const FractionKernels& kernels = selected_fraction_kernels();
    float* next = room + kernels.scratch(states_);
    const auto plane = [&](int count_of) {
      float* from = next;
      next += count_of * kFractionTile;
      return from;
    };
    float *near = plane(k), *far = plane(k), *found = plane(k), *rows = plane(d), *counted = plane(1);
    std::fill(near, next, 0.0f);
    for (int i = 0; i < count; ++i) {
      const std::size_t pixel = pixels[i];
      place[grid_.n_axes - 1] = static_cast<std::int64_t>(pixel - start);
      counted[i] = grid_.status[pixel] == 2 ? 1.0f : 0.0f;
      for (int axis = 0; axis < grid_.n_axes; ++axis) {
        const auto weight = static_cast<float>(grid_.weights[axis]);
        if (weight == 0.0f) continue;
        for (int step : {-2, -1, 1, 2}) {
          const std::int64_t to = place[axis] + step;
          if (to < 0 || to >= grid_.shape[axis]) continue;
          float* sum = (step & 1 ? near : far) + i;
          const float* from = grid_.fractions + (static_cast<std::int64_t>(pixel) + step * strides_[axis]);
          for (int c = 0; c < k; ++c) sum[c * kFractionTile] += weight * from[c * n];
        }
      }
      for (int j = 0; j < d; ++j) {
        double whitened = 0.0;
        for (int l = 0; l < d; ++l) {
          whitened += (grid_.rows[pixel * d + l] - grid_.origin[l]) * grid_.factor[l * d + j];
        }
        rows[j * kFractionTile + i] = static_cast<float>(whitened);
      }
    }
    kernels.update(states_, {count, rows, {near, far}, counted, found}, room, sums);
    for (int i = 0; i < count; ++i) {
      for (int c = 0; c < k; ++c) grid_.fractions[c * n + pixels[i]] = found[c * kFractionTile + i];
    }
  }

  const FractionStates& states_;
  const FractionGrid& grid_;
  std::size_t width_, n_lines_ = 1;
  std::int64_t strides_[kMostAxes] = {};
  std::vector<std::size_t> by_color_[kColors];
};

}  // namespace

void update_fractions(const FractionStates& states, const FractionGrid& grid, int n_threads, double* sums) {
  const Lines lines(states, grid);
  const std::size_t size = FractionSums{states.n_states, states.n_features}.size();
  std::vector<std::vector<float>> rooms(n_threads, std::vector<float>(lines.room()));
  for (int color = 0; color < kColors; ++color) {
    const std::vector<std::size_t>& these = lines.of_color(color);
    const auto n_blocks = static_cast<std::int64_t>((these.size() + kBlock - 1) / kBlock);
    std::vector<double> of_blocks(n_blocks * size);
    parallel_for(n_blocks, n_threads, [&](std::int64_t block, int thread) {
      const std::size_t end = std::min(these.size(), (block + 1) * kBlock);
      for (std::size_t i = block * kBlock; i < end; ++i) {
        lines.update(these[i], rooms[thread].data(), of_blocks.data() + block * size);
      }
    });
    for (std::int64_t block = 0; block < n_blocks; ++block) {
      for (std::size_t i = 0; i < size; ++i) sums[i] += of_blocks[block * size + i];
    }
  }
}

}  // namespace gaussmix
