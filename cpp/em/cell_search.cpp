// The race of the starts of a model.
#include "em/cell_search.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>

namespace gaussmix {

namespace {

constexpr double kSame = 1e-2;  // nats: closer optima count as equal
constexpr int kSplits = 8, kMerges = 6;
constexpr int kAfterOne = 10, kShort = 3, kAfterShort = 5;  // starts that go on after one pass, and after three

struct Entrant {
  StartKind kind;
  int position;
  RunState state;
  bool is_sound = false;
};

class CellSearch {
 public:
  CellSearch(CellTask& task, const std::function<bool()>& stops)
      : task_(task), m_(task.problem), stops_(stops), run_(m_), starts_(m_), table_(m_.n_rows * m_.n_components) {}

  void search() {
    begin_all();
    for (Entrant& entrant : entrants_) {
      if (stops_()) return;
      climb(entrant, kShort, -kInfinity);
    }
    keep_best(kAfterShort);
    for (Entrant& entrant : entrants_) entrant.is_sound = examine(entrant);
    std::stable_partition(entrants_.begin(), entrants_.end(), [](const Entrant& e) { return e.is_sound; });
    finish();
    task_.is_done = true;
  }

 private:
  bool examine(const Entrant& entrant) const {
    return is_sound(m_.model, m_.n_components, m_.n_features, entrant.state.now, task_.reference);
  }

  void climb(Entrant& entrant, int most_passes, double target) {
    run_.load(entrant.state);
    run_.climb(most_passes, target);
    run_.save(entrant.state);
  }

  void begin_all() {
    for (int i = 0; i < static_cast<int>(task_.same.size()); ++i) {
      starts_.same(*task_.same[i], table_.data());
      begin(StartKind::same, i);
    }
    if (task_.fewer) {
      const std::vector<int> components = WarmStarts::splits(*task_.fewer, kSplits);
      for (int i = 0; i < static_cast<int>(components.size()); ++i) {
        starts_.split(*task_.fewer, components[i], task_.share, table_.data());
        begin(StartKind::split, i);
      }
    }
    if (task_.more) {
      const std::vector<std::pair<int, int>> pairs = starts_.merges(*task_.more, kMerges);
      for (int i = 0; i < static_cast<int>(pairs.size()); ++i) {
        starts_.merge(*task_.more, pairs[i].first, pairs[i].second, table_.data());
        begin(StartKind::merge, i);
      }
    }
    for (int i = 0; i < task_.n_partitions; ++i) {
      starts_.partition(task_.partitions + i * m_.n_rows, table_.data());
      begin(StartKind::partition, i);
    }
  }

  // Makes the first pass from the table; keeps the run if it is one of the best.
  void begin(StartKind kind, int position) {
    if (stops_()) return;
    run_.begin(table_.data());
    const double objective = run_.objective();
    if (!std::isfinite(objective)) return;
    auto place = entrants_.begin();
    for (; place != entrants_.end() && place->state.objective >= objective; ++place) {
      if (place->state.objective - objective <= 1e-9 * std::abs(objective)) return;  // the same start
    }
    if (place == entrants_.end() && entrants_.size() >= kAfterOne) return;
    place = entrants_.insert(place, Entrant{kind, position, {}, false});
    run_.save(place->state);
    if (entrants_.size() > kAfterOne) entrants_.pop_back();
  }

  // Sorts by objective, and keeps the best of those that differ.
  void keep_best(std::size_t most) {
    std::stable_sort(entrants_.begin(), entrants_.end(),
                     [](const Entrant& a, const Entrant& b) { return a.state.objective > b.state.objective; });
    std::vector<Entrant> kept;
    for (Entrant& entrant : entrants_) {
      if (kept.size() == most || !std::isfinite(entrant.state.objective)) break;
      if (!kept.empty() && kept.back().state.objective - entrant.state.objective <= kSame) continue;
      kept.push_back(std::move(entrant));
    }
    entrants_ = std::move(kept);
  }

  void finish() {
    double sound = task_.highest_sound, highest = task_.highest;
    Found best_sound{}, best{};
    for (Entrant& entrant : entrants_) {
      if (stops_()) break;
      climb(entrant, m_.max_iter, sound + kSame);
      const double objective = entrant.state.objective;
      if (!std::isfinite(objective) || !(objective > sound + kSame)) continue;
      entrant.is_sound = examine(entrant);
      if (!entrant.is_sound && !(objective > highest + kSame)) continue;
      const Optimum optimum{m_.model, m_.n_components, m_.n_features, std::move(entrant.state), entrant.is_sound};
      const Found found{std::make_shared<const Optimum>(std::move(optimum)), entrant.kind, entrant.position};
      if (objective > highest + kSame) highest = objective, best = found;
      if (entrant.is_sound) sound = objective, best_sound = found;
    }
    if (best.optimum) task_.found.push_back(best);
    if (best_sound.optimum && best_sound.optimum != best.optimum) task_.found.push_back(best_sound);
  }

  CellTask& task_;
  const Problem& m_;
  const std::function<bool()>& stops_;
  EmRun run_;
  WarmStarts starts_;
  std::vector<double> table_;
  std::vector<Entrant> entrants_;  // the highest first
};

}  // namespace

void search_cells(std::vector<CellTask>& tasks, int n_threads, const std::function<bool()>& stops) {
  std::atomic<bool> stopped{false};
  n_threads = static_cast<int>(std::clamp<std::size_t>(tasks.size(), 1, n_threads));
#pragma omp parallel num_threads(n_threads)
  {
    bool asks = false;
#pragma omp master
    asks = true;
    const std::function<bool()> ends = [&] {
      if (asks && !stopped && stops()) stopped = true;
      return stopped.load();
    };
#pragma omp for schedule(dynamic, 1)
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(tasks.size()); ++i) {
      if (ends()) continue;
      const auto began = std::chrono::steady_clock::now();
      CellSearch(tasks[i], ends).search();
      tasks[i].seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    }
  }
}

std::shared_ptr<const Optimum> refine(const Problem& problem, const SoundnessReference& reference,
                                      const Optimum& optimum) {
  EmRun run(problem);
  auto refined = std::make_shared<Optimum>(optimum);
  run.load(optimum.state);
  run.climb(optimum.state.n_passes + problem.max_iter, -kInfinity);
  run.save(refined->state);
  refined->is_sound = is_sound(problem.model, problem.n_components, problem.n_features, refined->state.now, reference);
  return refined;
}

}  // namespace gaussmix
