// Kernels for one block of rows, and the choice of a form. Compiled once per instruction set and number type:
// GAUSSMIX_ISA names the namespace, GAUSSMIX_SINGLE stands for float.
#include "kernels/kernels.hpp"

#include <new>

#include "kernels/form_diagonal.hpp"
#include "kernels/form_full.hpp"
#ifndef GAUSSMIX_SINGLE
#include "kernels/conditional_tile.hpp"
#include "kernels/form_incomplete.hpp"
#include "kernels/form_incomplete_axes.hpp"
#include "kernels/nearest_tile.hpp"
#endif
#include "kernels/form_medium.hpp"
#include "kernels/form_small.hpp"
#include "kernels/form_spherical.hpp"
#include "kernels/form_tied.hpp"
#include "kernels/form_turned.hpp"
#include "kernels/form_wide.hpp"
#include "kernels/tails.hpp"

namespace gaussmix {
namespace GAUSSMIX_ISA {
namespace {

// Outside the kernels a packed mixture is a buffer of doubles.
Real* as_reals(double* packed) { return reinterpret_cast<Real*>(packed); }
const Real* as_reals(const double* packed) { return reinterpret_cast<const Real*>(packed); }

// A form as a table of functions: no other code depends on the class of a form.
struct FormFunctions {
  std::size_t (*packed_size)(const Mixture&);
  void (*pack)(const Mixture&, Real*);
  FormKernel* (*make)(void* place, const Mixture&, const Real* packed, Arena&, bool sums);
};

constexpr std::size_t kMostKernel = 512;  // bytes of an object of any form

template <class Class>
FormKernel* make(void* place, const Mixture& m, const Real* packed, Arena& arena, bool sums) {
  static_assert(sizeof(Class) <= kMostKernel && alignof(Class) <= 8);
  return new (place) Class(m, packed, arena, sums);
}
template <class Class>
constexpr FormFunctions kFunctions = {Class::packed_size, Class::pack, make<Class>};

// The kernel for a mixture.
class Kernel {
 public:
  Kernel(const Mixture& m, const FormFunctions& form, const double* packed, Arena& arena, bool sums)
      : kernel_(form.make(place_, m, as_reals(packed), arena, sums)) {}
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  FormKernel& operator*() { return *kernel_; }

