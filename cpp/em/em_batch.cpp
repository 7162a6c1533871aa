// Batched EM: the distribution of runs among threads.
#include "em/em_batch.hpp"

#include <algorithm>

#include "em/em_run.hpp"

namespace gaussmix {

void em_batch(const Problem& problem, std::size_t n_runs, const double* responsibilities, int n_threads,
              const Results& results) {
  const std::size_t table = problem.n_rows * problem.n_components;
  n_threads = static_cast<int>(std::clamp<std::size_t>(n_runs, 1, n_threads));
#pragma omp parallel num_threads(n_threads)
  {
    EmRun run(problem);
#pragma omp for schedule(dynamic, 1)
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(n_runs); ++i) {
      run.fit(responsibilities + i * table);
      run.write(i, results);
    }
  }
}

}  // namespace gaussmix
