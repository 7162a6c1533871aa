// Sums of blocks, which finish in any order and are added in the order of the blocks.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "kernels/kernels.hpp"
#include "threads.hpp"

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

// One buffer per thread. Each thread clears its own when it needs it first: a page of memory that no thread has written
// is slow, and the caller would write those of all threads while they wait.
class Buffers {
 public:
  Buffers(int n_threads, std::size_t size) : size_(size), buffers_(n_threads) {}
  double* of(int thread) {
    if (!buffers_[thread]) buffers_[thread] = std::make_unique<Buffer>(size_);
    return buffers_[thread]->data();
  }

 private:
  std::size_t size_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
};

// Adds the sums of blocks to a total; with segments, the sums of the blocks of each segment to those of the segment,
// and these to the total. Each block has a slot until it has been added. A thread that is as many blocks ahead as there
// are slots waits until the others catch up. On a busy machine a thread may lose its processor for tens of milliseconds
// in the middle of a block, so there are many slots, but memory only for those in use.
class InOrder {
 public:
  InOrder(Buffer& total, std::size_t size, std::int64_t n_blocks, std::int64_t segment_blocks, int n_threads)
      : total_(total), size_(size), n_blocks_(n_blocks), segment_blocks_(segment_blocks) {
    if (segment_blocks) segment_ = std::make_unique<Buffer>(size);
    const auto fit = static_cast<std::int64_t>(kMost / (size + 1));
    const std::int64_t wanted = n_threads == 1 ? 1 : std::max<std::int64_t>(fit, n_threads + 2);
    n_slots_ = std::max<std::int64_t>(1, std::min(n_blocks, wanted));
    slot_of_.resize(n_slots_);
    ready_.assign(n_slots_, false);
  }

  // Calls sum(block, thread, buffer) for each block on some threads, which share the blocks, and adds the sums.
  template <class Sum>
  void add_all(int n_threads, const Sum& sum) {
    // Blocks are begun in order, or a thread could wait for itself.
    parallel_for(n_blocks_, n_threads, [&](std::int64_t block, int thread) {
      try {
        sum(block, thread, claim(block));
      } catch (...) {
        fail();
        throw;
      }
      submit(block);
    });
  }

 private:
  // Returns a zeroed buffer for the sums of a block. Waits while the block is too far ahead. Without memory, for this
  // block or another, it throws.
  double* claim(std::int64_t block) {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return has_failed_ || block < next_ + n_slots_; });
    if (has_failed_) throw std::bad_alloc();
    Buffer*& slot = slot_of_[block % n_slots_];
    if (!free_.empty()) {  // the last one is in cache
      slot = free_.back();
      free_.pop_back();
    } else {
      slots_.push_back(std::make_unique<Buffer>(size_));
      slot = slots_.back().get();
      free_.reserve(slots_.size());
    }
    return slot->data();
  }

  // Ends the waiting for a block that will not be submitted.
  void fail() {
    const std::lock_guard lock(mutex_);
    has_failed_ = true;
    moved_.notify_all();
  }

  // Takes the complete sums of a block. Adds them, and those of later blocks that are ready, unless another thread is
  // adding.
  void submit(std::int64_t block) {
    std::unique_lock lock(mutex_);
    ready_[block % n_slots_] = true;
    if (adding_) return;
    adding_ = true;
    while (ready_[next_ % n_slots_]) {
      Buffer* slot = slot_of_[next_ % n_slots_];
      lock.unlock();
      (segment_ ? *segment_ : total_).add(*slot);
      slot->clear();
      if (segment_ && ((next_ + 1) % segment_blocks_ == 0 || next_ + 1 == n_blocks_)) {
        total_.add(*segment_);
        segment_->clear();
      }
      lock.lock();
      free_.push_back(slot);
      ready_[next_ % n_slots_] = false;
      ++next_;
      moved_.notify_all();
    }
    adding_ = false;
  }

  static constexpr std::size_t kMost = std::size_t{1} << 20;  // doubles

  Buffer& total_;
  std::unique_ptr<Buffer> segment_;
  std::size_t size_;
  std::int64_t n_blocks_, segment_blocks_;
  std::int64_t n_slots_ = 0;
  std::vector<std::unique_ptr<Buffer>> slots_;  // those that have been needed so far
  std::vector<Buffer*> slot_of_, free_;         // of block b at b % n_slots
  std::vector<bool> ready_;
  std::int64_t next_ = 0;  // the next block to add
  bool adding_ = false, has_failed_ = false;
  std::mutex mutex_;
  std::condition_variable moved_;
};

}  // namespace gaussmix
