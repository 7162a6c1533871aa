// Python module: checks array sizes, converts arrays to pointers, releases the interpreter lock and calls C++.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "build.hpp"
#include "cluster_bindings.hpp"
#include "conditional_bindings.hpp"
#include "em/common_axes.hpp"
#include "em/constants.hpp"
#include "em/em_batch.hpp"
#include "em/structures.hpp"
#include "factor_bindings.hpp"
#include "imaging/fractions.hpp"
#include "imaging/random_field.hpp"
#include "partition_bindings.hpp"
#include "pass/distinct.hpp"
#include "pass/pass.hpp"
#include "released.hpp"
#include "search_bindings.hpp"
#include "threads.hpp"
#include "truncated_bindings.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

gaussmix::Noise noise_of(const std::optional<In>& noise, std::size_t n_rows, std::size_t n_features) {
  if (!noise) return gaussmix::Noise::none;
  for (const gaussmix::Noise kind : {gaussmix::Noise::diagonal, gaussmix::Noise::full}) {
    if (noise->size() == n_rows * gaussmix::numbers_of_noise(kind, static_cast<int>(n_features))) return kind;
  }
  throw nb::value_error("noise has the wrong size");
}

// Also tells the mixture what the rows are like.
gaussmix::Rows rows_of(const Table& rows, const std::optional<In>& weights, const std::optional<In>& log_prior,
                       bool incomplete, const std::optional<In>& noise, gaussmix::Mixture& mixture) {
  const std::size_t n = rows.shape(0), d = rows.shape(1);
  if (d != static_cast<std::size_t>(mixture.n_features)) throw nb::value_error("rows have the wrong number of columns");
  mixture.incomplete = incomplete || noise;
  mixture.noise = noise_of(noise, n, d);
  if (mixture.incomplete && mixture.basis) throw nb::value_error("incomplete rows need factors without a basis");
  const bool axes = mixture.form == gaussmix::Form::diagonal || mixture.form == gaussmix::Form::spherical;
  if (axes && d > 1 && mixture.noise == gaussmix::Noise::full) throw nb::value_error("noise has the wrong size");
  return {rows.data(),
          scalar_of(rows),
          n,
          static_cast<int>(d),
          sized_or_null(weights, n, "row_weights"),
          sized_or_null(log_prior, n * n_scores_of(mixture), "log_prior"),
          noise ? noise->data() : nullptr};
}

void set_tails(const std::optional<In>& tails, const std::optional<In>& noise, gaussmix::Mixture& mixture) {
  if (tails && noise) throw nb::value_error("t distributions of rows with errors have no closed form");
  mixture.tails = sized_or_null(tails, mixture.n_components * gaussmix::tail_numbers(mixture.n_features), "tails");
}

double operations_of(const gaussmix::Rows& rows, const gaussmix::Mixture& mixture) {
  return gaussmix::operations(rows.n_rows, mixture.n_components, mixture.n_features);
}

