// Python module, the search over models: optima, and rows of cells (em/cell_search.hpp).
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "em/cell_search.hpp"
#include "em/partitions.hpp"
#include "released.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using gaussmix::CellTask;
using gaussmix::Form;
using gaussmix::Optimum;
using In = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Out = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using Labels = nb::ndarray<const std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OptimumPointer = std::shared_ptr<Optimum>;

constexpr auto kPoll = std::chrono::milliseconds(50);  // between questions to Python

template <class Array>
auto sized(const Array& array, std::size_t size, const char* name) {
  if (array.size() != size) throw nb::value_error((std::string(name) + " has the wrong size").c_str());
  return array.data();
}

gaussmix::Dimensions dimensions_of(const Optimum& o) { return {gaussmix::form_of(o.model), o.k, o.d}; }

OptimumPointer make_optimum(const std::string& model, const In& weights, const In& means, const In& roots) {
  auto made = std::make_shared<Optimum>();
  if (!gaussmix::find_model(model.c_str(), made->model)) throw nb::value_error(("no model " + model).c_str());
  if (means.ndim() != 2) throw nb::value_error("means must have two axes");
  made->k = static_cast<int>(means.shape(0)), made->d = static_cast<int>(means.shape(1));
  const gaussmix::Dimensions at = dimensions_of(*made);
  gaussmix::Parameters& p = made->state.now;
  const double* w = sized(weights, made->k, "weights");
  const double* r = sized(roots, at.size(), "roots");
  p.weights.assign(w, w + made->k);
  p.means.assign(means.data(), means.data() + means.size());
  p.roots.assign(r, r + at.size());
  gaussmix::complete(at, p);
  made->state.moments = {std::vector<double>(made->k), std::vector<double>(p.means.size()),
                         std::vector<double>(at.size())};
  return made;
}

void read_optimum(const Optimum& o, const Out& weights, const Out& means, const Out& roots, const Out& counts,
                  const Out& shifts, const Out& scatter) {
  const auto copy = [](const std::vector<double>& from, const Out& to, const char* name) {
    std::copy(from.begin(), from.end(), sized(to, from.size(), name));
  };
  copy(o.state.now.weights, weights, "weights");
  copy(o.state.now.means, means, "means");
  copy(o.state.now.roots, roots, "roots");
  copy(o.state.moments.counts, counts, "counts");
  copy(o.state.moments.shifts, shifts, "shifts");
  copy(o.state.moments.scatter, scatter, "scatter");
  const gaussmix::Dimensions at = dimensions_of(o);
  if (!at.is_triangular()) return;
  for (int c = 0; c < at.n_roots(); ++c) {
    double* own = scatter.data() + c * at.each();
    for (int i = 0; i < o.d; ++i) {
      for (int j = 0; j < i; ++j) own[j * o.d + i] = own[i * o.d + j];
    }
  }
}

// A model to search: its M-step, and where it may start.
struct Request {
  gaussmix::Model model;
  std::vector<double> pseudo_scatter, root;
  double pseudo_rows, ridge;
  std::vector<OptimumPointer> same;
  OptimumPointer fewer, more;
  double share, highest_sound, highest;

  Request(const std::string& name, const In& pseudo_scatter, double pseudo_rows, double ridge, const In& root,
          std::vector<OptimumPointer> same, std::optional<OptimumPointer> fewer, std::optional<OptimumPointer> more,
          double share, double highest_sound, double highest)
      : pseudo_scatter(pseudo_scatter.data(), pseudo_scatter.data() + pseudo_scatter.size()),
        root(root.data(), root.data() + root.size()),
        pseudo_rows(pseudo_rows),
        ridge(ridge),
        same(std::move(same)),
        fewer(fewer.value_or(nullptr)),
        more(more.value_or(nullptr)),
        share(share),
        highest_sound(highest_sound),
        highest(highest) {
    if (!gaussmix::find_model(name.c_str(), model)) throw nb::value_error(("no model " + name).c_str());
  }
};

// The rows of a search.
class Search {
 public:
  Search(const In& rows, const std::optional<In>& row_weights, const In& rounding, double total)
      : rows_(rows), row_weights_(row_weights), rounding_(rounding), total_(total) {
    if (rows.ndim() != 2) throw nb::value_error("rows must have two axes");
    n_ = rows.shape(0), d_ = static_cast<int>(rows.shape(1));
    if (d_ > gaussmix::kMostFeatures) throw nb::value_error("a search supports at most 96 features");
    if (row_weights) sized(*row_weights, n_, "row_weights");
    sized(rounding, d_, "rounding");
  }

