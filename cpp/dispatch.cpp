// Choice of the compiled kernels: the best instruction set of this processor, or one given by name.
#include <cstring>
#ifdef GAUSSMIX_X86
#include <cpuid.h>
#endif

#include "imaging/field_kernels.hpp"
#include "imaging/fraction_kernels.hpp"
#include "kernels/factor_kernels.hpp"
#include "kernels/kernels.hpp"

namespace gaussmix {

namespace {

#ifdef GAUSSMIX_X86

// The registers that the operating system saves, by kind (Intel SDM volume 1, section 13.3): XCR0.
unsigned saved_registers() {
  unsigned low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

// Instruction sets that the processor has and the operating system supports (Intel SDM volume 2, CPUID).
void look_at_processor(bool& avx2, bool& avx512) {
  avx2 = avx512 = false;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return;
  const bool xgetbv = c >> 27 & 1, fma = c >> 12 & 1;
  if (!xgetbv || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
  const unsigned saved = saved_registers();
  constexpr unsigned kYmm = 0x06, kZmm = 0xe6;
  avx2 = fma && (b >> 5 & 1) && (saved & kYmm) == kYmm;
  const bool f = b >> 16 & 1, dq = b >> 17 & 1, bw = b >> 30 & 1, vl = b >> 31 & 1;
  avx512 = avx2 && f && dq && bw && vl && (saved & kZmm) == kZmm;
}

#endif

struct Compiled {
  const Kernels *exact, *rough;
  const FieldKernels* field;
  const FractionKernels* fractions;
  const FactorKernels* factors;
};

int available(Compiled found[4]) {
  int count = 0;
#ifdef GAUSSMIX_X86
  bool avx2 = false, avx512 = false;
  look_at_processor(avx2, avx512);
  if (avx512)
    found[count++] = {&kernels_avx512, &kernels_avx512_single, &field_avx512_single, &fractions_avx512_single,
                      &factor_avx512};
  if (avx2)
    found[count++] = {&kernels_avx2, &kernels_avx2_single, &field_avx2_single, &fractions_avx2_single, &factor_avx2};
#endif
  found[count++] = {&kernels_baseline, &kernels_baseline_single, &field_baseline_single, &fractions_baseline_single,
                    &factor_baseline};
  return count;
}

Compiled best() {
  Compiled found[4];
  available(found);
  return found[0];
}

Compiled selected = best();

}  // namespace

const Kernels& selected_kernels(bool rough) { return rough ? *selected.rough : *selected.exact; }
const FieldKernels& selected_field_kernels() { return *selected.field; }
const FractionKernels& selected_fraction_kernels() { return *selected.fractions; }
const FactorKernels& selected_factor_kernels() { return *selected.factors; }

int instruction_sets(const char* names[4]) {
  Compiled found[4];
  const int count = available(found);
  for (int i = 0; i < count; ++i) names[i] = found[i].exact->name;
  return count;
}

const char* selected_instruction_set() { return selected.exact->name; }

bool select_instruction_set(const char* name) {
  Compiled found[4];
  const int count = available(found);
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(found[i].exact->name, name) == 0) {
      selected = found[i];
      return true;
    }
  }
  return false;
}

}  // namespace gaussmix
