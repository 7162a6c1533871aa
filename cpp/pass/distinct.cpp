// Distinct rows in a table of all possible rows (many rows of up to 3 bytes), or in a hash table.
#include "pass/distinct.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

namespace gaussmix {

namespace {

constexpr std::size_t kBatch = 64;

// A row of 1 to 8 bytes as a number.
template <std::size_t width>
std::uint64_t number_of(const unsigned char* row) {
  std::uint64_t number = 0;
  std::memcpy(&number, row, width);
  return number;
}

// One sum for each possible row.
template <std::size_t width, class Weight>
class DirectTable : public DistinctRows {
 public:
  DirectTable(std::size_t limit, unsigned char* kept, double* weights)
      : limit_(limit), kept_(kept), weights_(weights), sums_(zeros(), &std::free) {}

  bool add(const unsigned char* rows, std::size_t n_rows, const double* row_weights) override {
    n_rows_ += n_rows;
    failed_ |= n_rows_ > UINT32_MAX;
    for (std::size_t start = 0; start < n_rows && !failed_; start += kBatch) {
      for (std::size_t i = start; i < std::min(n_rows, start + kBatch); ++i) {
        Weight weight = 1;
        if constexpr (std::is_same_v<Weight, double>) weight = row_weights[i];
        Weight& sum = sums_[place_of(rows + i * width)];
        size_ += sum == 0 && weight != 0;
        sum += weight;
      }
      failed_ = size_ > limit_;
    }
    return !failed_;
  }

  std::size_t finish() override {
    std::size_t size = 0;
    for (std::size_t place = 0; place < kPlaces; ++place) {
      if (sums_[place] == 0) continue;
      for (std::size_t j = 0; j < width; ++j) kept_[size * width + j] = place >> (8 * (width - 1 - j)) & 0xff;
      weights_[size++] = sums_[place];
    }
    return size;
  }

 private:
  static constexpr std::size_t kPlaces = std::size_t{1} << (8 * width);

  // Pages that no row touches are never allocated.
  static Weight* zeros() {
    if (void* memory = std::calloc(kPlaces, sizeof(Weight))) return static_cast<Weight*>(memory);
    throw std::bad_alloc();
  }

  static std::size_t place_of(const unsigned char* row) {
    std::size_t place = 0;
    for (std::size_t j = 0; j < width; ++j) place = place << 8 | row[j];
    return place;
  }

  std::size_t limit_;
  unsigned char* kept_;
  double* weights_;
  std::unique_ptr<Weight[], void (*)(void*)> sums_;
  std::size_t size_ = 0, n_rows_ = 0;
  bool failed_ = false;
};

// A hash table with linear probing. Width 0 stands for rows of any other width.
template <std::size_t width>
class HashTable : public DistinctRows {
 public:
  HashTable(std::size_t row_bytes, std::size_t limit, unsigned char* kept, double* weights)
      : row_bytes_(width > 0 ? width : row_bytes),
        limit_(std::min<std::size_t>(limit, UINT32_MAX - 1)),
        kept_(kept),
        weights_(weights),
        slots_(std::size_t{1} << (64 - shift_)) {}

  bool add(const unsigned char* rows, std::size_t n_rows, const double* row_weights) override {
    n_rows_ += n_rows;
    failed_ |= n_rows_ > UINT32_MAX;
    for (std::size_t start = 0; start < n_rows && !failed_; start += kBatch) {
      const std::size_t batch = std::min(kBatch, n_rows - start);
      if (2 * (size_ + batch) > slots_.size()) grow();
      add_batch(rows + start * row_bytes_, batch, row_weights ? row_weights + start : nullptr);
    }
    return !failed_;
  }

  std::size_t finish() override {
    for (const Slot& slot : slots_) {
      if (slot.count > 0) weights_[slot.place - 1] = slot.count;
    }
    return size_;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t place = 0;  // 1 + the place among the kept rows; 0: the slot is free
    std::uint32_t count = 0;  // of rows without weights, in the cache line of the hash
  };

  // More steps than this per row indicate adversarial collisions: a table that is half full takes 1.5 steps to find
  // a row and 2.5 to miss one (Knuth, The Art of Computer Programming, section 6.4).
  static constexpr std::int64_t kStepsPerRow = 16;

