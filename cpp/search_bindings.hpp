// The steps of a search (em/search.hpp) and the clusters it starts from (em/clustering.hpp) for Python.
#pragma once

#include <nanobind/nanobind.h>

void bind_search(nanobind::module_& module);
