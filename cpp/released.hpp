// Lets go of the interpreter, and never takes it back once the interpreter ends.
//
// CPython before 3.14 ends a daemon thread that asks for the interpreter during finalization by unwinding its stack,
// which std::terminate answers: the frames of nanobind are noexcept. Such a thread sleeps here until the process ends.
#pragma once

#include <Python.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>

namespace gaussmix {

// Operations of passes over rows, roughly.
inline double operations(std::size_t n_rows, std::size_t n_components, std::size_t n_features, double n_passes = 1.0) {
  const double d = static_cast<double>(n_features);
  return n_passes * static_cast<double>(n_rows) * static_cast<double>(n_components) * (d * d + 16.0);
}

// The interpreter is released as long as this object lives, unless the work is so little (in operations, roughly) that
// another thread would hardly get it: threads that fit small tables would wait for each other most of the time.
class Released {
 public:
  explicit Released(double operations = kEnough) : state_(operations < kEnough ? nullptr : PyEval_SaveThread()) {}
  ~Released() {
    if (state_ == nullptr) return;
    ++returning_;
    if (ending_ && std::this_thread::get_id() != last_) {
      --returning_;
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
    PyEval_RestoreThread(state_);
    --returning_;
  }
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;

  // Whether a signal has arrived whose handler raised an exception, which is then set. For the main thread only.
  bool has_interrupt() {
    if (state_ == nullptr) return PyErr_CheckSignals() != 0;
    PyEval_RestoreThread(state_);
    const bool is_raised = PyErr_CheckSignals() != 0;
    state_ = PyEval_SaveThread();
    return is_raised;
  }

  // Python calls it before finalization begins. Threads that are already waiting for the interpreter get it first.
  static void before_exit() {
    last_ = std::this_thread::get_id();
    ending_ = true;
    PyThreadState* state = PyEval_SaveThread();
    while (returning_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    PyEval_RestoreThread(state);
  }

  // The threads of the parent are gone from a forked child, wherever they were.
  static void after_fork() { returning_ = 0; }

 private:
  static constexpr double kEnough = 1e6;
  PyThreadState* state_;
  static inline std::atomic<int> returning_{0};
  static inline std::atomic<bool> ending_{false};
  static inline std::thread::id last_;
};

}  // namespace gaussmix
