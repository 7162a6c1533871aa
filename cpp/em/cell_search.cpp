// The race of the starts of a model.
#include "em/cell_search.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>

#include "threads.hpp"

namespace gaussmix {

namespace {

constexpr double kSame = 1e-2;  // nats: closer optima count as equal
constexpr int kSplits = 8, kMerges = 6;
constexpr int kContenders = 4, kContendersPerFeature = 2;   // starts that go on after the first pass:
constexpr int kLeastContenders = 10, kMostContenders = 16;  // this many at least, and at most
constexpr int kShort = 3;                                   // passes after which contenders that have met count once
constexpr int kUnsound = 3;  // contenders with an unsound component that go on, if there is no sound optimum
constexpr int kTrial = 30;   // passes within which they have to become sound

struct Entrant {
  StartKind kind;
  int position;
  RunState state;
  bool is_sound = false;
};

class CellSearch {
 public:
  CellSearch(CellTask& task, const std::function<bool()>& stops)
      : task_(task),
        m_(task.problem),
        run_(m_),
        stops_(stops),
        contenders_(
            std::clamp(kContenders + kContendersPerFeature * m_.n_features, kLeastContenders, kMostContenders)) {}

  void search() {
    begin_all();
    for (Entrant& entrant : entrants_) {
      if (stops_()) return;
      climb(entrant, kShort, -kInfinity);
    }
    keep_different();
    for (Entrant& entrant : entrants_) entrant.is_sound = examine(entrant);
    std::stable_partition(entrants_.begin(), entrants_.end(), [](const Entrant& e) { return e.is_sound; });
    finish();
    task_.is_done = true;
  }

 private:
  static bool is_higher(const Entrant& a, const Entrant& b) { return a.state.objective > b.state.objective; }

  bool examine(const Entrant& entrant) const {
    return is_sound(m_.model, m_.n_components, m_.n_features, entrant.state.now, task_.reference);
  }

  void climb(Entrant& entrant, int most_passes, double target) {
    run_.load(entrant.state);
    run_.climb(most_passes, target);
    run_.save(entrant.state);
  }

  void begin_all() {
    for (std::size_t i = 0; i < task_.same.size(); ++i) begin(task_.same[i]->sums, StartKind::same, i);
    if (task_.fewer) begin_each(split(m_, *task_.fewer, task_.share, kSplits), StartKind::split);
    if (task_.more) begin_each(merge(*task_.more, kMerges), StartKind::merge);
    if (task_.partitions) begin_each(*task_.partitions, StartKind::partition);
  }
  void begin_each(const std::vector<ClusterSums>& starts, StartKind kind) {
    for (std::size_t i = 0; i < starts.size(); ++i) begin(starts[i], kind, i);
  }

  // Makes the first pass; keeps the run if it is one of the best.
  void begin(const ClusterSums& start, StartKind kind, std::size_t position) {
    if (stops_() || start.counts.empty()) return;
    run_.begin(start);
    const double objective = run_.objective();
    if (!std::isfinite(objective)) return;
    auto place = entrants_.begin();
    for (; place != entrants_.end() && place->state.objective >= objective; ++place) {
      if (place->state.objective - objective <= 1e-9 * std::abs(objective)) return;  // the same start
    }
    if (place == entrants_.end() && entrants_.size() >= contenders_) return;
    place = entrants_.insert(place, Entrant{kind, static_cast<int>(position), {}, false});
    run_.save(place->state);
    if (entrants_.size() > contenders_) entrants_.pop_back();
  }

  // Sorts by objective, and keeps those that differ.
  void keep_different() {
    std::stable_sort(entrants_.begin(), entrants_.end(), is_higher);
    std::vector<Entrant> kept;
    for (Entrant& entrant : entrants_) {
      if (!std::isfinite(entrant.state.objective)) break;
      if (!kept.empty() && kept.back().state.objective - entrant.state.objective <= kSame) continue;
      kept.push_back(std::move(entrant));
    }
    entrants_ = std::move(kept);
  }

  // Runs each to convergence, as long as it may pass the best sound optimum. Sound contenders come first.
  void finish() {
    double sound = task_.highest_sound, highest = task_.highest;
    Found best_sound{}, best{};
    int unsound = 0;
    for (Entrant& entrant : entrants_) {
      if (stops_()) break;
      if (!entrant.is_sound) {
        if (++unsound > kUnsound) break;
        climb(entrant, kTrial, sound + kSame);
        entrant.is_sound = std::isfinite(entrant.state.objective) && examine(entrant);
      }
      if (entrant.is_sound) climb(entrant, m_.max_iter, sound + kSame);
      const double objective = entrant.state.objective;
      if (!std::isfinite(objective) || !(objective > sound + kSame)) continue;
      entrant.is_sound = examine(entrant);
      if (!entrant.is_sound && !(objective > highest + kSame)) continue;
      Optimum optimum{m_.model, m_.n_components, m_.n_features, std::move(entrant.state), {}, entrant.is_sound};
      const Found found{std::make_shared<Optimum>(std::move(optimum)), entrant.kind, entrant.position};
      if (objective > highest + kSame) highest = objective, best = found;
      if (entrant.is_sound) sound = objective, best_sound = found;
    }
    if (best.optimum) task_.found.push_back(best);
    if (best_sound.optimum && best_sound.optimum != best.optimum) task_.found.push_back(best_sound);
    for (Found& found : task_.found) found.optimum->sums = sums_at(m_, *found.optimum);
  }

  CellTask& task_;
  const Problem& m_;
  EmRun run_;
  const std::function<bool()>& stops_;
  const std::size_t contenders_;
  std::vector<Entrant> entrants_;  // the highest first
};

}  // namespace

void search_cell(CellTask& task, const std::function<bool()>& stops) {
  const auto began = std::chrono::steady_clock::now();
  CellSearch(task, stops).search();
  task.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

void search_cells(std::vector<CellTask>& tasks, int n_threads, const std::function<bool()>& stops) {
  std::atomic<bool> stopped{false};
  n_threads = static_cast<int>(std::clamp<std::size_t>(tasks.size(), 1, n_threads));
  parallel_for(static_cast<std::int64_t>(tasks.size()), n_threads, [&](std::int64_t i, int thread) {
    const std::function<bool()> ends = [&] {
      if (thread == 0 && !stopped && stops()) stopped = true;
      return stopped.load();
    };
    if (!ends()) search_cell(tasks[i], ends);
  });
}

std::shared_ptr<Optimum> refine(const Problem& problem, const SoundnessReference& reference, const Optimum& optimum) {
  EmRun run(problem);
  auto refined = std::make_shared<Optimum>(optimum);
  run.load(optimum.state);
  run.climb(optimum.state.n_passes + problem.max_iter, -kInfinity);
  run.save(refined->state);
  refined->is_sound = is_sound(problem.model, problem.n_components, problem.n_features, refined->state.now, reference);
  return refined;
}

}  // namespace gaussmix
