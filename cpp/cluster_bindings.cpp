#include "cluster_bindings.hpp"

#include <algorithm>

#include "arrays.hpp"
#include "pass/cluster_means.hpp"
#include "released.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

void cluster_means(const In& rows, const std::optional<In>& row_weights, const Labels& labels, const In& center,
                   double unit, const Out& means, const Out& deviations) {
  if (rows.ndim() != 2) throw nb::value_error("rows must have two axes");
  const std::size_t n = rows.shape(0), d = rows.shape(1), k = means.size() / d;
  sized(labels, n, "labels"), sized(center, d, "center"), sized(means, k * d, "means");
  const std::int64_t most = static_cast<std::int64_t>(k);
  if (!std::all_of(labels.data(), labels.data() + n, [=](std::int64_t label) { return 0 <= label && label < most; })) {
    throw nb::value_error("labels must be from 0 to k - 1");
  }
  const gaussmix::Partition partition{rows.data(),         sized_or_null(row_weights, n, "row_weights"),
                                      labels.data(),       n,
                                      static_cast<int>(d), static_cast<int>(k)};
  const gaussmix::Released released(gaussmix::operations(n, 1, d));
  gaussmix::cluster_means(partition, center.data(), unit, means.data(), sized(deviations, n * d, "deviations"));
}

}  // namespace

void bind_clusters(nb::module_& module) {
  module.def("cluster_means", &cluster_means, "rows"_a, "row_weights"_a.none(), "labels"_a, "center"_a, "unit"_a,
             "means"_a.noconvert(), "deviations"_a.noconvert(),
             "Fill the means of clusters and the deviations of rows from them (cpp/pass/cluster_means.hpp).");
}
