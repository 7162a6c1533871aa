// Means of clusters (pass/cluster_means.hpp) for Python.
#pragma once

#include <nanobind/nanobind.h>

void bind_clusters(nanobind::module_& module);
