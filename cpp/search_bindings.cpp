#include "search_bindings.hpp"

#include "arrays.hpp"
#include "em/clustering.hpp"
#include "em/search.hpp"
#include "released.hpp"
#include "threads.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

constexpr int kIterations = 20;  // of a usual run

void draw_seeds(const In& rows, const std::optional<In>& row_weights, int n_tries, const In& uniforms,
                const Labels& seeds) {
  const std::size_t k = seeds.size();
  sized(uniforms, 1 + (k - 1) * n_tries, "uniforms");
  const gaussmix::Points points = points_of(rows, row_weights);
  const gaussmix::Released released(gaussmix::operations(points.n_rows, k * n_tries, 1));
  gaussmix::draw_seeds(points, static_cast<int>(k), n_tries, uniforms.data(), seeds.data());
}

double k_means(const In& rows, const std::optional<In>& row_weights, int max_iter, double tolerance, const Out& centers,
               const Labels& labels) {
  const gaussmix::Points points = points_of(rows, row_weights);
  const std::size_t k = centers.size() / rows.shape(1);
  sized(centers, k * rows.shape(1), "centers");
  sized(labels, rows.shape(0), "labels");
  const gaussmix::Released released(gaussmix::operations(points.n_rows, k, 1, std::min(max_iter, kIterations)));
  return gaussmix::k_means(points, static_cast<int>(k), max_iter, tolerance, centers.data(), labels.data());
}

void merge_cells(const In& rows, const std::optional<In>& row_weights, const std::string& form, int n_cells,
                 std::int64_t n_clusters, double pseudo, const Labels& cells) {
  const gaussmix::Points points = points_of(rows, row_weights);
  sized(cells, rows.shape(0), "cells");
  const gaussmix::Form shape = form_of(form);
  const gaussmix::Released released;
  gaussmix::merge_cells(points, shape, pseudo, cells.data(), n_cells, &n_clusters, 1, cells.data());
}

// Keeps the arrays that the search reads.
class EmSearch {
 public:
  EmSearch(const In& rows, const std::optional<In>& row_weights, const std::string& model, int n_components,
           const In& prior_scatter, double prior_rows, double ridge, const In& root, const In& target_root)
      : rows_(rows),
        row_weights_(row_weights),
        prior_scatter_(prior_scatter),
        root_(root),
        target_root_(target_root),
        search_(task(model, n_components, prior_rows, ridge)) {}

  std::size_t state_size() const { return search_.state_size(); }

  bool start(const Labels& labels, const Out& state) const {
    sized(labels, rows_.shape(0), "labels");
    sized(state, state_size(), "state");
    return search_.start(labels.data(), state.data());
  }

  // Returns whether an interrupt ended it.
  void run(const Out& states, std::int64_t max_iter, bool all_steps, double nats, bool accelerate, double target,
           double hope, double distance, double seconds, bool is_interruptible, int n_threads, const Labels& told,
           const Out& trace) const {
    using Told = gaussmix::Search::Told;
    static_assert(sizeof(Told) == 4 * sizeof(std::int64_t));
    const std::size_t m = states.size() / state_size();
    sized(states, m * state_size(), "states");
    const gaussmix::Search::Outcome outcome{reinterpret_cast<Told*>(sized(told, 4 * m, "told")), trace.data(),
                                            trace.size() / (2 * m)};
    bool is_interrupted = false;
    {
      gaussmix::Released released(n_operations(m * std::min<double>(static_cast<double>(max_iter), kIterations)));
      std::function<bool()> ask;
      if (is_interruptible) {
        ask = [&] { return is_interrupted = released.has_interrupt(); };
      }
      gaussmix::Watch watch(seconds, ask);
      search_.run(m, states.data(), {max_iter, target, hope, nats, accelerate, all_steps, distance},
                  std::min(n_threads, gaussmix::max_threads()), watch, outcome);
    }
    if (is_interrupted) throw nb::python_error();
  }

  void split(const Out& state, int n_threads, const Out& gains, const Out& halves) const {
    sized(state, state_size(), "state");
    sized(halves, sized_k(gains) * search_.half_size(), "halves");
    const gaussmix::Released released(n_operations(kIterations));
    search_.split(state.data(), std::min(n_threads, gaussmix::max_threads()), gains.data(), halves.data());
  }

  void overlap(const Out& state, const Out& counts, const Out& unknown, const Out& log_density) const {
    sized(state, state_size(), "state");
    const std::size_t k = sized_k(counts);
    sized(unknown, k * k, "unknown");
    sized(log_density, rows_.shape(0), "log_density");
    const gaussmix::Released released(n_operations(1));
    search_.overlap(state.data(), counts.data(), unknown.data(), log_density.data());
  }

  bool move(const Out& state, const Out& halves, int first, int second, int component, const Out& moved) const {
    sized(state, state_size(), "state");
    sized(halves, n_components_ * search_.half_size(), "halves");
    sized(moved, state_size(), "moved");
    for (int c : {first, second, component}) check(c);
    return search_.move(state.data(), halves.data(), first, second, component, moved.data());
  }

