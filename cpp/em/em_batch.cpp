// Batched EM: the distribution of runs among threads.
#include "em/em_batch.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "em/em_run.hpp"
#include "threads.hpp"

namespace gaussmix {

void em_batch(const Problem& problem, std::size_t n_runs, const double* responsibilities, int n_threads,
              const Results& results) {
  const std::size_t table = problem.n_rows * problem.n_components;
  n_threads = static_cast<int>(std::clamp<std::size_t>(n_runs, 1, n_threads));
  std::vector<std::unique_ptr<EmRun>> of_threads(n_threads);
  parallel_for(static_cast<std::int64_t>(n_runs), n_threads, [&](std::int64_t i, int thread) {
    std::unique_ptr<EmRun>& run = of_threads[thread];
    if (!run) run = std::make_unique<EmRun>(problem);
    run->fit(responsibilities + i * table);
    run->write(i, results);
  });
}

}  // namespace gaussmix
