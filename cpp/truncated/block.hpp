// The blocks of a truncated pass: rows that are scored by the same components.
#pragma once

#include <memory>
#include <vector>

#include "kernels/kernels.hpp"
#include "pass/in_order.hpp"
#include "truncated/look.hpp"

namespace gaussmix {

const Kernels& selected_kernels(bool rough);  // dispatch.cpp

// A buffer that grows.
class Grown {
 public:
  double* of(std::size_t size) {
    if (!buffer_ || size > size_) {
      size_ = size + size / 2;
      buffer_ = std::make_unique<Buffer>(size_);
    }
    return buffer_->data();
  }

 private:
  std::size_t size_ = 0;
  std::unique_ptr<Buffer> buffer_;
};

// The sums of a block.
struct BlockSums {
  std::vector<std::int32_t> listed;  // the components of the block
  std::vector<Relation> relations;
  std::vector<std::uint32_t> strays;
  Grown sums;
  std::size_t n_taken = 0;
  int pad = 1;

  // Adds to the sums of all blocks and components.
  void add_to(const Mixture& whole, TruncatedSums& to, std::vector<std::uint32_t>& all_strays);
};

class BlockPass {
 public:
  BlockPass(const Rows& rows, const Mixture& m, const Neighborhoods& look, const Candidates& candidates, bool relate);
  void run(std::size_t begin, std::size_t end, BlockSums& to);

 private:
  void list_components(std::size_t begin, std::size_t end, std::vector<std::int32_t>& listed);
  void find_present(std::size_t begin, std::size_t end);
  void count_best(std::size_t begin, std::size_t end);
  void find_strays(std::size_t begin, std::size_t end, BlockSums& to);
  Mixture part_of(const std::vector<std::int32_t>& listed);

  const Rows& rows_;
  const Mixture& whole_;
  const Neighborhoods& look_;
  const Candidates& candidates_;
  bool relate_;
  const Kernels& kernels_;
  std::uint32_t stamp_ = 0;
  std::vector<std::uint32_t> is_listed_;  // (k + 1,) by component plus one: 0 is an empty place
  std::vector<std::uint32_t> seen_;       // (k + 1,) the same: whether it is a candidate of one row, of several
  std::vector<std::uint32_t> n_best_;
  std::vector<std::int32_t> present_;
  std::vector<unsigned char> is_taken_;
  std::vector<double> offsets_, means_, factors_, remoteness_;
  Grown packed_, scratch_;
};

}  // namespace gaussmix
