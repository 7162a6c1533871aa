// Which instruction set serves this processor.
#include <cstring>

#include "kernels.hpp"

namespace gaussmix {

namespace {

int available(const Kernels* found[4]) {
  int count = 0;
#ifdef GAUSSMIX_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    found[count++] = &kernels_avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found[count++] = &kernels_avx2;
#endif
  found[count++] = &kernels_baseline;
  return count;
}

const Kernels* best() {
  const Kernels* found[4];
  available(found);
  return found[0];
}

const Kernels* selected = best();

}  // namespace

const Kernels& selected_kernels() { return *selected; }

int instruction_sets(const char* names[4]) {
  const Kernels* found[4];
  const int count = available(found);
  for (int i = 0; i < count; ++i) names[i] = found[i]->name;
  return count;
}

const char* selected_instruction_set() { return selected->name; }

bool select_instruction_set(const char* name) {
  const Kernels* found[4];
  const int count = available(found);
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(found[i]->name, name) == 0) {
      selected = found[i];
      return true;
    }
  }
  return false;
}

}  // namespace gaussmix
