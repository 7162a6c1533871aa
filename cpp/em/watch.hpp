// Deadlines and interrupts of compiled runs.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

namespace gaussmix {

// Ends runs at a deadline or an interrupt. Only the thread that made it asks for interrupts.
class Watch {
 public:
  using Clock = std::chrono::steady_clock;

  Watch(double seconds, std::function<bool()> is_interrupted)
      : deadline_(seconds < 1e9 ? Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                     std::chrono::duration<double>(std::max(seconds, 0.0)))
                                : Clock::time_point::max()),
        next_(Clock::now() + kPause),
        is_interrupted_(std::move(is_interrupted)) {}

  bool is_over() {
    if (is_over_) return true;
    const auto now = Clock::now();
    if (now >= deadline_) is_over_ = true;
    if (is_interrupted_ && std::this_thread::get_id() == owner_ && now >= next_) {
      next_ = now + kPause;
      if (is_interrupted_()) is_over_ = true;
    }
    return is_over_;
  }

 private:
  static constexpr std::chrono::milliseconds kPause{100};

  Clock::time_point deadline_, next_;
  std::function<bool()> is_interrupted_;
  std::thread::id owner_ = std::this_thread::get_id();
  std::atomic<bool> is_over_{false};
};

}  // namespace gaussmix
