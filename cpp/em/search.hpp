// The steps of a search for the best optimum of a small table: starts, runs of EM, splits, moves, swaps.
//
// gaussmix.fitting.compiled_search calls them and ranks the runs; the same search in Python is its reference.
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "em/em_batch.hpp"
#include "em/em_run.hpp"

namespace gaussmix {

// What all steps share. The prior is that of `Problem`, but for one component, or for one tied covariance.
struct Task {
  const double* rows;         // (n, d)
  const double* row_weights;  // (n,) or null: every row counts once
  std::size_t n_rows;
  int n_features, n_components;
  Model model;
  const double* prior_scatter;  // (d, d)
  double prior_rows;
  double ridge;
  const double* root;         // (d, d) lower root of the covariance of the rows
  const double* target_root;  // (d, d) that of the covariance within clusters
};

// A state holds the objective, the log-likelihood and the entropy, then weights (k,), means (k, d), roots, and the
// counts (k,), shifts (k, d) and scatter of the last pass. Roots and scatter: full (k, d, d), tied (d, d), diagonal (k,
// d), spherical (k,). The objective is NaN until there is a pass.
class Search {
 public:
  explicit Search(const Task& task);

  std::size_t state_size() const { return size_of_state(k_); }

  // The M-step of a partition of the rows, with a pseudo-row of each covariance. False if a cluster is empty.
  bool start(const std::int64_t* labels, double* state) const;

  // Runs EM from each of m states, in place. Threads share the runs, or each pass if there are fewer runs than threads.
  // `trace` has `trace_size` lines for each run.
  struct Told {
    std::int64_t end, n_passes, n_lines, signs;  // of type End; lines of the trace that were written; sum of `Sign`
  };
  struct Outcome {
    Told* told;     // (m,)
    double* trace;  // (m, trace_size, 2) log-likelihood of each iteration, and bound on the next gain
    std::size_t trace_size;
  };
  void run(std::size_t m, double* states, const Limits& limits, int n_threads, Watch& watch,
           const Outcome& outcome) const;

  // Splits each component of a state in two by a few iterations of EM on its rows. `gains` (k,) are in nats, NaN if the
  // component cannot be split. `halves` has the share of the first half, the means (2, d) and the covariances (2, d, d)
  // of both, for each component.
  void split(const double* state, int n_threads, double* gains, double* halves) const;
  std::size_t half_size() const { return 1 + 2 * static_cast<std::size_t>(d_) * (1 + d_); }

  // `find_overlap` of the rows, and their log density (n,).
  void overlap(const double* state, double* counts, double* unknown, double* log_density) const;

  // The state after components i and j are merged and component c is split into its halves. False if it is singular.
  bool move(const double* state, const double* halves, int i, int j, int c, double* moved) const;
  // The state after one of the halves of component c is merged into another component. False if it is singular.
  bool transfer(const double* state, const double* halves, int c, int which, int to, double* moved) const;
  // The state after a component is moved to a row, with the average covariance. False if it is singular.
  bool swap(const double* state, int component, std::size_t row, double* swapped) const;

  // What the parameters and counts of a state tell about degenerate components without a full examination.
  enum Sign : std::int64_t {
    kClearlySound = 1,  // bounds alone tell that no component is degenerate
    kMayRepeat = 2,     // the means of two components are closer than `kRepeated` deviations
  };
  std::int64_t signs_of(const double* state) const;

 private:
  // Rows, weighted, about any center.
  struct Part {
    const double* rows;
    const double* row_weights;
    std::size_t n_rows;
  };
  static constexpr int kNumbers = 3;  // before the weights of a state
  struct Sized;                       // a problem with another number of components

  std::size_t size_of_state(int k) const;
  std::vector<double> dense_of(const double* state) const;
  bool assemble(const Part& part, int k, const std::vector<double>& counts, const std::vector<double>& means,
                const std::vector<double>& scatter, double* state) const;
  bool assemble_dense(const std::vector<double>& counts, const std::vector<double>& means,
                      const std::vector<double>& covariances, double* state) const;
  bool start_part(const Part& part, int k, const std::int64_t* labels, double* state) const;
  double split_part(const Part& part, double* half) const;
  bool is_clearly_sound(const double* state, const std::vector<double>& dense) const;
  bool may_repeat(const double* state, const std::vector<double>& dense) const;

  Task t_;
  Form form_;
  int k_, d_;
  std::vector<double> root_square_, root_factor_;  // root root', inverse(root)'
};

}  // namespace gaussmix
