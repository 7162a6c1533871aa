#include "factor_bindings.hpp"

#include <cstdint>

#include "arrays.hpp"
#include "factor/factor.hpp"
#include "released.hpp"
#include "threads.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using Lengths = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutLengths = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Best = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutBest = nb::ndarray<std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

gaussmix::FactorMixture mixture_of(const In& offsets, const In& means, const In& factors) {
  if (means.ndim() != 2 || factors.ndim() != 3) throw nb::value_error("means and factors have the wrong shape");
  const std::size_t k = means.shape(0), d = means.shape(1), width = factors.shape(2);
  if (k < 1 || width < 1) throw nb::value_error("means and factors have the wrong shape");
  return {static_cast<int>(k),          static_cast<int>(d), static_cast<int>(width) - 1,
          sized(offsets, k, "offsets"), means.data(),        sized(factors, k * d * width, "factors")};
}

gaussmix::Rows rows_of(const Table& rows, const std::optional<In>& row_weights, const std::optional<In>& log_prior,
                       const gaussmix::FactorMixture& mixture) {
  const std::size_t n = rows.shape(0), d = rows.shape(1);
  if (static_cast<int>(d) != mixture.n_features) throw nb::value_error("rows have the wrong number of columns");
  return {rows.data(),
          scalar_of(rows),
          n,
          static_cast<int>(d),
          sized_or_null(row_weights, n, "row_weights"),
          sized_or_null(log_prior, n * mixture.n_components, "log_prior")};
}

void accumulate(const Table& rows, const std::optional<In>& row_weights, const std::optional<In>& log_prior,
                const In& offsets, const In& means, const In& factors, const std::optional<Lengths>& least,
                const std::optional<Best>& best, const In& moves, const In& scales,
                const std::optional<OutLengths>& next_least, const std::optional<OutBest>& next_best, const Out& totals,
                const Out& counts, const Out& along, const Out& inner, const Out& columns) {
  const gaussmix::FactorMixture mixture = mixture_of(offsets, means, factors);
  const std::size_t n = rows.shape(0), k = mixture.n_components, q = mixture.n_factors;
  const gaussmix::Rows table = rows_of(rows, row_weights, log_prior, mixture);
  if (least.has_value() != best.has_value() || next_least.has_value() != next_best.has_value()) {
    throw nb::value_error("lengths need the best components");
  }
  if (best) {
    sized(*best, n, "best");
    for (std::size_t i = 0; i < n; ++i) {
      if (best->data()[i] < 0 || best->data()[i] >= mixture.n_components) {
        throw nb::value_error("best has a component that does not exist");
      }
    }
  }
  const gaussmix::KnownLengths known{sized_or_null(least, n * k, "least"),
                                     best ? best->data() : nullptr,
                                     sized(moves, k, "moves"),
                                     sized(scales, k, "scales"),
                                     sized_or_null(next_least, n * k, "next_least"),
                                     sized_or_null(next_best, n, "next_best")};
  const gaussmix::FactorSums sums{
      sized(totals, 2, "totals"),       totals.data() + 1,
      sized(counts, k, "counts"),       sized(along, k * q, "along"),
      sized(inner, k * q * q, "inner"), sized(columns, k * (2 + q) * mixture.n_features, "columns")};
  const gaussmix::Released released;
  gaussmix::accumulate_factors(table, mixture, known, gaussmix::max_threads(), sums);
}

void score(const Table& rows, const std::optional<In>& log_prior, const In& offsets, const In& means, const In& factors,
           const Out& scores) {
  const gaussmix::FactorMixture mixture = mixture_of(offsets, means, factors);
  const gaussmix::Rows table = rows_of(rows, std::nullopt, log_prior, mixture);
  double* to = sized(scores, table.n_rows * mixture.n_components, "scores");
  const gaussmix::Released released;
  gaussmix::score_factors(table, mixture, gaussmix::max_threads(), to);
}

}  // namespace

void bind_factors(nb::module_& module) {
  module.def("accumulate_factors", &accumulate, "rows"_a, "row_weights"_a.none(), "log_prior"_a.none(), "offsets"_a,
             "means"_a, "factors"_a, "least"_a.none(), "best"_a.none(), "moves"_a, "scales"_a,
             "next_least"_a.none().noconvert(), "next_best"_a.none().noconvert(), "totals"_a.noconvert(),
             "counts"_a.noconvert(), "along"_a.noconvert(), "inner"_a.noconvert(), "columns"_a.noconvert(),
             "Write the sums of a pass for factor covariances (cpp/factor/factor.hpp).");
  module.def("score_factors", &score, "rows"_a, "log_prior"_a.none(), "offsets"_a, "means"_a, "factors"_a,
             "scores"_a.noconvert(), "Write the scores of rows for factor covariances.");
  module.def("factor_block_rows", &gaussmix::factor_block_rows, "n_components"_a, "n_factors"_a,
             "Return the number of rows whose sums are formed on their own.");
}