void accumulate(const Table& rows, const std::optional<In>& row_weights, const std::optional<In>& log_prior,
                const std::string& form, const In& offsets, const In& means, const In& factors,
                const std::optional<In>& basis, const Out& counts, const Out& shifts, const Out& scatter,
                const std::optional<Out>& overlap, const Out& totals, bool rough, bool incomplete,
                const std::optional<In>& noise, const std::optional<In>& background, const std::optional<In>& tails,
                const std::optional<Out>& tail_sums, std::size_t segment_rows) {
  gaussmix::Mixture mixture = mixture_of(form, offsets, means, factors, basis);
  mixture.background = sized_or_null(background, 1 + mixture.n_features, "background");
  set_tails(tails, noise, mixture);
  const gaussmix::Rows table = rows_of(rows, row_weights, log_prior, incomplete, noise, mixture);
  const bool tied = mixture.form == gaussmix::Form::tied;
  const std::size_t k = mixture.n_components;
  if (tied != overlap.has_value()) throw nb::value_error("overlap is required for the tied form and only for it");
  gaussmix::Sums sums{sized(counts, k, "counts"),
                      sized(shifts, means.size(), "shifts"),
                      sized(scatter, basis ? means.size() * mixture.n_features : factors.size(), "scatter"),
                      sized_or_null(overlap, k * k, "overlap"),
                      sized(totals, 3, "totals"),
                      totals.data() + 1,
                      totals.data() + 2,
                      sized_or_null(tail_sums, 2 * k, "tail_sums"),
                      tail_sums ? tail_sums->data() + k : nullptr};
  if (tails.has_value() != tail_sums.has_value()) throw nb::value_error("tail_sums belong to tails");
  const gaussmix::Form of_sums = basis ? gaussmix::Form::full : mixture.form;
  const std::size_t block = gaussmix::block_rows(of_sums, mixture.n_components, mixture.n_features, mixture.incomplete);
  if (segment_rows % block) throw nb::value_error("segment_rows must be a multiple of the rows per block");
  const gaussmix::Released released(operations_of(table, mixture));
  gaussmix::accumulate(table, mixture, gaussmix::max_threads(), rough && !mixture.incomplete && !tails, segment_rows,
                       sums);
}

void score_rows(const Table& rows, const std::optional<In>& log_prior, const std::string& form, const In& offsets,
                const In& means, const In& factors, const std::optional<In>& basis,
                const std::optional<Out>& log_density, const std::optional<Out>& responsibilities,
                const std::optional<Labels>& labels, const std::optional<Out>& scores, bool incomplete,
                const std::optional<In>& noise, const std::optional<In>& background, const std::optional<In>& tails) {
  gaussmix::Mixture mixture = mixture_of(form, offsets, means, factors, basis);
  mixture.background = sized_or_null(background, 1 + mixture.n_features, "background");
  set_tails(tails, noise, mixture);
  const gaussmix::Rows table = rows_of(rows, std::nullopt, log_prior, incomplete, noise, mixture);
  const std::size_t n_numbers = table.n_rows * n_scores_of(mixture);
  const gaussmix::Scores to{sized_or_null(log_density, table.n_rows, "log_density"),
                            sized_or_null(responsibilities, n_numbers, "responsibilities"),
                            sized_or_null(labels, table.n_rows, "labels"), sized_or_null(scores, n_numbers, "scores")};
  const gaussmix::Released released(operations_of(table, mixture));
  gaussmix::score_rows(table, mixture, gaussmix::max_threads(), to);
}

// Table to which the compiled code writes rows.
using OutTable = nb::ndarray<nb::ndim<2>, nb::c_contig, nb::device::cpu>;

class DistinctRows {
 public:
  DistinctRows(std::size_t n_rows, const OutTable& kept, const Out& weights, bool weighted)
      : n_features_(kept.shape(1)),
        type_(kept.dtype()),
        weighted_(weighted),
        rows_(gaussmix::make_distinct_rows(kept.shape(1) * kept.itemsize(), n_rows, weighted, kept.shape(0),
                                           static_cast<unsigned char*>(kept.data()),
                                           sized(weights, kept.shape(0), "weights"))) {}

  bool add(const Table& rows, const std::optional<In>& row_weights) {
    if (rows.shape(1) != n_features_) throw nb::value_error("rows have the wrong number of columns");
    if (rows.dtype() != type_) throw nb::type_error("rows and kept must be of the same type");
    if (weighted_ != row_weights.has_value()) throw nb::value_error("row_weights must be given always or never");
    const double* weights = sized_or_null(row_weights, rows.shape(0), "row_weights");
    const gaussmix::Released released;
    return rows_->add(static_cast<const unsigned char*>(rows.data()), rows.shape(0), weights);
  }

  std::size_t finish() {
    const gaussmix::Released released;
    return rows_->finish();
  }

 private:
  std::size_t n_features_;
  nb::dlpack::dtype type_;
  bool weighted_;
  std::unique_ptr<gaussmix::DistinctRows> rows_;
};

