// Kernels for one block of rows, and the choice of a form. Compiled once per instruction set and number type:
// GAUSSMIX_ISA names the namespace, GAUSSMIX_SINGLE stands for float.
#include "kernels/kernels.hpp"

#include <type_traits>

#include "kernels/form_diagonal.hpp"
#include "kernels/form_full.hpp"
#include "kernels/form_medium.hpp"
#include "kernels/form_small.hpp"
#include "kernels/form_spherical.hpp"
#include "kernels/form_tied.hpp"
#include "kernels/form_turned.hpp"
#include "kernels/form_wide.hpp"

namespace gaussmix {
namespace GAUSSMIX_ISA {
namespace {

// Outside the kernels a packed mixture is a buffer of doubles.
Real* as_reals(double* packed) { return reinterpret_cast<Real*>(packed); }
const Real* as_reals(const double* packed) { return reinterpret_cast<const Real*>(packed); }

template <class FormKernel>
std::size_t packed_doubles(const Mixture& m) {
  return FormKernel::packed_size(m) * sizeof(Real) / sizeof(double) + 1;
}

template <class FormKernel>
Layout layout_of(const Mixture& m) {
  Arena arena(nullptr);
  FormKernel kernel(m, nullptr, arena, true);
  return {packed_doubles<FormKernel>(m), arena.used(), places_in_partial(m, kPad).size, 0};
}

Layout layout_of_wide(const Mixture& m) {
  Arena shared(nullptr), scratch(nullptr);
  Wide wide(m, nullptr, shared, kWideRows, true);
  Wide::Thread thread(wide, scratch);
  const std::size_t to_score = layout_of<Wide>(m).scratch;
  return {packed_doubles<Wide>(m), scratch.used() < to_score ? to_score : scratch.used(),
          places_in_partial(m, kPad).size, shared.used()};
}

template <class FormKernel>
void accumulate_block(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
                      double* scratch, double* sums) {
  Arena arena(scratch);
  FormKernel kernel(m, as_reals(packed), arena, true);
  const Partial partial(m, sums);
  for (std::size_t first = begin; first < end; first += kernel.tile.size) {
    const int count =
        static_cast<int>(end - first < static_cast<std::size_t>(kernel.tile.size) ? end - first : kernel.tile.size);
    kernel.load(rows, first, count);
    prefetch_rows(rows, first + count, end, kernel.tile.size);
    load_weights(rows, first, count, kernel.tile);
    kernel.score();
    add_log_prior(rows, first, count, kernel.tile);
    double log_likelihood = 0.0, entropy = 0.0;
    normalize(kernel.tile, 0, kernel.tile.size, log_likelihood, entropy);
    *partial.log_likelihood += log_likelihood;
    *partial.entropy += entropy;
    kernel.add(partial);
  }
  kernel.finish(partial);
}

#ifndef GAUSSMIX_SINGLE
template <class FormKernel>
void score_block(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
                 double* scratch, const Scores& out) {
  Arena arena(scratch);
  FormKernel kernel(m, as_reals(packed), arena, false);
  for (std::size_t first = begin; first < end; first += kernel.tile.size) {
    const int count =
        static_cast<int>(end - first < static_cast<std::size_t>(kernel.tile.size) ? end - first : kernel.tile.size);
    kernel.load(rows, first, count);
    prefetch_rows(rows, first + count, end, kernel.tile.size);
    kernel.score();
    add_log_prior(rows, first, count, kernel.tile);
    write_scores(kernel.tile, first, count, out);
  }
}
#endif

// Calls use(T*) with the kernel for a mixture.
template <Form form, class Large, class Use>
auto with_kernel_for(const Mixture& m, Use use) {
  switch (m.n_features) {
    case 1:
      return use(static_cast<Small<1, form>*>(nullptr));
    case 2:
      return use(static_cast<Small<2, form>*>(nullptr));
    case 3:
      return use(static_cast<Small<3, form>*>(nullptr));
    case 4:
      return use(static_cast<Small<4, form>*>(nullptr));
  }
  if (form == Form::full && is_medium(m)) return use(static_cast<Medium*>(nullptr));
  return use(static_cast<Large*>(nullptr));
}

template <class Use>
auto with_kernel(const Mixture& m, Use use) {
  if (m.basis) return use(static_cast<Turned*>(nullptr));
  switch (m.form) {
    case Form::tied:
      return with_kernel_for<Form::tied, Tied>(m, use);
    case Form::diagonal:
      return with_kernel_for<Form::diagonal, Diagonal>(m, use);
    case Form::spherical:
      return with_kernel_for<Form::spherical, Spherical>(m, use);
    case Form::full:
      break;
  }
  if (is_wide(m.form, m.n_features)) return use(static_cast<Wide*>(nullptr));
  return with_kernel_for<Form::full, Full>(m, use);
}

template <class T>
using KernelOf = std::remove_pointer_t<T>;

Layout layout(const Mixture& m) {
  if (is_wide(m.form, m.n_features)) return layout_of_wide(m);
  return with_kernel(m, [&](auto* kind) { return layout_of<KernelOf<decltype(kind)>>(m); });
}

void pack(const Mixture& m, double* packed) {
  with_kernel(m, [&](auto* kind) { KernelOf<decltype(kind)>::pack(m, as_reals(packed)); });
}

void accumulate(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
                double* scratch, double* partial) {
  with_kernel(m, [&](auto* kind) {
    using Kernel = KernelOf<decltype(kind)>;
    if constexpr (!std::is_same_v<Kernel, Wide>) {
      accumulate_block<Kernel>(rows, m, packed, begin, end, scratch, partial);
    }
  });
}

void accumulate_together(const Rows& rows, const Mixture& m, const double* packed, double* shared,
                         double* const* scratch, int n_threads, double* sums) {
  accumulate_wide(rows, m, as_reals(packed), shared, scratch, n_threads, sums);
}

#ifdef GAUSSMIX_SINGLE
constexpr auto score = nullptr;
#else
void score(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
           double* scratch, const Scores& out) {
  with_kernel(m, [&](auto* kind) { score_block<KernelOf<decltype(kind)>>(rows, m, packed, begin, end, scratch, out); });
}
#endif

#define GAUSSMIX_TEXT(name) #name
#define GAUSSMIX_NAME(name) GAUSSMIX_TEXT(name)
#define GAUSSMIX_JOIN(a, b) a##b
#define GAUSSMIX_TABLE(name) GAUSSMIX_JOIN(kernels_, name)

}  // namespace
}  // namespace GAUSSMIX_ISA

const Kernels GAUSSMIX_TABLE(GAUSSMIX_ISA) = {GAUSSMIX_NAME(GAUSSMIX_ISA), GAUSSMIX_ISA::kPad,
                                              GAUSSMIX_ISA::layout,        GAUSSMIX_ISA::pack,
                                              GAUSSMIX_ISA::accumulate,    GAUSSMIX_ISA::accumulate_together,
                                              GAUSSMIX_ISA::score};

}  // namespace gaussmix
