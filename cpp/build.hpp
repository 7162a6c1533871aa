// A description of the build: compiler, standard, OpenMP, flags. CMakeLists.txt defines GAUSSMIX_FLAGS.
#pragma once

#define GAUSSMIX_TEXT_OF(value) #value
#define GAUSSMIX_TEXT(macro) GAUSSMIX_TEXT_OF(macro)

#ifdef __clang__
#define GAUSSMIX_COMPILER __VERSION__
#else
#define GAUSSMIX_COMPILER "GCC " __VERSION__
#endif

#ifdef _OPENMP
#define GAUSSMIX_OPENMP "OpenMP " GAUSSMIX_TEXT(_OPENMP)
#else
#define GAUSSMIX_OPENMP "no OpenMP"
#endif

namespace gaussmix {

inline constexpr const char* kBuild =
    GAUSSMIX_COMPILER ", C++ " GAUSSMIX_TEXT(__cplusplus) ", " GAUSSMIX_OPENMP ", " GAUSSMIX_FLAGS;

}  // namespace gaussmix
