// Python module, the search over models: initial partitions (em/clustering.hpp), and volumes of covariances.
#include "partition_bindings.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "em/clustering.hpp"
#include "em/structures.hpp"
#include "released.hpp"
#include "threads.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Sizes = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using LabelsOut = nb::ndarray<std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void k_means(const In& rows, const std::optional<In>& weights, int k, int n_tries, int max_iter, const In& uniforms,
             const LabelsOut& labels) {
  const gaussmix::Points points = points_of(rows, weights);
  const std::size_t m = labels.shape(0), n = points.n_rows, d = rows.shape(1);
  if (labels.shape(1) != n) throw nb::value_error("labels has the wrong size");
  const std::size_t each = 1 + static_cast<std::size_t>(k - 1) * n_tries;
  sized(uniforms, m * each, "uniforms");
  const gaussmix::Released released;
  std::vector<std::int64_t> seeds(k);
  std::vector<double> centers(k * d);
  for (std::size_t i = 0; i < m; ++i) {
    gaussmix::draw_seeds(points, k, n_tries, uniforms.data() + i * each, seeds.data());
    for (int c = 0; c < k; ++c) std::copy_n(points.rows + seeds[c] * d, d, centers.begin() + c * d);
    gaussmix::k_means(points, k, max_iter, 0.0, centers.data(), labels.data() + i * n);
  }
}

void merge_trees(const std::vector<In>& rows, const std::optional<In>& weights, const std::vector<std::string>& forms,
                 double pseudo, const std::vector<LabelTable>& cells, const Sizes& sizes,
                 const std::vector<LabelsOut>& labels, int n_threads) {
  const std::size_t m = rows.size();
  if (forms.size() != m || cells.size() != m || labels.size() != m) throw nb::value_error("lists must be as long");
  std::vector<gaussmix::Points> points;
  std::vector<gaussmix::Form> shapes;
  std::vector<int> n_cells;
  for (std::size_t i = 0; i < m; ++i) {
    points.push_back(points_of(rows[i], weights));
    shapes.push_back(form_of(forms[i]));
    if (cells[i].size() != points[i].n_rows || labels[i].shape(0) != sizes.shape(0) ||
        labels[i].shape(1) != points[i].n_rows) {
      throw nb::value_error("labels have the wrong size");
    }
    std::int64_t greatest = -1;
    for (std::size_t n = 0; n < points[i].n_rows; ++n) {
      if (cells[i].data()[n] < 0) throw nb::value_error("cells must not be negative");
      greatest = std::max(greatest, cells[i].data()[n]);
    }
    n_cells.push_back(static_cast<int>(greatest) + 1);
  }
  const gaussmix::Released released;
  gaussmix::parallel_for(static_cast<std::int64_t>(m), n_threads, [&](std::int64_t i, int) {
    gaussmix::merge_cells(points[i], shapes[i], pseudo, cells[i].data(), n_cells[i], sizes.data(), sizes.shape(0),
                          labels[i].data());
  });
}

bool common_volumes(const In& counts, const In& covariances, double tolerance, const Out& volumes) {
  if (covariances.ndim() != 3) throw nb::value_error("covariances must have three axes");
  const std::size_t k = covariances.shape(0), d = covariances.shape(1);
  sized(covariances, k * d * d, "covariances"), sized(counts, k, "counts"), sized(volumes, k, "volumes");
  const gaussmix::Released released;
  std::vector<double> room;
  return gaussmix::find_volumes(static_cast<int>(k), static_cast<int>(d), counts.data(), covariances.data(), tolerance,
                                volumes.data(), room);
}

}  // namespace

void bind_partitions(nb::module_& module) {
  module.def("common_volumes", &common_volumes, "counts"_a, "covariances"_a, "tolerance"_a, "volumes"_a.noconvert(),
             "Find the volumes of covariances that are multiples of one matrix, in place (cpp/em/structures.hpp).");
  module.def("k_means_labels", &k_means, "rows"_a.noconvert(), "row_weights"_a.none(), "n_components"_a, "n_tries"_a,
             "max_iter"_a, "uniforms"_a, "labels"_a.noconvert(),
             "Fill the labels of runs of k-means (cpp/em/clustering.hpp).");
  module.def("merge_tree_labels", &merge_trees, "rows"_a, "row_weights"_a.none(), "forms"_a, "pseudo"_a, "cells"_a,
             "sizes"_a, "labels"_a, "n_threads"_a,
             "Fill the labels of clusters of several sizes, merged from cells, for each tree.");
}
