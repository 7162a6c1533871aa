// A pool of threads. A worker that has had no work for some microseconds sleeps on a condition variable.
#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <sched.h>
#endif

namespace gaussmix {

namespace {

// About the time that it takes to wake a thread. A longer wait would occupy a processor that others need.
constexpr std::chrono::microseconds kSpin(5);

// Waits until done() or for kSpin; returns done().
template <class Done>
bool spin_until(Done done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
#if defined(__x86_64__) || defined(_M_X64)
      __builtin_ia32_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

// A call of for_each_item that workers may help. It lives on the stack of its caller.
struct Region {
  const std::int64_t n_items;
  const ItemFunction function;
  const void* const work;
  std::atomic<std::int64_t> next{0};
  std::atomic<int> n_inside{0};  // workers; the fields from here on change under the mutex of the pool only
  int n_wanted;                  // workers that may still come
  int n_came = 0;
  std::exception_ptr error = nullptr;
  std::condition_variable left = {};

  void call_items(int thread) {
    for (std::int64_t item = next++; item < n_items; item = next++) function(work, item, thread);
  }
};

thread_local bool inside = false;  // a region

class Pool {
 public:
  void run(Region& region, int n_threads) {
    const Caller caller(*this);
    {
      const std::lock_guard lock(mutex_);
      region.n_wanted = std::min(region.n_wanted, n_threads - n_callers_ - n_helping_);
      if (region.n_wanted > 0) open(region);
    }
    help(region, 0);
    close(region);
    if (region.error) std::rethrow_exception(region.error);
  }

  // Calls all items in this thread.
  void run_alone(Region& region) {
    const Caller caller(*this);
    region.call_items(0);
  }

 private:
  // A thread that calls items of its own occupies a processor.
  struct Caller {
    explicit Caller(Pool& of) : pool(of) {
      ++pool.n_callers_;
      inside = true;
    }
    ~Caller() {
      inside = false;
      --pool.n_callers_;
    }
    Pool& pool;
  };

  // With the mutex held.
  void open(Region& region) {
    try {
      open_.push_back(&region);
      while (n_workers_ < region.n_wanted) {
        std::thread([this] { work(); }).detach();
        ++n_workers_;
      }
    } catch (const std::exception&) {
      // No memory for the list, or no more threads can be started: those that exist help.
    }
    n_open_ = static_cast<int>(open_.size());
    for (int i = 0; i < region.n_wanted; ++i) opened_.notify_one();
  }

  // Returns when no worker is in the region, and none will be.
  void close(Region& region) {
    {
      const std::lock_guard lock(mutex_);
      drop(region);
      if (!region.n_inside) return;
    }
    spin_until([&] { return !region.n_inside; });
    std::unique_lock lock(mutex_);
    region.left.wait(lock, [&] { return !region.n_inside; });
  }

  void drop(Region& region) {
    std::erase(open_, &region);
    n_open_ = static_cast<int>(open_.size());
  }

  void help(Region& region, int thread) {
    try {
      region.call_items(thread);
    } catch (...) {
      region.next = region.n_items;
      const std::lock_guard lock(mutex_);
      if (!region.error) region.error = std::current_exception();
    }
  }

  // The life of a worker, which ends with the process.
  void work() {
    inside = true;
    std::unique_lock lock(mutex_);
    for (;;) {
      if (open_.empty()) {
        lock.unlock();
        spin_until([&] { return n_open_ > 0; });
        lock.lock();
        opened_.wait(lock, [&] { return !open_.empty(); });
      }
      Region& region = *open_.front();
      if (--region.n_wanted == 0) drop(region);
      const int thread = ++region.n_came;
      ++region.n_inside;
      ++n_helping_;
      lock.unlock();
      help(region, thread);
      lock.lock();
      --n_helping_;
      if (--region.n_inside == 0) region.left.notify_one();
    }
  }

  std::atomic<int> n_callers_{0}, n_open_{0};
  std::mutex mutex_;
  std::condition_variable opened_;
  std::vector<Region*> open_;  // regions that want workers
  int n_workers_ = 0, n_helping_ = 0;  // all, and those inside a region
};

// Never deleted: workers sleep in it while the process ends.
Pool* pool = new Pool;

std::atomic<int> most_processors{INT_MAX};

int allowed_processors() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// The number in OMP_NUM_THREADS when the module was loaded, or 0.
const int of_environment = [] {
  const char* text = std::getenv("OMP_NUM_THREADS");
  return text ? std::max(0, std::atoi(text)) : 0;
}();

// The number that the user chose, or 0.
#ifdef _OPENMP
const int usual = omp_get_num_procs();

int chosen_threads() {
  const int now = std::min(omp_get_max_threads(), omp_get_thread_limit());
  return of_environment || now != usual ? now : 0;
}
#else
int chosen_threads() { return of_environment; }
#endif

}  // namespace

int max_threads() {
  if (const int chosen = chosen_threads()) return std::max(1, chosen);
  return std::max(1, std::min<int>(most_processors, allowed_processors()));
}

void limit_processors(int n_processors) { most_processors = n_processors; }

void forget_threads() { pool = new Pool; }

void for_each_item(std::int64_t n_items, int n_threads, ItemFunction function, const void* work) {
  Region region{.n_items = n_items,
                .function = function,
                .work = work,
                .n_wanted = static_cast<int>(std::min<std::int64_t>(n_threads, n_items)) - 1};
  if (inside) {
    region.call_items(0);
  } else if (region.n_wanted < 1) {
    pool->run_alone(region);
  } else {
    pool->run(region, n_threads);
  }
}

}  // namespace gaussmix
