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
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "arrays.hpp"
#include "em/cell_search.hpp"
#include "em/grid_search.hpp"
#include "released.hpp"
#include "threads.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using gaussmix::CellTask;
using gaussmix::Form;
using gaussmix::Optimum;
using OptimumPointer = std::shared_ptr<Optimum>;
using gaussmix::CellOptimum;
using CellOptimumPointer = std::shared_ptr<CellOptimum>;
using Clock = std::chrono::steady_clock;

constexpr auto kPoll = std::chrono::milliseconds(50);  // between questions to Python

gaussmix::Dimensions dimensions_of(const Optimum& o) { return {gaussmix::form_of(o.model), o.k, o.d}; }

OptimumPointer make_optimum(const std::string& model, const In& weights, const In& means, const In& roots) {
  auto made = std::make_shared<Optimum>();
  made->model = model_of(model);
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

// Fills arrays with parameters in the units of the data and moments in whitened units; components by descending weight.
void read_optimum(const Optimum& o, int exponent, const In& center, const Out& weights, const Out& means,
                  const Out& roots, const Out& counts, const Out& shifts, const Out& scatter) {
  const gaussmix::Dimensions at = dimensions_of(o);
  const gaussmix::Parameters& p = o.state.now;
  const gaussmix::Moments& moments = o.state.moments;
  std::vector<int> order(o.k);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return p.weights[a] > p.weights[b]; });
  const auto copy = [&](const std::vector<double>& from, std::size_t each, double* to, int scale) {
    for (std::size_t c = 0; c < from.size() / each; ++c) {
      const std::size_t place = (from.size() == each ? 0 : order[c]) * each;
      for (std::size_t i = 0; i < each; ++i) to[c * each + i] = std::ldexp(from[place + i], scale);
    }
  };
  const std::size_t d = o.d;
  copy(p.weights, 1, sized(weights, o.k, "weights"), 0);
  copy(p.means, d, sized(means, o.k * d, "means"), exponent);
  copy(p.roots, at.each(), sized(roots, at.size(), "roots"), exponent);
  copy(moments.counts, 1, sized(counts, o.k, "counts"), 0);
  copy(moments.shifts, d, sized(shifts, o.k * d, "shifts"), 0);
  copy(moments.scatter, at.each(), sized(scatter, at.size(), "scatter"), 0);
  sized(center, d, "center");
  for (std::size_t i = 0; i < o.k * d; ++i) means.data()[i] += center.data()[i % d];
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

// A model of a table.
struct GridModel {
  const Request* request;
  int n_components;
  double log_volume;
  int row;
  bool is_wanted;
  CellOptimumPointer highest, highest_sound;
  int fewer, more;
  std::vector<int> neighbors;
};

// Ends a search after some seconds or at an interrupt, for which it asks if it may.
class Clockwork {
 public:
  Clockwork(double seconds, bool asks) : seconds_(seconds), asks_(asks) {}
  bool stops() {
    const auto now = Clock::now();
    if (now - asked_ > kPoll && asks_ && !interrupted_) {
      asked_ = now;
      const nb::gil_scoped_acquire held;
      interrupted_ = PyErr_CheckSignals() != 0;
    }
    return interrupted_ || std::chrono::duration<double>(now - began_).count() > seconds_;
  }
  // Whether a Python exception is set.
  bool is_interrupted() const { return interrupted_; }

 protected:
  double seconds_;
  bool asks_, interrupted_ = false;
  Clock::time_point began_ = Clock::now(), asked_ = began_;
};

// The same for a table. It calls `step` with the numbers of the rows.
class TableWatch : public gaussmix::GridWatch, private Clockwork {
 public:
  TableWatch(double seconds, bool asks, const nb::callable& step) : Clockwork(seconds, asks), step_(step) {}
  using Clockwork::is_interrupted;
  bool stops() override { return Clockwork::stops(); }
  void report(int row) override {
    if (interrupted_) return;
    const nb::gil_scoped_acquire held;
    try {
      step_(row);
    } catch (nb::python_error& error) {
      error.restore();
      interrupted_ = true;
    }
  }