 private:
  alignas(8) unsigned char place_[kMostKernel];
  FormKernel* kernel_;
};

template <Shape shape>
const FormFunctions* small_form(int n_features) {
  switch (n_features) {
    case 1:
      return &kFunctions<Small<1, Shape::diagonal>>;
    case 2:
      return &kFunctions<Small<2, shape>>;
    case 3:
      return &kFunctions<Small<3, shape>>;
    case 4:
      return &kFunctions<Small<4, shape>>;
  }
  return nullptr;
}

const FormFunctions& form_for(const Mixture& m) {
#ifndef GAUSSMIX_SINGLE
  if (m.incomplete) {
    return m.form == Form::full || m.form == Form::tied ? kFunctions<Incomplete> : kFunctions<IncompleteAxes>;
  }
#endif
  if (m.basis) return kFunctions<Turned>;
  const FormFunctions* small = m.form == Form::spherical  ? small_form<Shape::sphere>(m.n_features)
                               : m.form == Form::diagonal ? small_form<Shape::diagonal>(m.n_features)
                                                          : small_form<Shape::triangle>(m.n_features);
  if (small) return *small;
  switch (m.form) {
    case Form::tied:
      return kFunctions<Tied>;
    case Form::diagonal:
      return kFunctions<Diagonal>;
    case Form::spherical:
      return kFunctions<Spherical>;
    case Form::full:
      break;
  }
  if (is_wide(m)) return kFunctions<Wide>;
  return is_medium(m) ? kFunctions<Medium> : kFunctions<Full>;
}

Layout layout(const Mixture& m) {
  const FormFunctions& form = form_for(m);
  Arena arena(nullptr);
  Kernel kernel(m, form, nullptr, arena, true);
  const TailKernel tails(m, (*kernel).tile, arena);
  Layout sizes = {form.packed_size(m) * sizeof(Real) / sizeof(double) + 1, arena.used(),
                  places_in_partial(m, kPad).size, 0};
  if (is_wide(m)) {
    Arena shared(nullptr), scratch(nullptr);
    Wide wide(m, nullptr, shared, kWideRows, true);
    const TailKernel shared_tails(m, wide.tile, shared);
    Wide::Thread thread(wide, scratch);
    sizes.shared = shared.used();
    if (scratch.used() > sizes.scratch) sizes.scratch = scratch.used();
  }
  return sizes;
}

void pack(const Mixture& m, double* packed) { form_for(m).pack(m, as_reals(packed)); }

int rows_of_tile(const FormKernel& kernel, std::size_t first, std::size_t end) {
  const auto size = static_cast<std::size_t>(kernel.tile.size);
  return static_cast<int>(end - first < size ? end - first : size);
}

void accumulate(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
                double* scratch, double* sums) {
  Arena arena(scratch);
  Kernel form(m, form_for(m), packed, arena, true);
  FormKernel& kernel = *form;
  TailKernel tails(m, kernel.tile, arena);
  const Partial partial(m, sums);
  for (std::size_t first = begin; first < end; first += kernel.tile.size) {
    const int count = rows_of_tile(kernel, first, end);
    if (kernel.shrinks) kernel.tile.size = static_cast<int>(gaussmix::padded(count, kLanes));
    kernel.load(rows, first, count);
    prefetch_rows(rows, first + count, end, kernel.tile.size);
    load_weights(rows, first, count, kernel.tile);
    kernel.score();
    tails.score(kernel.tile, 0, kernel.tile.size);
    score_background(rows, m, first, count, kernel.tile);
    add_log_prior(rows, first, count, kernel.tile);
    double log_likelihood = 0.0, entropy = 0.0;
    normalize(kernel.tile, 0, kernel.tile.size, log_likelihood, entropy);
    *partial.log_likelihood += log_likelihood;
    *partial.entropy += entropy;
    if (m.background) *partial.background += sum_of_background(kernel.tile, 0, kernel.tile.size);
    tails.weigh(kernel.tile, 0, kernel.tile.size);
    kernel.add(partial);
  }
  kernel.finish(partial);
  tails.finish(partial);
}

void accumulate_together(const Rows& rows, const Mixture& m, const double* packed, double* shared,
                         double* const* scratch, int n_threads, double* sums) {
  accumulate_wide(rows, m, as_reals(packed), shared, scratch, n_threads, sums);
}

#ifdef GAUSSMIX_SINGLE
constexpr auto score = nullptr;
constexpr auto condition_scratch = nullptr;
constexpr auto condition = nullptr;
constexpr auto nearest_scratch = nullptr;
constexpr auto accumulate_nearest = nullptr;
#else
void score(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
           double* scratch, const Scores& out) {
  Arena arena(scratch);
  Kernel form(m, form_for(m), packed, arena, false);
  FormKernel& kernel = *form;
  TailKernel tails(m, kernel.tile, arena);
  for (std::size_t first = begin; first < end; first += kernel.tile.size) {
    const int count = rows_of_tile(kernel, first, end);
    kernel.load(rows, first, count);
    prefetch_rows(rows, first + count, end, kernel.tile.size);
    kernel.score();
    tails.score(kernel.tile, 0, kernel.tile.size);
    score_background(rows, m, first, count, kernel.tile);
    add_log_prior(rows, first, count, kernel.tile);
    write_scores(kernel.tile, first, count, out);
  }
}

std::size_t condition_scratch(const Mixture& m, const Regressions& regressions) {
  Arena arena(nullptr);
  Kernel form(m, form_for(m), nullptr, arena, false);
  const ConditionalTile conditional(regressions, (*form).tile, arena);
  return arena.used();
}

void condition(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
               double* scratch, const Regressions& regressions, const ConditionalMoments& to) {
  Arena arena(scratch);
  Kernel form(m, form_for(m), packed, arena, false);
  FormKernel& kernel = *form;
  ConditionalTile conditional(regressions, kernel.tile, arena);
  const bool averages = to.means || to.variances || to.covariances;
  for (std::size_t first = begin; first < end; first += kernel.tile.size) {
    const int count = rows_of_tile(kernel, first, end);
    conditional.load(rows, first, count);
    prefetch_rows(rows, first + count, end, kernel.tile.size);
    conditional.predict();
    if (averages) {
      kernel.load(rows, first, count);
      kernel.score();
      conditional.average();
    }
    conditional.write(first, count, to);
  }
}

std::size_t nearest_scratch(const Mixture& m, int n_kept) {
  Arena arena(nullptr);
  Kernel form(m, form_for(m), nullptr, arena, true);
  const NearestTile nearest(n_kept, (*form).tile, arena);
  return arena.used();
}

void accumulate_nearest(const Rows& rows, const Mixture& m, const double* packed, std::size_t begin, std::size_t end,
                        const Nearest& to, double* scratch, double* sums) {
  Arena arena(scratch);
  Kernel form(m, form_for(m), packed, arena, true);
  FormKernel& kernel = *form;
  NearestTile nearest(to.n_kept, kernel.tile, arena);
  kernel.tile.present = nearest.present();
  const Partial partial(m, sums);
  const int most = kernel.tile.size;
  for (std::size_t first = begin; first < end; first += most) {
    const int count = rows_of_tile(kernel, first, end);
    const unsigned char* const is_taken = to.is_taken ? to.is_taken + (first - begin) : nullptr;
    if (kernel.shrinks) kernel.tile.size = static_cast<int>(gaussmix::padded(count, kLanes));
    kernel.load(rows, first, count);
    prefetch_rows(rows, first + count, rows.n_rows, most);
    load_weights(rows, first, count, kernel.tile);
    for (int n = 0; is_taken && n < count; ++n) {
      if (!is_taken[n]) kernel.tile.weight[n] = 0.0;
    }
    kernel.score();
    double log_likelihood = 0.0, entropy = 0.0;
    nearest.normalize(kernel.tile, count, first, is_taken, to, log_likelihood, entropy);
    *partial.log_likelihood += log_likelihood;
    *partial.entropy += entropy;
    kernel.add(partial);
  }
  nearest.finish(kernel.tile, to);
  kernel.finish(partial);
}
#endif

#define GAUSSMIX_TEXT(name) #name
#define GAUSSMIX_NAME(name) GAUSSMIX_TEXT(name)
#define GAUSSMIX_JOIN(a, b) a##b
#define GAUSSMIX_TABLE(name) GAUSSMIX_JOIN(kernels_, name)

}  // namespace
}  // namespace GAUSSMIX_ISA

const Kernels GAUSSMIX_TABLE(GAUSSMIX_ISA) = {GAUSSMIX_NAME(GAUSSMIX_ISA),
                                              GAUSSMIX_ISA::kPad,
                                              GAUSSMIX_ISA::layout,
                                              GAUSSMIX_ISA::pack,
                                              GAUSSMIX_ISA::accumulate,
                                              GAUSSMIX_ISA::accumulate_together,
                                              GAUSSMIX_ISA::score,
                                              GAUSSMIX_ISA::condition_scratch,
                                              GAUSSMIX_ISA::condition,
                                              GAUSSMIX_ISA::nearest_scratch,
                                              GAUSSMIX_ISA::accumulate_nearest};

}  // namespace gaussmix
