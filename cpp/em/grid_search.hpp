// The search over a table of models: a forward sweep from few components to many, and a backward sweep.
//
// In each sweep a cell is searched from the cell beside it with one component less or more, then three times from new
// optima of its neighbors with as many components. Each of these steps reads what others had after their step before,
// so the order in which threads take the steps does not matter: a step may begin as soon as those that it reads have
// ended, and the results have the same bits for any number of threads. selection/grid_sweep.py is the same search with
// all threads in the same step.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "em/cell_search.hpp"

namespace gaussmix {

inline constexpr int kGiven = -1;  // kind of an optimum that was known before

// An optimum of a cell, and the start that led to it: its kind, and its position among those of the kind, or the cell
// that it comes from.
struct CellOptimum {
  std::shared_ptr<const Optimum> optimum;
  double objective;  // in the units of the data
  bool is_sound;
  int kind, origin;
};
using CellOptimumPointer = std::shared_ptr<const CellOptimum>;

// The best optima of a cell, or null.
struct BestOptima {
  CellOptimumPointer highest, highest_sound;
  const CellOptimumPointer& preferred() const { return highest_sound ? highest_sound : highest; }
};

struct GridCell {
  Problem problem;
  SoundnessReference reference;
  double log_volume;  // an objective in the units of the search less that in the units of the data
  int row;            // cells with as many components; ascending
  bool is_wanted;     // or its optima are final, and starts of others
  BestOptima given;
  int fewer, more;             // the cell of the same structure with one component less or more, or -1
  std::vector<int> neighbors;  // its nearest special cases, and the cells that have it as theirs
};

struct GridResult {
  BestOptima best;
  double seconds = 0.0;
  bool is_searched = false;
};

class GridWatch {
 public:
  virtual ~GridWatch() = default;
  // The thread that began the search asks it often. True ends the search.
  virtual bool stops() = 0;
  // The same thread calls it when all cells of a row have ended a sweep.
  virtual void report(int row) = 0;
};

// `partitions` has the starts of the wanted cells of each row, as functions that compute them. A cell of one component
// has no forward sweep: its given optima are what the sweep would find.
using Partitions = std::function<std::vector<ClusterSums>()>;
std::vector<GridResult> search_grid(const std::vector<GridCell>& cells, const std::vector<Partitions>& partitions,
                                    int n_threads, GridWatch& watch);

}  // namespace gaussmix
