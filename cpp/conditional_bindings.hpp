// Conditional distributions (pass/conditional.hpp) for Python.
#pragma once

#include <nanobind/nanobind.h>

void bind_conditional(nanobind::module_& module);