using Bytes = nb::ndarray<const std::uint8_t, nb::c_contig, nb::device::cpu>;
using OutBytes = nb::ndarray<std::uint8_t, nb::c_contig, nb::device::cpu>;
using OutFloats = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using Integers = nb::ndarray<const std::int64_t, nb::c_contig, nb::device::cpu>;

class RandomField {
 public:
  RandomField(const Integers& shape, int n_classes, const Integers& offsets, const In& weights,
              const std::optional<Bytes>& visible, const std::optional<Bytes>& edges) {
    const std::size_t n_axes = shape.size(), n_offsets = weights.size();
    if (n_axes < 1 || n_axes > gaussmix::kMostAxes) throw nb::value_error("shape must have 1 to 4 axes");
    if (n_offsets > 26) throw nb::value_error("offsets must have at most 26 rows");
    if (n_classes < 1 || n_classes > 255) throw nb::value_error("n_classes must be from 1 to 255");
    std::size_t n = 1;
    for (std::size_t axis = 0; axis < n_axes; ++axis) n *= static_cast<std::size_t>(shape.data()[axis]);
    sized(offsets, n_offsets * n_axes, "offsets");
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      if (std::abs(offsets.data()[i]) > 1) throw nb::value_error("offsets must be -1, 0 or 1 along each axis");
    }
    const gaussmix::Neighbors neighbors{static_cast<int>(n_axes), shape.data(), static_cast<int>(n_offsets),
                                        offsets.data(), weights.data()};
    const std::uint8_t* seen = sized_or_null(visible, n, "visible");
    const std::uint8_t* between = sized_or_null(edges, n * n_offsets, "edges");
    const gaussmix::Released released;
    field_ = std::make_unique<gaussmix::RandomField>(neighbors, n_classes, seen, between);
  }

  void load(std::size_t first, const In& scores, bool keep) {
    const std::size_t count = count_of(scores, first);
    const gaussmix::Released released;
    field_->load(first, count, scores.data(), keep, gaussmix::max_threads());
  }
  void pool() {
    const gaussmix::Released released;
    field_->pool(gaussmix::max_threads());
  }
  void sweep(double smoothing, int times) {
    const gaussmix::Released released;
    for (int i = 0; i < times; ++i) field_->sweep(smoothing, gaussmix::max_threads());
  }
  void draw(double smoothing, std::uint64_t seed) {
    const gaussmix::Released released;
    field_->draw(smoothing, seed, gaussmix::max_threads());
  }
  double free_energy(double smoothing) const {
    const gaussmix::Released released;
    return field_->free_energy(smoothing, gaussmix::max_threads());
  }
  void probabilities(std::size_t first, const OutFloats& to) const {
    const std::size_t count = count_of(to, first);
    const gaussmix::Released released;
    field_->probabilities(first, count, to.data());
  }
  void condition(double smoothing, const In& preferences, const OutFloats& to, const Out& totals) const {
    const std::size_t k = field_->n_classes();
    sized(preferences, k, "preferences");
    sized(to, field_->n_pixels() * k, "to");
    sized(totals, 2 + k + (k + 1) * (k + 2) / 2, "totals");
    const gaussmix::Released released;
    field_->condition(smoothing, preferences.data(), to.data(), totals.data(), gaussmix::max_threads());
  }
  void labels(std::size_t first, const OutBytes& to, int elsewhere) const {
    if (first + to.size() > field_->n_pixels()) throw nb::value_error("the pixels exceed the size of the field");
    const gaussmix::Released released;
    field_->labels(first, to.size(), to.data(), static_cast<std::uint8_t>(elsewhere));
  }

 private:
  template <class Array>
  std::size_t count_of(const Array& table, std::size_t first) const {
    const std::size_t k = field_->n_classes();
    if (table.size() % k || first + table.size() / k > field_->n_pixels()) throw nb::value_error("wrong size of table");
    return table.size() / k;
  }

  std::unique_ptr<gaussmix::RandomField> field_;
};

using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;

