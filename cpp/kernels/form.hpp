// What the forms of the pass have in common: every form is one class, of which each function is compiled once.
#pragma once

#include "kernels/softmax.hpp"

namespace gaussmix::GAUSSMIX_ISA {

// The work on the rows of a block, one tile after the other. The calls are virtual: a tile is long enough for them.
class FormKernel {
 public:
  // Takes up to tile.size rows; load_weights, score_background and add_log_prior do the rest.
  virtual void load(const Rows& rows, std::size_t first, int count) = 0;
  // Sets the scores of the components.
  virtual void score() = 0;
  // Adds the sums of the tile, whose scores are normalized.
  virtual void add(const Partial& partial) = 0;
  // Adds what was kept until the end of the block.
  virtual void finish(const Partial&) {}

  Tile tile;
  bool shrinks = false;  // whether the last tile may have fewer packs: then no sum depends on tile.size

 protected:
  FormKernel(int size, const Mixture& m, Arena& arena) : tile(size, m, arena) {}
  ~FormKernel() = default;
};

}  // namespace gaussmix::GAUSSMIX_ISA
