// The work on one block of rows. Compiled once per instruction set, with GAUSSMIX_ISA naming the namespace.
#include "kernels.hpp"

#include <type_traits>

#include "form_diagonal.hpp"
#include "form_full.hpp"
#include "form_small.hpp"
#include "form_tied.hpp"

namespace gaussmix {
namespace GAUSSMIX_ISA {
namespace {

template <class FormKernel>
Layout layout_of(const Mixture& m) {
  Arena arena(nullptr);
  FormKernel kernel(m, nullptr, arena, true);
  return {FormKernel::packed_size(m), arena.used(), places_in_partial(m).size};
}

template <class FormKernel>
void accumulate_block(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
                      double* scratch, double* sums) {
  Arena arena(scratch);
  FormKernel kernel(m, packed, arena, true);
  const Partial partial(m, sums);
  for (std::size_t first = begin; first < end; first += kernel.tile.size) {
    const int count =
        static_cast<int>(end - first < static_cast<std::size_t>(kernel.tile.size) ? end - first : kernel.tile.size);
    kernel.load(rows, first, count);
    load_weights(rows, first, count, kernel.tile);
    kernel.score();
    add_log_prior(rows, first, count, kernel.tile);
    normalize(kernel.tile, partial);
    kernel.add(partial);
  }
  kernel.finish(partial);
}

template <class FormKernel>
void score_block(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
                 double* scratch, const Scores& out) {
  Arena arena(scratch);
  FormKernel kernel(m, packed, arena, false);
  for (std::size_t first = begin; first < end; first += kernel.tile.size) {
    const int count =
        static_cast<int>(end - first < static_cast<std::size_t>(kernel.tile.size) ? end - first : kernel.tile.size);
    kernel.load(rows, first, count);
    kernel.score();
    add_log_prior(rows, first, count, kernel.tile);
    report(kernel.tile, first, count, out);
  }
}

// Calls use(T*) with the kernel that serves a mixture.
template <class Use>
auto with_kernel(const Mixture& m, Use use) {
  switch (m.form) {
    case Form::tied:
      return use(static_cast<Tied*>(nullptr));
    case Form::diagonal:
      return use(static_cast<Diagonal*>(nullptr));
    case Form::full:
      break;
  }
  switch (m.n_features) {
    case 1:
      return use(static_cast<Small<1>*>(nullptr));
    case 2:
      return use(static_cast<Small<2>*>(nullptr));
    case 3:
      return use(static_cast<Small<3>*>(nullptr));
    case 4:
      return use(static_cast<Small<4>*>(nullptr));
    default:
      return use(static_cast<Full*>(nullptr));
  }
}

template <class T>
using KernelOf = std::remove_pointer_t<T>;

Layout layout(const Mixture& m) {
  return with_kernel(m, [&](auto* kind) { return layout_of<KernelOf<decltype(kind)>>(m); });
}

void pack(const Mixture& m, double* packed) {
  with_kernel(m, [&](auto* kind) { KernelOf<decltype(kind)>::pack(m, packed); });
}

void accumulate(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
                double* scratch, double* partial) {
  with_kernel(m, [&](auto* kind) {
    accumulate_block<KernelOf<decltype(kind)>>(rows, m, packed, begin, end, scratch, partial);
  });
}

void score(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
           double* scratch, const Scores& out) {
  with_kernel(m, [&](auto* kind) { score_block<KernelOf<decltype(kind)>>(rows, m, packed, begin, end, scratch, out); });
}

#define GAUSSMIX_TEXT(name) #name
#define GAUSSMIX_NAME(name) GAUSSMIX_TEXT(name)
#define GAUSSMIX_JOIN(a, b) a##b
#define GAUSSMIX_TABLE(name) GAUSSMIX_JOIN(kernels_, name)

}  // namespace
}  // namespace GAUSSMIX_ISA

const Kernels GAUSSMIX_TABLE(GAUSSMIX_ISA) = {GAUSSMIX_NAME(GAUSSMIX_ISA), GAUSSMIX_ISA::layout, GAUSSMIX_ISA::pack,
                                              GAUSSMIX_ISA::accumulate, GAUSSMIX_ISA::score};

}  // namespace gaussmix
