// The steps of a search over a table, and the order in which threads take them.
#include "em/grid_search.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#include "threads.hpp"

namespace gaussmix {

namespace {

constexpr double kSame = 1e-2;  // nats: closer optima count as equal
constexpr int kRounds = 3;      // of starts from cells with as many components
constexpr int kSteps = 2 * (1 + kRounds), kBackward = 1 + kRounds;
constexpr std::chrono::milliseconds kPause(20);  // between two looks of a thread that waits

class GridSearch {
 public:
  GridSearch(const std::vector<GridCell>& cells, const std::vector<Partitions>& partitions, GridWatch& watch)
      : cells_(cells),
        n_cells_(static_cast<int>(cells.size())),
        n_rows_(static_cast<int>(partitions.size())),
        compute_(partitions),
        watch_(watch),
        partitions_(n_rows_),
        best_(cells.size() * kSteps),
        tried_(cells.size()),
        waits_for_(n_cells_ * kSteps + n_rows_, 0),
        left_(2 * n_rows_, 0),
        results_(cells.size()) {
    for (int cell = 0; cell < n_cells_; ++cell) {
      results_[cell].best = cells_[cell].given;
      if (!cells_[cell].is_wanted) continue;
      for (int step = 0; step < kSteps; ++step) waits_for_[node_of(cell, step)] = n_before(cell, step);
      ++left_[cells_[cell].row], ++left_[n_rows_ + cells_[cell].row];
      n_left_ += kSteps;
    }
    for (int row = 0; row < n_rows_; ++row, ++n_left_) add(n_cells_ * kSteps + row);
  }

  // Takes steps until all have ended.
  void work(int thread) {
    try {
      take_steps(thread);
    } catch (...) {
      stopped_ = true;
      throw;
    }
  }

  // Reports the last rows: all, if a worker has taken every step before the calling thread came.
  std::vector<GridResult> finish() {
    for (const int row : finished_) watch_.report(row);
    return std::move(results_);
  }

 private:
  void take_steps(int thread) {
    const std::function<bool()> ends = [&] {
      if (thread == 0 && !stopped_ && watch_.stops()) stopped_ = true;
      return stopped_.load();
    };
    std::unique_lock lock(mutex_);
    while (n_left_ > 0 && !stopped_) {
      if (thread == 0) report(lock);
      if (ready_.empty()) {
        changed_.wait_for(lock, kPause);
        if (thread == 0) {
          lock.unlock();
          ends();
          lock.lock();
        }
        continue;
      }
      const int node = -ready_.begin()->second;
      ready_.erase(ready_.begin());
      lock.unlock();
      if (!ends()) take(node, ends);
      lock.lock();
      if (!stopped_) release_next(node);
    }
    changed_.notify_all();
  }

  // Steps of a cell are numbered, then the partitions of each row.
  static int node_of(int cell, int step) { return cell * kSteps + step; }

  // The order of nodes that are ready: that of two sweeps without overlap.
  int rank(int node) const {
    if (node >= n_cells_ * kSteps) return 2 * (node - n_cells_ * kSteps) * kBackward;
    const int step = node % kSteps, row = cells_[node / kSteps].row;
    const int before = step < kBackward ? row : 2 * n_rows_ - 2 - row;
    return 2 * (before * kBackward + step) + 1;
  }
  void add(int node) { ready_.insert({rank(node), -node}); }  // the richest structures first: they take longest

  bool is_wanted(int cell) const { return cell >= 0 && cells_[cell].is_wanted; }

  // The nodes that a step waits for.
  int n_before(int cell, int step) const {
    const GridCell& of = cells_[cell];
    if (step == 0) return 1 + is_wanted(of.fewer);
    if (step == kBackward) return 1 + is_wanted(of.more);
    return 1 + static_cast<int>(std::count_if(of.neighbors.begin(), of.neighbors.end(),
                                              [&](int neighbor) { return is_wanted(neighbor); }));
  }

  // With the mutex held.
  void release_next(int node) {
    --n_left_;
    const auto release = [&](int next) {
      if (--waits_for_[next] == 0) add(next);
    };
    if (node >= n_cells_ * kSteps) {
      for (int cell = 0; cell < n_cells_; ++cell) {
        if (cells_[cell].is_wanted && cells_[cell].row == node - n_cells_ * kSteps) release(node_of(cell, 0));
      }
    } else {
      const int cell = node / kSteps, step = node % kSteps, next = step + 1;
      const GridCell& of = cells_[cell];
      const bool ends_sweep = next % kBackward == 0;
      if (next < kSteps) release(node_of(cell, next));
      if (!ends_sweep) {
        for (const int neighbor : of.neighbors) {
          if (is_wanted(neighbor)) release(node_of(neighbor, next));
        }
      } else {
        const int beside = next < kSteps ? of.more : of.fewer;
        if (is_wanted(beside)) release(node_of(beside, next < kSteps ? 0 : kBackward));
        const int sweep = next < kSteps ? 0 : 1;
        if (--left_[sweep * n_rows_ + of.row] == 0 && !(sweep == 0 && of.problem.n_components == 1)) {
          finished_.push_back(of.row);
        }
      }
    }
    changed_.notify_all();
  }

