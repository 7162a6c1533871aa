// Sums of blocks, which finish in any order and are added in the order of the blocks.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "kernels/kernels.hpp"

namespace gaussmix {

// Zeroed doubles, aligned to cache lines, with room for a whole last pack.
class Buffer {
 public:
  explicit Buffer(std::size_t size)
      : size_(size),
        data_(static_cast<double*>(::operator new((size + kSlack) * sizeof(double), std::align_val_t{64}))) {
    clear();
  }
  ~Buffer() { ::operator delete(data_, std::align_val_t{64}); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  double* data() { return data_; }
  void clear() {
    for (std::size_t i = 0; i < size_ + kSlack; ++i) data_[i] = 0.0;
  }
  void add(const Buffer& other) {
    for (std::size_t i = 0; i < size_; ++i) data_[i] += other.data_[i];
  }

 private:
  static constexpr std::size_t kSlack = 8;

  std::size_t size_;
  double* data_;
};

// Adds the sums of blocks to a total through a few slots. A thread that is many blocks ahead waits until the others
// catch up. OpenMP's `ordered` spins instead, and a spinning thread prevents a descheduled one from running: on
// a busy machine a pass of 7 ms took seconds.
class InOrder {
 public:
  InOrder(Buffer& total, std::size_t size, int n_threads) : total_(total) {
    const std::size_t fit = (std::size_t{1} << 17) / (size + 1), most = 16 * static_cast<std::size_t>(n_threads);
    const std::size_t least = static_cast<std::size_t>(n_threads) + 2;
    const std::size_t n_slots = n_threads == 1 ? 1 : fit < least ? least : fit < most ? fit : most;
    for (std::size_t i = 0; i < n_slots; ++i) slots_.push_back(std::make_unique<Buffer>(size));
    ready_.assign(n_slots, false);
  }

  // Returns a zeroed buffer for the sums of a block. Waits while the block is too far ahead.
  double* claim(std::int64_t block) {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return block < next_ + n_slots(); });
    return slots_[block % n_slots()]->data();
  }

  // Takes the complete sums of a block. Adds them, and those of later blocks that are ready, unless another thread is
  // adding.
  void submit(std::int64_t block) {
    std::unique_lock lock(mutex_);
    ready_[block % n_slots()] = true;
    if (adding_) return;
    adding_ = true;
    while (ready_[next_ % n_slots()]) {
      Buffer& slot = *slots_[next_ % n_slots()];
      lock.unlock();
      total_.add(slot);
      slot.clear();
      lock.lock();
      ready_[next_ % n_slots()] = false;
      ++next_;
      moved_.notify_all();
    }
    adding_ = false;
  }

 private:
  std::int64_t n_slots() const { return static_cast<std::int64_t>(slots_.size()); }

  Buffer& total_;
  std::vector<std::unique_ptr<Buffer>> slots_;
  std::vector<bool> ready_;
  std::int64_t next_ = 0;  // the next block to add
  bool adding_ = false;
  std::mutex mutex_;
  std::condition_variable moved_;
};

}  // namespace gaussmix
