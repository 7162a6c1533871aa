// The search for the optima of several models with the same number of components: one row of a table of models.
//
// Each model starts from partitions of the rows and from optima of other models. Starts compete: after one pass, and
// after a few, only the best go on; the best runs to convergence; the others end as soon as they cannot pass it. Models
// are independent of each other and are distributed among the threads, so the results have the same bits for any number
// of threads.
//
// Plain C++: no Python, no exceptions except std::bad_alloc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "em/soundness.hpp"
#include "em/warm_starts.hpp"

namespace gaussmix {

enum class StartKind { partition, same, split, merge };

// A better optimum than those known, and the start that led to it: its kind, and its position among those of the kind.
struct Found {
  std::shared_ptr<Optimum> optimum;
  StartKind kind;
  int position;
};

struct CellTask {
  Problem problem;
  SoundnessReference reference;
  const std::vector<ClusterSums>* partitions = nullptr;
  std::vector<std::shared_ptr<const Optimum>> same;         // of other models with as many components
  std::shared_ptr<const Optimum> fewer, more;               // with one component less or more, or null
  double share = 1.0;                                       // of a row that goes to its half in a split (WarmStarts)
  double highest_sound = -kInfinity, highest = -kInfinity;  // objectives of known optima, or -infinity
  std::vector<Found> found;  // the highest optimum, if it is not sound; the highest sound one
  double seconds = 0.0;
  bool is_done = false;
};

// Searches a model until `stops` returns true.
void search_cell(CellTask& task, const std::function<bool()>& stops);

// Searches models until `stops` returns true; the calling thread asks it.
void search_cells(std::vector<CellTask>& tasks, int n_threads, const std::function<bool()>& stops);

// Continues a run from an optimum with another tolerance in nats.
std::shared_ptr<Optimum> refine(const Problem& problem, const SoundnessReference& reference, const Optimum& optimum);

}  // namespace gaussmix