  // A bijection in which every bit of the input affects every bit of the output (the end of MurmurHash3).
  static std::uint64_t mixed(std::uint64_t bits) {
    bits = (bits ^ (bits >> 33)) * 0xff51afd7ed558ccdULL;
    bits = (bits ^ (bits >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return bits ^ (bits >> 33);
  }

  std::uint64_t hash_of(const unsigned char* row) const {
    if constexpr (width > 0) return mixed(number_of<width>(row));
    std::uint64_t hash = row_bytes_;
    std::size_t at = 0;
    for (; at + 8 <= row_bytes_; at += 8) {
      hash = (hash ^ number_of<8>(row + at)) * 0x9e3779b97f4a7c15ULL;
      hash ^= hash >> 32;
    }
    return mixed(at == row_bytes_ ? hash : hash ^ number_of<8>(row + row_bytes_ - 8));
  }

  // Of rows with equal hashes.
  bool equal(const unsigned char* row, std::size_t place) const {
    return width > 0 || std::memcmp(row, kept_ + (place - 1) * row_bytes_, row_bytes_) == 0;
  }

  void add_batch(const unsigned char* rows, std::size_t n_rows, const double* row_weights) {
    std::uint64_t hashes[kBatch];
    for (std::size_t i = 0; i < n_rows; ++i) {
      hashes[i] = hash_of(rows + i * row_bytes_);
      __builtin_prefetch(&slots_[hashes[i] >> shift_]);
    }
    steps_left_ += kStepsPerRow * static_cast<std::int64_t>(n_rows);
    for (std::size_t i = 0; i < n_rows && !failed_; ++i) {
      const double weight = row_weights ? row_weights[i] : 1.0;
      if (weight == 0.0) continue;
      const unsigned char* row = rows + i * row_bytes_;
      Slot* slot = &slots_[hashes[i] >> shift_];
      while (slot->place != 0 && !(slot->hash == hashes[i] && equal(row, slot->place))) {
        slot = next(slot);
        --steps_left_;
      }
      if (slot->place == 0) {
        if (size_ == limit_) {
          failed_ = true;
          return;
        }
        std::memcpy(kept_ + size_ * row_bytes_, row, row_bytes_);
        weights_[size_] = 0.0;
        slot->hash = hashes[i];
        slot->place = static_cast<std::uint32_t>(++size_);
      }
      if (row_weights) {
        weights_[slot->place - 1] += weight;
      } else {
        ++slot->count;
      }
    }
    failed_ = steps_left_ < 0;
  }

  Slot* next(Slot* slot) { return ++slot == slots_.data() + slots_.size() ? slots_.data() : slot; }

  void grow() {
    shift_ -= 1;
    std::vector<Slot> before(2 * slots_.size());
    before.swap(slots_);
    for (const Slot& kept : before) {
      if (kept.place == 0) continue;
      Slot* slot = &slots_[kept.hash >> shift_];
      while (slot->place != 0) slot = next(slot);
      *slot = kept;
    }
  }

  int shift_ = 64 - 12;  // a hash shifted by this is a slot
  std::size_t row_bytes_, limit_;
  unsigned char* kept_;
  double* weights_;
  std::vector<Slot> slots_;  // at least half of them free
  std::size_t size_ = 0, n_rows_ = 0;
  std::int64_t steps_left_ = 0;
  bool failed_ = false;
};

}  // namespace

std::unique_ptr<DistinctRows> make_distinct_rows(std::size_t row_bytes, std::size_t n_rows, bool weighted,
                                                 std::size_t limit, unsigned char* kept, double* weights) {
  const auto made = [&]<std::size_t width>() -> std::unique_ptr<DistinctRows> {
    if constexpr (width >= 1 && width <= 3) {
      const bool worth_its_pages = n_rows > (std::size_t{1} << (8 * width)) / 16;
      if (worth_its_pages && weighted) return std::make_unique<DirectTable<width, double>>(limit, kept, weights);
      if (worth_its_pages) return std::make_unique<DirectTable<width, std::uint32_t>>(limit, kept, weights);
    }
    return std::make_unique<HashTable<width>>(row_bytes, limit, kept, weights);
  };
  switch (row_bytes) {
    case 1:
      return made.operator()<1>();
    case 2:
      return made.operator()<2>();
    case 3:
      return made.operator()<3>();
    case 4:
      return made.operator()<4>();
    case 5:
      return made.operator()<5>();
    case 6:
      return made.operator()<6>();
    case 7:
      return made.operator()<7>();
    case 8:
      return made.operator()<8>();
    default:
      return made.operator()<0>();
  }
}

}  // namespace gaussmix
