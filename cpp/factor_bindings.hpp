// Passes for factor covariances (factor/factor.hpp) for Python.
#pragma once

#include <nanobind/nanobind.h>

void bind_factors(nanobind::module_& module);
