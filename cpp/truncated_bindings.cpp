#include "truncated_bindings.hpp"

#include <nanobind/stl/pair.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "arrays.hpp"
#include "released.hpp"
#include "threads.hpp"
#include "truncated/truncated.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Components = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutComponents = nb::ndarray<std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Blocks = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutScores = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutOrder = nb::ndarray<std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// Throws unless all components exist; -1 is an empty place.
template <class Array>
void require_components(const Array& array, std::size_t n_components, const char* name) {
  const auto count = static_cast<std::int32_t>(n_components);
  const std::int32_t* const data = array.data();
  const std::size_t size = array.size();
  std::int32_t is_wrong = 0;  // without branches, since there are several for each row
  for (std::size_t i = 0; i < size; ++i) is_wrong |= (data[i] < -1) | (data[i] >= count);
  if (is_wrong) throw nb::value_error((std::string(name) + " has a component that does not exist").c_str());
}

// Throws unless the blocks cover the rows in order.
void require_blocks(const Blocks& blocks, std::size_t n_rows) {
  bool is_valid = blocks.size() > 1 && blocks.data()[0] == 0;
  is_valid = is_valid && blocks.data()[blocks.size() - 1] == static_cast<std::int64_t>(n_rows);
  for (std::size_t b = 0; is_valid && b + 1 < blocks.size(); ++b) is_valid = blocks.data()[b] < blocks.data()[b + 1];
  if (!is_valid) throw nb::value_error("blocks must begin at 0, ascend and end at the number of rows");
}

std::pair<std::int64_t, std::int64_t> accumulate(const Table& rows, const std::optional<In>& row_weights,
                                                 const std::string& form, const In& offsets, const In& means,
                                                 const In& factors, const Blocks& blocks,
                                                 const std::optional<Components>& neighbors, int n_random,
                                                 std::uint64_t stream, bool everything, double reach,
                                                 const OutComponents& candidates, const OutScores& greatest,
                                                 const Out& counts, const Out& shifts, const Out& scatter,
                                                 const Out& totals, const std::optional<OutComponents>& rebuilt) {
  gaussmix::Mixture mixture = mixture_of(form, offsets, means, factors, std::nullopt);
  if (mixture.form == gaussmix::Form::tied) throw nb::value_error("a truncated pass takes a factor per component");
  const std::size_t n = rows.shape(0), d = rows.shape(1), k = mixture.n_components;
  if (d != means.shape(1)) throw nb::value_error("rows have the wrong number of columns");
  if (n > std::numeric_limits<std::uint32_t>::max()) throw nb::value_error("rows must be fewer than 2^32");
  if (candidates.shape(0) != n || candidates.shape(1) < 1) throw nb::value_error("candidates have the wrong size");
  if (greatest.size() != n) throw nb::value_error("greatest has the wrong size");
  if (neighbors && neighbors->shape(0) != k) throw nb::value_error("neighbors have the wrong size");
  if (rebuilt && rebuilt->shape(0) != k) throw nb::value_error("rebuilt has the wrong size");
  require_blocks(blocks, n);
  if (neighbors) require_components(*neighbors, k, "neighbors");
  require_components(candidates, k, "candidates");
  const gaussmix::Rows table{
      rows.data(), scalar_of(rows), n, static_cast<int>(d), sized_or_null(row_weights, n, "row_weights"), nullptr};
  const gaussmix::Neighborhoods look{neighbors ? static_cast<int>(neighbors->shape(1)) : 0,
                                     neighbors ? neighbors->data() : nullptr, n_random, stream, everything};
  const gaussmix::Candidates own{static_cast<int>(candidates.shape(1)), reach, candidates.data(), greatest.data()};
  std::vector<gaussmix::Relation> relations;
  gaussmix::TruncatedSums to{
      {sized(counts, k, "counts"), sized(shifts, means.size(), "shifts"), sized(scatter, factors.size(), "scatter"),
       nullptr, sized(totals, 2, "totals"), totals.data() + 1, nullptr},
      rebuilt ? &relations : nullptr};
  const gaussmix::Released released;
  gaussmix::accumulate_truncated(table, mixture, static_cast<std::int64_t>(blocks.size()) - 1, blocks.data(), look,
                                 gaussmix::max_threads(), own, to);
  if (rebuilt) {
    gaussmix::rebuild_neighbors(relations, static_cast<int>(k), static_cast<int>(rebuilt->shape(1)), rebuilt->data());
  }
  return {to.n_scores, to.n_strays};
}

void chain_components(const Components& neighbors, const OutOrder& order) {
  if (order.size() != neighbors.shape(0)) throw nb::value_error("order has the wrong size");
  require_components(neighbors, order.size(), "neighbors");
  gaussmix::chain_components(static_cast<int>(order.size()), static_cast<int>(neighbors.shape(1)), neighbors.data(),
                             order.data());
}

}  // namespace

void bind_truncated(nb::module_& module) {
  module.def(
      "accumulate_truncated", &accumulate, "rows"_a, "row_weights"_a.none(), "form"_a, "offsets"_a, "means"_a,
      "factors"_a, "blocks"_a, "neighbors"_a.none(), "n_random"_a, "stream"_a, "everything"_a, "reach"_a,
      "candidates"_a.noconvert(), "greatest"_a.noconvert(), "counts"_a.noconvert(), "shifts"_a.noconvert(),
      "scatter"_a.noconvert(), "totals"_a.noconvert(), "rebuilt"_a.none().noconvert(),
      "Add the sums of one truncated pass, replace the candidates, and return the number of scores and of strays "
      "(cpp/truncated/truncated.hpp).");
  module.def("chain_components", &chain_components, "neighbors"_a, "order"_a.noconvert(),
             "Fill an order of the components in which neighbors are near each other.");
}
