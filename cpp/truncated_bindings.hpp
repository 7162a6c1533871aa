// Passes with a few candidates for each row (truncated/truncated.hpp) for Python.
#pragma once

#include <nanobind/nanobind.h>

void bind_truncated(nanobind::module_& module);