  // For each request: whether it was searched, the seconds, and what was found: the optimum, the kind of its start, and
  // the position of the start among those of the kind.
  using Finds = std::vector<std::tuple<OptimumPointer, int, int>>;
  std::vector<std::tuple<bool, double, Finds>> search(int k, const Labels& partitions,
                                                      const std::vector<const Request*>& requests, int max_iter,
                                                      double nats, double seconds, bool asks, int n_threads) const {
    if (partitions.shape(0) > 0 && partitions.shape(1) != n_) throw nb::value_error("partitions has the wrong size");
    std::vector<gaussmix::ClusterSums> starts;
    if (!requests.empty()) starts = sums_of(problem_of(*requests[0], k, max_iter, nats), partitions);
    std::vector<CellTask> tasks;
    for (const Request* request : requests) {
      check(*request, k);
      CellTask task;
      task.problem = problem_of(*request, k, max_iter, nats), task.reference = reference_of(*request);
      task.partitions = &starts;
      task.same.assign(request->same.begin(), request->same.end());
      task.fewer = request->fewer, task.more = request->more, task.share = request->share;
      task.highest_sound = request->highest_sound, task.highest = request->highest;
      tasks.push_back(std::move(task));
    }
    bool interrupted = false;
    {
      const gaussmix::Released released;
      using Clock = std::chrono::steady_clock;
      const auto began = Clock::now();
      auto asked = began;
      gaussmix::search_cells(tasks, n_threads, [&] {
        const auto now = Clock::now();
        if (now - asked > kPoll && asks && !interrupted) {
          asked = now;
          const nb::gil_scoped_acquire held;
          interrupted = PyErr_CheckSignals() != 0;
        }
        return interrupted || std::chrono::duration<double>(now - began).count() > seconds;
      });
    }
    if (interrupted) throw nb::python_error();
    std::vector<std::tuple<bool, double, Finds>> results;
    for (const CellTask& task : tasks) {
      Finds finds;
      for (const gaussmix::Found& found : task.found) {
        finds.emplace_back(found.optimum, static_cast<int>(found.kind), found.position);
      }
      results.emplace_back(task.is_done, task.seconds, std::move(finds));
    }
    return results;
  }

  // Completes an optimum that was not found by a search.
  void complete(const Request& request, Optimum& optimum) const {
    check(request, optimum.k);
    optimum.sums = gaussmix::sums_at(problem_of(request, optimum.k, 1, 1.0), optimum);
  }

  OptimumPointer refine(const Request& request, const Optimum& optimum, int max_iter, double nats) const {
    check(request, optimum.k);
    const gaussmix::Released released;
    return gaussmix::refine(problem_of(request, optimum.k, max_iter, nats), reference_of(request), optimum);
  }

 private:
  void check(const Request& request, int k) const {
    const std::size_t size = static_cast<std::size_t>(d_) * d_;
    bool fits = request.pseudo_scatter.size() == size && request.root.size() == size;
    for (const OptimumPointer& one : request.same) fits = fits && one->k == k && one->d == d_;
    if (request.fewer) fits = fits && request.fewer->k == k - 1 && request.fewer->d == d_;
    if (request.more) fits = fits && request.more->k == k + 1 && request.more->d == d_;
    if (!fits) throw nb::value_error("a request has the wrong size");
  }
  // Sums of the clusters of each partition; none for one that is equal to an earlier one.
  static std::vector<gaussmix::ClusterSums> sums_of(const gaussmix::Problem& problem, const Labels& partitions) {
    std::vector<gaussmix::ClusterSums> all;
    for (std::size_t i = 0; i < partitions.shape(0); ++i) {
      gaussmix::ClusterSums sums = gaussmix::sums_of_partition(problem, partitions.data() + i * problem.n_rows);
      const bool is_new = std::none_of(all.begin(), all.end(), [&](const auto& one) { return are_equal(one, sums); });
      all.push_back(is_new ? std::move(sums) : gaussmix::ClusterSums{});
    }
    return all;
  }
  gaussmix::Problem problem_of(const Request& request, int k, int max_iter, double nats) const {
    return {rows_.data(),
            row_weights_ ? row_weights_->data() : nullptr,
            n_,
            d_,
            k,
            request.model,
            request.pseudo_scatter.data(),
            request.pseudo_rows,
            request.ridge,
            max_iter,
            nats,
            true};
  }
  gaussmix::SoundnessReference reference_of(const Request& request) const {
    return {request.root.data(), rounding_.data(), total_};
  }

  In rows_;
  std::optional<In> row_weights_;
  In rounding_;
  double total_;
  std::size_t n_;
  int d_;
};

using Sizes = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using LabelsOut = nb::ndarray<std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

gaussmix::Points points_of(const In& rows, const std::optional<In>& weights) {
  if (rows.ndim() != 2) throw nb::value_error("rows must have two axes");
  const std::size_t n = rows.shape(0);
  return {rows.data(), weights ? sized(*weights, n, "row_weights") : nullptr, n, static_cast<int>(rows.shape(1))};
}

void k_means(const In& rows, const std::optional<In>& weights, int k, int iterations, const In& uniform,
             const LabelsOut& labels) {
  const gaussmix::Points points = points_of(rows, weights);
  const std::size_t m = labels.shape(0);
  if (labels.shape(1) != points.n) throw nb::value_error("labels has the wrong size");
  const std::size_t each = 1 + static_cast<std::size_t>(k - 1) * gaussmix::tries_of(k);
  sized(uniform, m * each, "uniform");
  const gaussmix::Released released;
  for (std::size_t i = 0; i < m; ++i) {
    gaussmix::k_means(points, k, iterations, uniform.data() + i * each, labels.data() + i * points.n);
  }
}

