#include "conditional_bindings.hpp"

#include "arrays.hpp"
#include "pass/conditional.hpp"
#include "released.hpp"
#include "threads.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

// The size of an axis of an array with so many axes.
template <class Array>
std::size_t axis_of(const Array& array, std::size_t axis, std::size_t n_axes, const char* name) {
  if (array.ndim() != n_axes) throw nb::value_error((std::string(name) + " has the wrong number of axes").c_str());
  return array.shape(axis);
}

void condition_rows(const In& rows, const std::string& form, const In& offsets, const In& observed_means,
                    const In& factors, const In& target_means, const std::optional<In>& coefficients,
                    const In& residual_variances, const std::optional<In>& residual_covariances,
                    const std::optional<Out>& means, const std::optional<Out>& covariances,
                    const std::optional<Out>& variances, const std::optional<Out>& component_means) {
  const std::size_t n = axis_of(rows, 0, 2, "rows"), s = rows.shape(1);
  const std::size_t k = axis_of(target_means, 0, 2, "target_means"), q = target_means.shape(1);
  const gaussmix::Regressions regressions{static_cast<int>(k),
                                          static_cast<int>(s),
                                          static_cast<int>(q),
                                          sized(observed_means, k * s, "observed_means"),
                                          target_means.data(),
                                          sized_or_null(coefficients, k * q * s, "coefficients"),
                                          sized(residual_variances, k * q, "residual_variances"),
                                          sized_or_null(residual_covariances, k * q * q, "residual_covariances")};
  if (covariances && !residual_covariances) throw nb::value_error("covariances need those of the residuals");
  const gaussmix::Mixture mixture = mixture_of(form, offsets, observed_means, factors, {});
  const gaussmix::Rows observed{rows.data(), gaussmix::Scalar::float64, n, static_cast<int>(s), nullptr, nullptr};
  const gaussmix::ConditionalMoments to{
      sized_or_null(means, n * q, "means"), sized_or_null(covariances, n * q * q, "covariances"),
      sized_or_null(variances, n * q, "variances"), sized_or_null(component_means, n * k * q, "component_means")};
  const gaussmix::Released released;
  gaussmix::condition_rows(observed, mixture, regressions, gaussmix::max_threads(), to);
}

gaussmix::NormalMixtures mixtures_of(const In& weights, const In& means, const In& deviations) {
  const std::size_t n = axis_of(weights, 0, 2, "weights"), k = weights.shape(1);
  return {n, static_cast<int>(k), weights.data(), sized(means, n * k, "means"), sized(deviations, k, "deviations")};
}

void cumulative_probabilities(const In& weights, const In& means, const In& deviations, const In& values,
                              const Out& to) {
  const gaussmix::NormalMixtures mixtures = mixtures_of(weights, means, deviations);
  sized(values, mixtures.n_rows, "values");
  sized(to, mixtures.n_rows, "to");
  const gaussmix::Released released;
  gaussmix::cumulative_probabilities(mixtures, values.data(), gaussmix::max_threads(), to.data());
}

void quantiles(const In& weights, const In& means, const In& deviations, const In& levels, const In& scores,
               const Out& to) {
  const gaussmix::NormalMixtures mixtures = mixtures_of(weights, means, deviations);
  sized(scores, levels.size(), "scores");
  sized(to, mixtures.n_rows * levels.size(), "to");
  const gaussmix::Released released;
  gaussmix::quantiles(mixtures, static_cast<int>(levels.size()), levels.data(), scores.data(), gaussmix::max_threads(),
                      to.data());
}

}  // namespace

void bind_conditional(nb::module_& module) {
  module.def("condition_rows", &condition_rows, "rows"_a, "form"_a, "offsets"_a, "observed_means"_a, "factors"_a,
             "target_means"_a, "coefficients"_a.none(), "residual_variances"_a, "residual_covariances"_a.none(),
             "means"_a.none().noconvert(), "covariances"_a.none().noconvert(), "variances"_a.none().noconvert(),
             "component_means"_a.none().noconvert(),
             "Fill the conditional moments of each row (cpp/pass/conditional.hpp).");
  module.def("cumulative_probabilities", &cumulative_probabilities, "weights"_a, "means"_a, "deviations"_a, "values"_a,
             "to"_a.noconvert(), "Fill the probability of at most each value (cpp/pass/conditional.hpp).");
  module.def("quantiles", &quantiles, "weights"_a, "means"_a, "deviations"_a, "levels"_a, "scores"_a,
             "to"_a.noconvert(), "Fill the quantiles of each row (cpp/pass/conditional.hpp).");
}
