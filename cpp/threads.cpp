// A pool of threads. A worker that has had no work for some microseconds sleeps on a condition variable. A caller that
// had to wait for a worker without a processor works alone for a while.
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
#ifndef _WIN32
#include <ctime>
#endif

namespace gaussmix {

namespace {

using Clock = std::chrono::steady_clock;

// About the time that it takes to wake a thread. A longer wait would occupy a processor that others need.
constexpr std::chrono::microseconds kSpin(5);

// On a busy machine a worker may lose its processor for milliseconds, in the middle of an item that takes microseconds.
// If a caller waited for one so long that it would have been faster alone, by more than kLoss, no workers are called
// for kPause times the loss.
constexpr std::chrono::microseconds kLoss(200);
constexpr int kPause = 20;

// The processor time of this thread, or the time where it is not known.
Clock::duration processor_time() {
#ifdef _WIN32
  return Clock::now().time_since_epoch();
#else
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
#endif
}

// Waits until done() or for kSpin; returns done().
template <class Done>
bool spin_until(Done done) {
  const auto end = Clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
#if defined(__x86_64__) || defined(_M_X64)
      __builtin_ia32_pause();
#endif
    }
  } while (Clock::now() < end);
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
  Clock::duration lost{0};  // the longest time without a processor of a worker inside
  std::exception_ptr error = nullptr;
  std::condition_variable left = {};

  // Returns how many it called.
  std::int64_t call_items(int thread) {
    std::int64_t n_called = 0;
    for (std::int64_t item = next++; item < n_items; item = next++, ++n_called) function(work, item, thread);
    return n_called;
  }
};

thread_local bool inside = false;  // a region

class Pool {
 public:
  void run(Region& region, int n_threads) {
    const Caller caller(*this);
    const Clock::time_point began = Clock::now();
    {
      const std::lock_guard lock(mutex_);
      region.n_wanted = began.time_since_epoch().count() < alone_until_
                            ? 0
                            : std::min(region.n_wanted, n_threads - n_callers_ - n_helping_);
      if (region.n_wanted > 0) open(region);
    }
    const std::int64_t n_called = help(region, 0);
    const Clock::duration worked = Clock::now() - began;
    const Clock::duration waited = close(region);
    const Clock::duration saved = n_called ? worked * (region.n_items - n_called) / n_called : waited;
    if (waited > saved + kLoss) alone_until_ = (began + worked + kPause * (waited - saved)).time_since_epoch().count();
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

  // Returns when no worker is in the region, and none will be: the time that it waited for one without a processor.
  Clock::duration close(Region& region) {
    {
      const std::lock_guard lock(mutex_);
      drop(region);
      if (!region.n_inside) return Clock::duration(0);
    }
    const Clock::time_point began = Clock::now();
    spin_until([&] { return !region.n_inside; });
    std::unique_lock lock(mutex_);
    region.left.wait(lock, [&] { return !region.n_inside; });
    return std::min(Clock::now() - began, region.lost);
  }

  void drop(Region& region) {
    std::erase(open_, &region);
    n_open_ = static_cast<int>(open_.size());
  }

  std::int64_t help(Region& region, int thread) {
    try {
      return region.call_items(thread);
    } catch (...) {
      region.next = region.n_items;
      const std::lock_guard lock(mutex_);
      if (!region.error) region.error = std::current_exception();
      return 0;
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
      const Clock::time_point came = Clock::now();
      const Clock::duration used = processor_time();
      help(region, thread);
      const Clock::duration lost = (Clock::now() - came) - (processor_time() - used);
      lock.lock();
      region.lost = std::max(region.lost, lost);
      --n_helping_;
      if (--region.n_inside == 0) region.left.notify_one();
    }
  }

  std::atomic<int> n_callers_{0}, n_open_{0};
  std::atomic<Clock::rep> alone_until_{0};  // no workers are called before
  std::mutex mutex_;
  std::condition_variable opened_;
  std::vector<Region*> open_;          // regions that want workers
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
