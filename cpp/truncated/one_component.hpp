// The components of a mixture one at a time, each as a mixture of its own for the kernels of the exact pass.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "kernels/kernels.hpp"
#include "pass/in_order.hpp"
#include "threads.hpp"

namespace gaussmix {

const Kernels& selected_kernels(bool rough);  // dispatch.cpp

// Memory of one thread that kernels use.
class Scratch {
 public:
  double* of(std::size_t size) {
    if (!buffer_) buffer_ = std::make_unique<Buffer>(size);
    return buffer_->data();
  }

 private:
  std::unique_ptr<Buffer> buffer_;
};

// Copies of rows, one below the other.
class Gather {
 public:
  void take(const Rows& rows, const std::uint32_t* index, std::size_t count) {
    bytes_ = bytes_of(rows.scalar) * rows.n_features;
    const std::size_t needed = (count * bytes_ + kSlack) / sizeof(double) + 1;
    if (copies_.size() < needed) copies_.resize(needed);
    char* to = reinterpret_cast<char*>(copies_.data());
    const char* from = static_cast<const char*>(rows.data);
    for (std::size_t i = 0; i < count; ++i, to += bytes_) {
      if (i + kAhead < count) __builtin_prefetch(from + index[i + kAhead] * bytes_);
      std::memcpy(to, from + index[i] * bytes_, bytes_);
    }
  }
  Rows rows(const Rows& like, std::size_t count) const {
    return {copies_.data(), like.scalar, count, like.n_features, nullptr, nullptr};
  }

 private:
  static constexpr std::size_t kAhead = 16, kSlack = 64;

  static std::size_t bytes_of(Scalar scalar) {
    return scalar == Scalar::float64 ? 8 : scalar == Scalar::float32 ? 4 : scalar == Scalar::uint16 ? 2 : 1;
  }

  std::size_t bytes_ = 0;
  std::vector<double> copies_;
};

class Components {
 public:
  Components(const Mixture& m, int n_threads)
      : kernels(selected_kernels(false)), whole_(m), layout(kernels.layout(of(0))), packed_(stride() * m.n_components) {
    constexpr std::int64_t kTogether = 64;
    const std::int64_t k = m.n_components;
    parallel_for((k + kTogether - 1) / kTogether, n_threads, [&](std::int64_t group, int) {
      for (std::int64_t c = group * kTogether; c < std::min(k, (group + 1) * kTogether); ++c) {
        kernels.pack(of(static_cast<int>(c)), packed_.data() + c * stride());
      }
    });
  }

  // The scores of all rows.
  void score(int component, const Rows& rows, Scratch& scratch, double* scores) const {
    kernels.score(rows, of(component), packed(component), 0, rows.n_rows, scratch.of(layout.scratch),
                  {nullptr, nullptr, nullptr, scores});
  }

  Mixture of(int component) const {
    const std::size_t c = component, d = whole_.n_features;
    const std::size_t numbers = whole_.form == Form::full ? d * d : whole_.form == Form::diagonal ? d : 1;
    Mixture one = whole_;
    one.n_components = 1;
    one.offsets += c;
    one.means += c * d;
    one.factors += c * numbers;
    return one;
  }
  const double* packed(int component) const { return packed_.data() + component * stride(); }

  const Kernels& kernels;

 private:
  std::size_t stride() const { return padded(layout.packed + 8, 8); }

  Mixture whole_;

 public:
  const Layout layout;

 private:
  mutable Buffer packed_;
};

// The sums of one component.
class ComponentSums {
 public:
  ComponentSums(const Components& components, int component)
      : components_(components), component_(component), partial_(components.layout.partial) {}

  // Adds rows whose weights are those of the component.
  void add(const Rows& rows, Scratch& scratch) {
    const Layout& layout = components_.layout;
    if (layout.shared) {  // more features than a block of rows is wide
      if (!shared_) shared_ = std::make_unique<Buffer>(layout.shared);
      double* own = scratch.of(layout.scratch);
      components_.kernels.accumulate_together(rows, components_.of(component_), components_.packed(component_),
                                              shared_->data(), &own, 1, partial_.data());
    } else {
      components_.kernels.accumulate(rows, components_.of(component_), components_.packed(component_), 0, rows.n_rows,
                                     scratch.of(layout.scratch), partial_.data());
    }
  }

  // Adds to the sums of all components.
  void write(const Sums& to) {
    const Mixture one = components_.of(component_);
    const Places at = places_in_partial(one, components_.kernels.pad);
    const std::size_t c = component_, d = one.n_features;
    const double* own = partial_.data();
    to.counts[c] += own[at.counts];
    for (std::size_t j = 0; j < d; ++j) to.shifts[c * d + j] += own[at.shifts + j];
    if (one.form == Form::spherical) to.scatter[c] += own[at.scatter];
    for (std::size_t j = 0; one.form == Form::diagonal && j < d; ++j) to.scatter[c * d + j] += own[at.scatter + j];
    for (std::size_t i = 0; one.form == Form::full && i < d; ++i) {
      for (std::size_t j = 0; j <= i; ++j) to.scatter[(c * d + i) * d + j] += own[at.scatter + i * at.dp + j];
    }
  }

 private:
  const Components& components_;
  int component_;
  Buffer partial_;
  std::unique_ptr<Buffer> shared_;
};

}  // namespace gaussmix