 private:
  const nb::callable& step_;
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
  std::vector<std::tuple<bool, double, Finds>> search(int k, const LabelTable& partitions,
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
    Clockwork clock(seconds, asks);
    {
      const gaussmix::Released released;
      gaussmix::search_cells(tasks, n_threads, [&] { return clock.stops(); });
    }
    if (clock.is_interrupted()) throw nb::python_error();
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

  // Searches all models of a table. For each, appends to `results`, also if it is interrupted: whether it was searched,
  // the seconds, and the best optima.
  void sweep(const std::vector<const GridModel*>& models, const std::vector<LabelTable>& partitions, int max_iter,
             double nats, double seconds, bool asks, int n_threads, const nb::callable& step,
             const nb::list& results) const {
    std::vector<gaussmix::GridCell> cells;
    std::vector<gaussmix::Partitions> rows(partitions.size());
    for (const GridModel* model : models) {
      check(*model->request, model->n_components);
      const gaussmix::Problem problem = problem_of(*model->request, model->n_components, max_iter, nats);
      const auto row = static_cast<std::size_t>(model->row);
      if (row >= rows.size()) throw nb::value_error("a model has a wrong row");
      const LabelTable& labels = partitions[row];
      if (labels.shape(0) > 0 && labels.shape(1) != n_) throw nb::value_error("partitions has the wrong size");
      rows[row] = [problem, &labels] { return sums_of(problem, labels); };
      cells.push_back({problem,
                       reference_of(*model->request),
                       model->log_volume,
                       model->row,
                       model->is_wanted,
                       {model->highest, model->highest_sound},
                       model->fewer,
                       model->more,
                       model->neighbors});
    }
    TableWatch watch(seconds, asks, step);
    std::vector<gaussmix::GridResult> found;
    {
      const gaussmix::Released released;
      found = gaussmix::search_grid(cells, rows, n_threads, watch);
    }
    std::optional<nb::python_error> interrupt;
    if (watch.is_interrupted()) interrupt.emplace();
    for (const gaussmix::GridResult& one : found) {
      const auto as_python = [](const gaussmix::CellOptimumPointer& optimum) {
        return nb::cast(std::const_pointer_cast<CellOptimum>(optimum));
      };
      const nb::object highest = as_python(one.best.highest), sound = as_python(one.best.highest_sound);
      nb::list(results).append(nb::make_tuple(one.is_searched, one.seconds, highest, sound));
    }
    if (interrupt) throw *interrupt;
  }

  // Whether no component of an optimum that was not found by a search is unsound.
  bool is_sound(const Request& request, const Optimum& optimum) const {
    check(request, optimum.k);
    return gaussmix::is_sound(optimum.model, optimum.k, optimum.d, optimum.state.now, reference_of(request));
  }

  // Continues runs from optima: the results, and the seconds of each.
  std::vector<std::tuple<OptimumPointer, double>> refine(const std::vector<const Request*>& requests,
                                                         const std::vector<OptimumPointer>& optima, int max_iter,
                                                         double nats, int n_threads) const {
    if (requests.size() != optima.size()) throw nb::value_error("requests and optima must be as many");
    for (std::size_t i = 0; i < optima.size(); ++i) check(*requests[i], optima[i]->k);
    std::vector<std::tuple<OptimumPointer, double>> results(optima.size());
    const gaussmix::Released released;
    gaussmix::parallel_for(static_cast<std::int64_t>(optima.size()), n_threads, [&](std::int64_t i, int) {
      const auto began = Clock::now();
      const gaussmix::Problem problem = problem_of(*requests[i], optima[i]->k, max_iter, nats);
      OptimumPointer refined = gaussmix::refine(problem, reference_of(*requests[i]), *optima[i]);
      results[i] = {std::move(refined), std::chrono::duration<double>(Clock::now() - began).count()};
    });
    return results;
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
  static std::vector<gaussmix::ClusterSums> sums_of(const gaussmix::Problem& problem, const LabelTable& partitions) {
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

}  // namespace

void bind_cells(nb::module_& module) {
  nb::class_<Optimum>(module, "Optimum", "An optimum of a model (cpp/em/warm_starts.hpp).")
      .def_static("make", &make_optimum, "model"_a, "weights"_a, "means"_a, "roots"_a,
                  "Make an optimum without moments.")
      .def_prop_ro("objective", [](const Optimum& o) { return o.state.objective; })
      .def_prop_ro("log_likelihood", [](const Optimum& o) { return o.state.log_likelihood; })
      .def_prop_ro("entropy", [](const Optimum& o) { return o.state.entropy; })
      .def_prop_ro("ahead", [](const Optimum& o) { return o.state.ahead; })
      .def_prop_ro("n_passes", [](const Optimum& o) { return o.state.n_passes; })
      .def_prop_ro("is_sound", [](const Optimum& o) { return o.is_sound; })
      .def("read", &read_optimum, "exponent"_a, "center"_a, "weights"_a.noconvert(), "means"_a.noconvert(),
           "roots"_a.noconvert(), "counts"_a.noconvert(), "shifts"_a.noconvert(), "scatter"_a.noconvert(),
           "Fill the arrays.");
  nb::class_<CellOptimum>(module, "CellOptimum", "An optimum of a model of a table (cpp/em/grid_search.hpp).")
      .def(
          "__init__",
          [](CellOptimum* made, OptimumPointer optimum, double objective, bool is_sound) {
            new (made) CellOptimum{std::move(optimum), objective, is_sound, gaussmix::kGiven, 0};
          },
          "optimum"_a, "objective"_a, "is_sound"_a)
      .def_prop_ro("optimum", [](const CellOptimum& o) { return std::const_pointer_cast<Optimum>(o.optimum); })
      .def_ro("objective", &CellOptimum::objective)
      .def_prop_ro("is_given", [](const CellOptimum& o) { return o.kind == gaussmix::kGiven; })
      .def_ro("kind", &CellOptimum::kind)
      .def_ro("origin", &CellOptimum::origin);
  nb::class_<GridModel>(module, "GridModel", "A model of a table (cpp/em/grid_search.hpp).")
      .def(
          "__init__",
          [](GridModel* made, const Request& request, int n_components, double log_volume, int row, bool is_wanted,
             std::optional<CellOptimumPointer> highest, std::optional<CellOptimumPointer> highest_sound, int fewer,
             int more, std::vector<int> neighbors) {
            new (made) GridModel{&request,
                                 n_components,
                                 log_volume,
                                 row,
                                 is_wanted,
                                 highest.value_or(nullptr),
                                 highest_sound.value_or(nullptr),
                                 fewer,
                                 more,
                                 std::move(neighbors)};
          },
          nb::keep_alive<1, 2>(), "request"_a, "n_components"_a, "log_volume"_a, "row"_a, "is_wanted"_a,
          "highest"_a.none(), "highest_sound"_a.none(), "fewer"_a, "more"_a, "neighbors"_a);
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
      .def("sweep", &Search::sweep, "models"_a, "partitions"_a, "max_iter"_a, "nats"_a, "seconds"_a, "asks"_a,
           "n_threads"_a, "step"_a, "results"_a, "Search all models of a table.")
      .def("is_sound", &Search::is_sound, "request"_a, "optimum"_a, "Return whether no component is unsound.")
      .def("refine", &Search::refine, "requests"_a, "optima"_a, "max_iter"_a, "nats"_a, "n_threads"_a,
           "Continue runs from optima.");
}