void merge_tree(const In& rows, const std::optional<In>& weights, bool free, double pseudo, const Labels& cells,
                const Sizes& sizes, const LabelsOut& labels) {
  const gaussmix::Points points = points_of(rows, weights);
  if (cells.size() != points.n || labels.shape(0) != sizes.shape(0) || labels.shape(1) != points.n) {
    throw nb::value_error("labels have the wrong size");
  }
  int n_cells = 0;
  for (std::size_t n = 0; n < points.n; ++n) {
    if (cells.data()[n] < 0) throw nb::value_error("cells must not be negative");
    n_cells = std::max(n_cells, static_cast<int>(cells.data()[n]) + 1);
  }
  const std::vector<int> numbers(sizes.data(), sizes.data() + sizes.shape(0));
  const gaussmix::Released released;
  gaussmix::merge_tree(points, free, pseudo, cells.data(), n_cells, numbers.data(), static_cast<int>(numbers.size()),
                       labels.data());
}

bool common_volumes(const In& counts, const In& covariances, double tolerance, const Out& volumes) {
  if (covariances.ndim() != 3) throw nb::value_error("covariances must have three axes");
  const std::size_t k = covariances.shape(0), d = covariances.shape(1);
  sized(covariances, k * d * d, "covariances"), sized(counts, k, "counts"), sized(volumes, k, "volumes");
  const gaussmix::Released released;
  std::vector<double> room(3 * d * d);
  return gaussmix::find_volumes(static_cast<int>(k), static_cast<int>(d), counts.data(), covariances.data(), tolerance,
                                volumes.data(), room.data());
}

}  // namespace

void bind_cells(nb::module_& module) {
  module.def("common_volumes", &common_volumes, "counts"_a, "covariances"_a, "tolerance"_a, "volumes"_a.noconvert(),
             "Find the volumes of covariances that are multiples of one matrix, in place (cpp/em/structures.hpp).");
  module.def("tries_of", &gaussmix::tries_of, "n_components"_a, "Return the numbers tried for a seed of k-means++.");
  module.def("k_means_labels", &k_means, "rows"_a.noconvert(), "row_weights"_a.none(), "n_components"_a, "iterations"_a,
             "uniform"_a, "labels"_a.noconvert(), "Fill the labels of runs of k-means (cpp/em/partitions.hpp).");
  module.def("merge_tree_labels", &merge_tree, "rows"_a.noconvert(), "row_weights"_a.none(), "free"_a, "pseudo"_a,
             "cells"_a, "sizes"_a, "labels"_a.noconvert(),
             "Fill the labels of clusters of several sizes, merged from cells.");
  nb::class_<Optimum>(module, "Optimum", "An optimum of a model (cpp/em/warm_starts.hpp).")
      .def_static("make", &make_optimum, "model"_a, "weights"_a, "means"_a, "roots"_a,
                  "Make an optimum without moments.")
      .def_prop_ro("objective", [](const Optimum& o) { return o.state.objective; })
      .def_prop_ro("log_likelihood", [](const Optimum& o) { return o.state.log_likelihood; })
      .def_prop_ro("entropy", [](const Optimum& o) { return o.state.entropy; })
      .def_prop_ro("ahead", [](const Optimum& o) { return o.state.ahead; })
      .def_prop_ro("n_passes", [](const Optimum& o) { return o.state.n_passes; })
      .def_prop_ro("is_sound", [](const Optimum& o) { return o.is_sound; })
      .def("read", &read_optimum, "weights"_a.noconvert(), "means"_a.noconvert(), "roots"_a.noconvert(),
           "counts"_a.noconvert(), "shifts"_a.noconvert(), "scatter"_a.noconvert(), "Fill the arrays.");
  nb::class_<Request>(module, "CellRequest", "A model to search (cpp/em/cell_search.hpp).")
      .def(nb::init<const std::string&, const In&, double, double, const In&, std::vector<OptimumPointer>,
                    std::optional<OptimumPointer>, std::optional<OptimumPointer>, double, double, double>(),
           "model"_a, "pseudo_scatter"_a, "pseudo_rows"_a, "ridge"_a, "root"_a, "same"_a, "fewer"_a.none(),
           "more"_a.none(), "share"_a, "highest_sound"_a, "highest"_a);
  nb::class_<Search>(module, "CellSearch", "The rows of a search over models (cpp/em/cell_search.hpp).")
      .def(nb::init<const In&, const std::optional<In>&, const In&, double>(), "rows"_a.noconvert(),
           "row_weights"_a.none(), "rounding"_a, "total"_a)
      .def("search", &Search::search, "n_components"_a, "partitions"_a, "requests"_a, "max_iter"_a, "nats"_a,
           "seconds"_a, "asks"_a, "n_threads"_a, "Search several models with as many components.")
      .def("complete", &Search::complete, "request"_a, "optimum"_a, "Add what other models start from.")
      .def("refine", &Search::refine, "request"_a, "optimum"_a, "max_iter"_a, "nats"_a,
           "Continue a run from an optimum.");
}