  bool transfer(const Out& state, const Out& halves, int component, int half, int to, const Out& moved) const {
    sized(state, state_size(), "state");
    sized(halves, n_components_ * search_.half_size(), "halves");
    sized(moved, state_size(), "moved");
    for (int c : {component, to}) check(c);
    if (half != 0 && half != 1) throw nb::value_error("half must be 0 or 1");
    if (component == to) throw nb::value_error("to must be another component");
    return search_.transfer(state.data(), halves.data(), component, half, to, moved.data());
  }

  std::int64_t signs(const Out& state) const {
    sized(state, state_size(), "state");
    return search_.signs_of(state.data());
  }

  bool swap(const Out& state, int component, std::size_t row, const Out& swapped) const {
    sized(state, state_size(), "state");
    sized(swapped, state_size(), "swapped");
    check(component);
    if (row >= rows_.shape(0)) throw nb::value_error("there is no such row");
    return search_.swap(state.data(), component, row, swapped.data());
  }

 private:
  double n_operations(double n_passes) const {
    return gaussmix::operations(rows_.shape(0), n_components_, rows_.shape(1), n_passes);
  }
  gaussmix::Task task(const std::string& model, int n_components, double prior_rows, double ridge) {
    if (rows_.ndim() != 2) throw nb::value_error("rows must have two axes");
    const std::size_t n = rows_.shape(0), d = rows_.shape(1);
    if (d > static_cast<std::size_t>(gaussmix::kMostFeatures)) throw nb::value_error("at most 96 features");
    n_components_ = n_components;
    return {rows_.data(),
            sized_or_null(row_weights_, n, "row_weights"),
            n,
            static_cast<int>(d),
            n_components,
            model_of(model),
            sized(prior_scatter_, d * d, "prior_scatter"),
            prior_rows,
            ridge,
            sized(root_, d * d, "root"),
            sized(target_root_, d * d, "target_root")};
  }
  std::size_t sized_k(const Out& array) const {
    sized(array, n_components_, "array");
    return n_components_;
  }
  void check(int component) const {
    if (component < 0 || component >= n_components_) throw nb::value_error("there is no such component");
  }

  In rows_;
  std::optional<In> row_weights_;
  In prior_scatter_, root_, target_root_;
  int n_components_ = 0;
  gaussmix::Search search_;
};

}  // namespace

void bind_search(nb::module_& module) {
  module.def("draw_seeds", &draw_seeds, "rows"_a, "row_weights"_a.none(), "n_tries"_a, "uniforms"_a,
             "seeds"_a.noconvert(), "Fill the positions of the seeds of k-means++ (cpp/em/clustering.hpp).");
  module.def("k_means", &k_means, "rows"_a, "row_weights"_a.none(), "max_iter"_a, "tolerance"_a,
             "centers"_a.noconvert(), "labels"_a.noconvert(),
             "Move centers by Lloyd's algorithm, and fill the labels (cpp/em/clustering.hpp).");
  module.def("merge_cells", &merge_cells, "rows"_a, "row_weights"_a.none(), "form"_a, "n_cells"_a, "n_clusters"_a,
             "pseudo"_a, "cells"_a.noconvert(), "Merge cells in place (cpp/em/clustering.hpp).");
  nb::class_<EmSearch>(module, "EmSearch", "The steps of a search on a small table (cpp/em/search.hpp).")
      .def(nb::init<const In&, const std::optional<In>&, const std::string&, int, const In&, double, double, const In&,
                    const In&>(),
           "rows"_a, "row_weights"_a.none(), "model"_a, "n_components"_a, "prior_scatter"_a, "prior_rows"_a, "ridge"_a,
           "root"_a, "target_root"_a, "Keep all arrays.")
      .def_prop_ro("state_size", &EmSearch::state_size, "The size of a state.")
      .def("start", &EmSearch::start, "labels"_a.noconvert(), "state"_a.noconvert(), "Fill the state of a partition.")
      .def("run", &EmSearch::run, "states"_a.noconvert(), "max_iter"_a, "all_steps"_a, "nats"_a, "accelerate"_a,
           "target"_a, "hope"_a, "distance"_a, "seconds"_a, "is_interruptible"_a, "n_threads"_a, "told"_a.noconvert(),
           "trace"_a.noconvert(), "Run EM from states, in place.")
      .def("split", &EmSearch::split, "state"_a.noconvert(), "n_threads"_a, "gains"_a.noconvert(),
           "halves"_a.noconvert(), "Split every component.")
      .def("overlap", &EmSearch::overlap, "state"_a.noconvert(), "counts"_a.noconvert(), "unknown"_a.noconvert(),
           "log_density"_a.noconvert(), "Find how components overlap.")
      .def("move", &EmSearch::move, "state"_a.noconvert(), "halves"_a.noconvert(), "first"_a, "second"_a, "component"_a,
           "moved"_a.noconvert(), "Merge two components and split a third.")
      .def("transfer", &EmSearch::transfer, "state"_a.noconvert(), "halves"_a.noconvert(), "component"_a, "half"_a,
           "to"_a, "moved"_a.noconvert(), "Merge one half of a component into another component.")
      .def("swap", &EmSearch::swap, "state"_a.noconvert(), "component"_a, "row"_a, "swapped"_a.noconvert(),
           "Move a component to a row.")
      .def("signs", &EmSearch::signs, "state"_a.noconvert(), "Return what a state tells about degenerate components.");
}
