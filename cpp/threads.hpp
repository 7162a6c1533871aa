// Work shared among threads: parallel_for. Its threads sleep when there is no work.
#pragma once

#include <cstdint>

namespace gaussmix {

// The threads that a call by this thread may use: those of OMP_NUM_THREADS or threadpoolctl, else the processors that
// the process may run on, at most `limit_processors`.
int max_threads();
void limit_processors(int n_processors);

// Forgets the threads of the parent, which do not exist in a forked child. New ones are started when needed.
void forget_threads();

// Calls function(work, item, thread) for each item: see parallel_for. A function without templates, which the kernels
// can share.
using ItemFunction = void (*)(const void* work, std::int64_t item, int thread);
void for_each_item(std::int64_t n_items, int n_threads, ItemFunction function, const void* work);

// Calls work(item, thread) for each item in [0, n_items), and returns when all calls have ended.
//
// Items are begun in ascending order, by the caller (thread 0) and by up to `n_threads` - 1 workers (threads 1, 2, ...)
// of a pool that all callers share. The numbers of the threads are below n_threads, and no two calls with the same
// number run at the same time. The caller does not wait for workers that have not begun. Fewer workers help if other
// callers occupy the processors; in a call within a call none do. The first exception of an item is thrown to the
// caller after all calls under way have ended; items that have not begun by then are left out.
template <class Work>
void parallel_for(std::int64_t n_items, int n_threads, const Work& work) {
  for_each_item(
      n_items, n_threads,
      [](const void* of, std::int64_t item, int thread) { (*static_cast<const Work*>(of))(item, thread); }, &work);
}

}  // namespace gaussmix
