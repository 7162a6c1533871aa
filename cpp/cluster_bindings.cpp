#include "cluster_bindings.hpp"

#include <algorithm>

#include "arrays.hpp"
#include "em/row_moves.hpp"
#include "pass/cluster_means.hpp"
#include "released.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

gaussmix::Partition partition_of(const In& rows, const std::optional<In>& row_weights, const Labels& labels,
                                 std::size_t k) {
  if (rows.ndim() != 2) throw nb::value_error("rows must have two axes");
  const std::size_t n = rows.shape(0), d = rows.shape(1);
  sized(labels, n, "labels");
  const std::int64_t most = static_cast<std::int64_t>(k);
  if (!std::all_of(labels.data(), labels.data() + n, [=](std::int64_t label) { return 0 <= label && label < most; })) {
    throw nb::value_error("labels must be from 0 to k - 1");
  }
  return {rows.data(),        sized_or_null(row_weights, n, "row_weights"), labels.data(), n, static_cast<int>(d),
          static_cast<int>(k)};
}

void cluster_means(const In& rows, const std::optional<In>& row_weights, const Labels& labels, const In& center,
                   double unit, const Out& means, const Out& deviations) {
  const std::size_t n = rows.shape(0), d = rows.shape(1), k = means.size() / d;
  const gaussmix::Partition partition = partition_of(rows, row_weights, labels, k);
  sized(center, d, "center"), sized(means, k * d, "means");
  const gaussmix::Released released(gaussmix::operations(n, 1, d));
  gaussmix::cluster_means(partition, center.data(), unit, means.data(), sized(deviations, n * d, "deviations"));
}

void gains_of_row_moves(const In& rows, const std::optional<In>& row_weights, const Labels& labels,
                        const std::string& form, const Labels& some, const Out& gains) {
  const std::size_t m = some.size();
  if (m == 0) return;
  const std::size_t k = gains.size() / m;
  const gaussmix::Partition partition = partition_of(rows, row_weights, labels, k);
  const std::int64_t n = static_cast<std::int64_t>(partition.n_rows);
  if (!std::all_of(some.data(), some.data() + m, [=](std::int64_t row) { return 0 <= row && row < n; })) {
    throw nb::value_error("some must be numbers of rows");
  }
  const gaussmix::Form shape = form_of(form);
  const gaussmix::Released released(gaussmix::operations(m, k, rows.shape(1)));
  gaussmix::gains_of_row_moves(partition, shape, some.data(), m, sized(gains, m * k, "gains"));
}

}  // namespace

void bind_clusters(nb::module_& module) {
  module.def("cluster_means", &cluster_means, "rows"_a, "row_weights"_a.none(), "labels"_a, "center"_a, "unit"_a,
             "means"_a.noconvert(), "deviations"_a.noconvert(),
             "Fill the means of clusters and the deviations of rows from them (cpp/pass/cluster_means.hpp).");
  module.def("gains_of_row_moves", &gains_of_row_moves, "rows"_a, "row_weights"_a.none(), "labels"_a, "form"_a,
             "some"_a, "gains"_a.noconvert(), "Fill what moves of single rows gain (cpp/em/row_moves.hpp).");
}