  void report(std::unique_lock<std::mutex>& lock) {
    const std::vector<int> rows = std::exchange(finished_, {});
    if (rows.empty()) return;
    lock.unlock();
    for (const int row : rows) watch_.report(row);
    lock.lock();
  }

  // What a cell has found before a step.
  const BestOptima& best_before(int cell, int step) const {
    return step == 0 || !cells_[cell].is_wanted ? cells_[cell].given : best_[node_of(cell, step - 1)];
  }

  void take(int node, const std::function<bool()>& ends) {
    if (node >= n_cells_ * kSteps) {
      const int row = node - n_cells_ * kSteps;
      partitions_[row] = compute_[row]();
      return;
    }
    const int cell = node / kSteps, step = node % kSteps;
    const GridCell& of = cells_[cell];
    BestOptima& best = best_[node] = best_before(cell, step);
    CellTask task;
    std::vector<int> origins;
    if (step == 0) {
      if (of.problem.n_components == 1) return;
      task.partitions = &partitions_[of.row];
      if (of.fewer >= 0) task.fewer = start_of(best_before(of.fewer, kBackward));
    } else if (step == kBackward) {
      if (of.more >= 0) task.more = start_of(best_before(of.more, kSteps));
      if (!task.more) return;
    } else {
      if (of.problem.n_components == 1) return;
      origins = add_untried(cell, step, task);
      if (task.same.empty()) return;
    }
    task.problem = of.problem, task.reference = of.reference;
    if (best.highest_sound) task.highest_sound = best.highest_sound->objective + of.log_volume;
    if (best.highest) task.highest = best.highest->objective + of.log_volume;
    search_cell(task, ends);
    for (const Found& found : task.found) {
      const int origin = found.kind == StartKind::same ? origins[found.position] : found.position;
      keep(best,
           std::make_shared<CellOptimum>(CellOptimum{found.optimum, found.optimum->state.objective - of.log_volume,
                                                     found.optimum->is_sound, static_cast<int>(found.kind), origin}));
    }
    GridResult& result = results_[cell];
    result.best = best, result.seconds += task.seconds;
    result.is_searched = result.is_searched || task.is_done || best.preferred();
  }

  static std::shared_ptr<const Optimum> start_of(const BestOptima& best) {
    return best.preferred() ? best.preferred()->optimum : nullptr;
  }

  // Adds sound optima of the neighbors that the cell has not started from; returns the cells that they come from.
  std::vector<int> add_untried(int cell, int step, CellTask& task) {
    std::vector<int> origins;
    for (const int neighbor : cells_[cell].neighbors) {
      const CellOptimumPointer& optimum = best_before(neighbor, step).preferred();
      if (!optimum || !optimum->is_sound || !tried_[cell].insert(optimum).second) continue;
      task.same.push_back(optimum->optimum);
      origins.push_back(neighbor);
    }
    return origins;
  }

  static void keep(BestOptima& best, const CellOptimumPointer& optimum) {
    const auto is_better = [&](const CellOptimumPointer& than) {
      return !than || optimum->objective > than->objective + kSame;
    };
    if (is_better(best.highest)) best.highest = optimum;
    if (optimum->is_sound && is_better(best.highest_sound)) best.highest_sound = optimum;
  }

  const std::vector<GridCell>& cells_;
  const int n_cells_, n_rows_;
  const std::vector<Partitions>& compute_;
  GridWatch& watch_;
  std::vector<std::vector<ClusterSums>> partitions_;  // of each row
  std::vector<BestOptima> best_;                      // after each step of each cell
  std::vector<std::set<CellOptimumPointer>> tried_;   // of each cell
  std::vector<int> waits_for_;                        // nodes before each node that have not ended
  std::vector<int> left_;                             // cells of each row that have not ended the sweep, for both
  std::vector<GridResult> results_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::pair<int, int>> ready_;  // rank and minus the node
  std::vector<int> finished_;            // rows to report
  int n_left_ = 0;
  std::atomic<bool> stopped_{false};
};

}  // namespace

std::vector<GridResult> search_grid(const std::vector<GridCell>& cells, const std::vector<Partitions>& partitions,
                                    int n_threads, GridWatch& watch) {
  GridSearch search(cells, partitions, watch);
  n_threads = static_cast<int>(std::clamp<std::size_t>(cells.size(), 1, n_threads));
  parallel_for(n_threads, n_threads, [&](std::int64_t, int thread) { search.work(thread); });
  return search.finish();
}

}  // namespace gaussmix