void update_fractions(const Integers& shape, const In& weights, const Floats& rows, const In& origin, const In& factor,
                      const Bytes& status, const Floats& fractions_of_states, const Floats& means,
                      const Floats& log_weights, const In& smoothing, const OutFloats& fractions, const Out& sums) {
  const std::size_t n_axes = shape.size(), n = status.size(), n_states = log_weights.size(), d = origin.size();
  const std::size_t k = n_states ? fractions_of_states.size() / n_states : 0;
  if (n_axes < 1 || n_axes > gaussmix::kMostAxes) throw nb::value_error("shape must have 1 to 4 axes");
  std::size_t n_pixels = 1;
  for (std::size_t axis = 0; axis < n_axes; ++axis) n_pixels *= static_cast<std::size_t>(shape.data()[axis]);
  sized(status, n_pixels, "status");
  sized(weights, n_axes, "weights");
  sized(rows, n * d, "rows");
  sized(factor, d * d, "factor");
  sized(fractions_of_states, n_states * k, "fractions_of_states");
  sized(means, n_states * d, "means");
  sized(smoothing, 2, "smoothing");
  sized(fractions, k * n, "fractions");
  sized(sums, gaussmix::FractionSums{static_cast<int>(n_states), static_cast<int>(d)}.size(), "sums");
  const gaussmix::FractionStates states{
      static_cast<int>(n_states),
      static_cast<int>(k),
      static_cast<int>(d),
      fractions_of_states.data(),
      means.data(),
      log_weights.data(),
      {static_cast<float>(smoothing.data()[0]), static_cast<float>(smoothing.data()[1])}};
  const gaussmix::FractionGrid grid{
      static_cast<int>(n_axes), shape.data(), weights.data(), rows.data(), origin.data(), factor.data(), status.data(),
      fractions.data()};
  const gaussmix::Released released;
  gaussmix::update_fractions(states, grid, gaussmix::max_threads(), sums.data());
}

constexpr int kSweepsPerStep = 20;  // if it ends early, the next M-step continues

bool common_axes(const In& counts, const In& roots, const Out& axes, bool equal_volume) {
  if (roots.ndim() != 3) throw nb::value_error("roots must have three axes");
  const std::size_t k = roots.shape(0), d = roots.shape(1);
  sized(roots, k * d * d, "roots");
  sized(counts, k, "counts");
  sized(axes, d * d, "axes");
  const gaussmix::Released released;
  std::vector<double> room, variances(k * d);
  const gaussmix::AxesSearch search{false, kSweepsPerStep, gaussmix::kTightest};
  return gaussmix::find_common_axes(static_cast<int>(k), static_cast<int>(d), counts.data(), roots.data(), equal_volume,
                                    search, room, axes.data(), variances.data());
}

void em_batch(const In& rows, const std::optional<In>& row_weights, const std::string& model,
              const In& responsibilities, const In& pseudo_scatter, double pseudo_rows, double ridge, int max_iter,
              double nats, bool accelerate, const Out& weights, const Out& means, const Out& roots,
              const Out& objectives, const Out& log_likelihoods, const Labels& n_passes) {
  if (rows.ndim() != 2) throw nb::value_error("rows must have two axes");
  if (responsibilities.ndim() != 3) throw nb::value_error("responsibilities must have three axes");
  const std::size_t n = rows.shape(0), d = rows.shape(1);
  if (d > static_cast<std::size_t>(gaussmix::kMostFeatures))
    throw nb::value_error("em_batch supports at most 96 features");
  const std::size_t m = responsibilities.shape(0), k = responsibilities.shape(2);
  sized(responsibilities, m * n * k, "responsibilities");
  const gaussmix::Problem problem{rows.data(),
                                  sized_or_null(row_weights, n, "row_weights"),
                                  n,
                                  static_cast<int>(d),
                                  static_cast<int>(k),
                                  model_of(model),
                                  sized(pseudo_scatter, d * d, "pseudo_scatter"),
                                  pseudo_rows,
                                  ridge,
                                  max_iter,
                                  nats,
                                  accelerate};
  const gaussmix::Results results{sized(weights, m * k, "weights"),
                                  sized(means, m * k * d, "means"),
                                  sized(roots, m * k * d * d, "roots"),
                                  sized(objectives, m, "objectives"),
                                  sized(log_likelihoods, m, "log_likelihoods"),
                                  sized(n_passes, m, "n_passes")};
  const gaussmix::Released released;
  gaussmix::em_batch(problem, m, responsibilities.data(), gaussmix::max_threads(), results);
}

