// Initial partitions of the search over models for Python.
#pragma once

#include <nanobind/nanobind.h>

void bind_partitions(nanobind::module_& module);