nb::dict em_constants() {
  nb::dict constants;
  for (const gaussmix::NamedConstant& constant : gaussmix::kEmConstants) constants[constant.name] = constant.value;
  return constants;
}

}  // namespace

void bind_search(nb::module_& module);  // search_bindings.cpp
void bind_cells(nb::module_& module);   // cell_bindings.cpp

NB_MODULE(_native, module) {
  nb::set_leak_warnings(false);  // what daemon threads hold when the process ends is no leak
  module.doc() = "The compiled core: passes over rows, batched EM, images (cpp/README.md).";
  module.def("accumulate", &accumulate, "rows"_a, "row_weights"_a.none(), "log_prior"_a.none(), "form"_a, "offsets"_a,
             "means"_a, "factors"_a, "basis"_a.none(), "counts"_a.noconvert(), "shifts"_a.noconvert(),
             "scatter"_a.noconvert(), "overlap"_a.none().noconvert(), "totals"_a.noconvert(), "rough"_a,
             "incomplete"_a = false, "noise"_a.none() = nb::none(), "background"_a.none() = nb::none(),
             "tails"_a.none() = nb::none(), "tail_sums"_a.none().noconvert() = nb::none(), "segment_rows"_a = 0,
             "Add the sums of one pass to counts, shifts, scatter, overlap and totals, in place.");
  module.def("score_rows", &score_rows, "rows"_a, "log_prior"_a.none(), "form"_a, "offsets"_a, "means"_a, "factors"_a,
             "basis"_a.none(), "log_density"_a.none().noconvert(), "responsibilities"_a.none().noconvert(),
             "labels"_a.none().noconvert(), "scores"_a.none().noconvert(), "incomplete"_a = false,
             "noise"_a.none() = nb::none(), "background"_a.none() = nb::none(), "tails"_a.none() = nb::none(),
             "Score the rows and fill the arrays that are not None.");
  nb::class_<DistinctRows>(module, "DistinctRows", "Collects distinct rows and their weights (cpp/pass/distinct.hpp).")
      .def(nb::init<std::size_t, const OutTable&, const Out&, bool>(), "n_rows"_a, "kept"_a.noconvert(),
           "weights"_a.noconvert(), "weighted"_a, nb::keep_alive<1, 3>(), nb::keep_alive<1, 4>(),
           "Prepare to write to kept and weights, whose length is the limit.")
      .def("add", &DistinctRows::add, "rows"_a, "row_weights"_a.none(),
           "Add the next rows; False if there are more distinct rows than the limit.")
      .def("finish", &DistinctRows::finish, "Complete the output and return the number of distinct rows.");
  nb::class_<RandomField>(module, "RandomField",
                          "Class probabilities of the pixels of an image (cpp/imaging/random_field.hpp).")
      .def(nb::init<const Integers&, int, const Integers&, const In&, const std::optional<Bytes>&,
                    const std::optional<Bytes>&>(),
           "shape"_a, "n_classes"_a, "offsets"_a, "weights"_a, "visible"_a.none(), "edges"_a.none(),
           "Copy all arguments.")
      .def("load", &RandomField::load, "first"_a, "scores"_a, "keep"_a,
           "Set the scores of the pixels from the first on.")
      .def("pool", &RandomField::pool, "Set the probabilities of the pixels of each block from their summed scores.")
      .def("sweep", &RandomField::sweep, "smoothing"_a, "times"_a, "Update every pixel by mean field, in place.")
      .def("draw", &RandomField::draw, "smoothing"_a, "seed"_a, "Draw the class of every pixel given its neighbors.")
      .def("free_energy", &RandomField::free_energy, "smoothing"_a, "Return the free energy, which sweeps never lower.")
      .def("probabilities", &RandomField::probabilities, "first"_a, "to"_a.noconvert(),
           "Fill a table of pixels by classes.")
      .def("condition", &RandomField::condition, "smoothing"_a, "preferences"_a, "to"_a.noconvert(),
           "totals"_a.noconvert(),
           "Fill the responsibilities given the neighbors, and the sums of the pseudo-likelihood.")
      .def("labels", &RandomField::labels, "first"_a, "to"_a.noconvert(), "elsewhere"_a,
           "Fill the most probable classes.");
  module.def("update_fractions", &update_fractions, "shape"_a, "weights"_a, "rows"_a.noconvert(), "origin"_a,
             "factor"_a, "status"_a.noconvert(), "fractions_of_states"_a, "means"_a, "log_weights"_a, "smoothing"_a,
             "fractions"_a.noconvert(), "sums"_a.noconvert(),
             "Update the expected fractions of every pixel in place and add to sums (cpp/imaging/fractions.hpp).");
  module.def("common_axes", &common_axes, "counts"_a, "roots"_a, "axes"_a.noconvert(), "equal_volume"_a,
             "Find the axes that make the covariances of roots nearly diagonal, in place (cpp/em/common_axes.hpp).");
  module.def("em_batch", &em_batch, "rows"_a.noconvert(), "row_weights"_a.none(), "model"_a,
             "responsibilities"_a.noconvert(), "pseudo_scatter"_a, "pseudo_rows"_a, "ridge"_a, "max_iter"_a, "nats"_a,
             "accelerate"_a, "weights"_a.noconvert(), "means"_a.noconvert(), "roots"_a.noconvert(),
             "objectives"_a.noconvert(), "log_likelihoods"_a.noconvert(), "n_passes"_a.noconvert(),
             "Run EM from each of many tables of responsibilities (cpp/em/em_batch.hpp).");
  bind_search(module);
  bind_clusters(module);
  bind_cells(module);
  bind_partitions(module);
  bind_conditional(module);
  bind_truncated(module);
  bind_factors(module);
  module.def("em_constants", &em_constants, "Return the constants of compiled EM by name (cpp/em/constants.hpp).");
  module.def(
      "block_rows",
      [](const std::string& form, int n_components, int n_features, bool incomplete) {
        return gaussmix::block_rows(form_of(form), n_components, n_features, incomplete);
      },
      "form"_a, "n_components"_a, "n_features"_a, "incomplete"_a = false,
      "Return the rows per block; calls that end at multiples of it and a single call are bitwise equal.");
  module.def(
      "instruction_sets",
      [] {
        const char* names[4];
        return std::vector<std::string>(names, names + gaussmix::instruction_sets(names));
      },
      "List the compiled instruction sets that this processor has, best first.");
  module.def(
      "selected_instruction_set", [] { return std::string(gaussmix::selected_instruction_set()); },
      "Return the instruction set in use.");
  module.def(
      "select_instruction_set",
      [](const std::string& name) {
        if (!gaussmix::select_instruction_set(name.c_str())) {
          throw nb::value_error(("instruction set '" + name + "' is not available here").c_str());
        }
      },
      "name"_a, "Use another instruction set.");
  module.def(
      "build_description", [] { return gaussmix::kBuild; },
      "Describe the compiler, the standard, OpenMP and the flags.");
  module.def(
      "after_fork",
      [] {
        gaussmix::forget_threads();
        gaussmix::Released::after_fork();
      },
      "Forget the threads of the parent, which do not exist in a forked child process.");
  module.def("before_exit", &gaussmix::Released::before_exit,
             "Let threads of this process that are in the compiled code never return from it, but the calling thread.");
  module.def("max_threads", &gaussmix::max_threads, "Return the threads that the next pass may use (cpp/threads.hpp).");
  module.def("limit_processors", &gaussmix::limit_processors, "n_processors"_a,
             "Set the most threads that passes use if the user chose no number.");
}
