// What this processor can do at most: multiply-adds in registers, and reading from memory. peak.py compiles it once per
// instruction set and runs it: peak THREADS BUFFER_MEGABYTES. Prints a name and a number per line: GFLOP/s, GB/s.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#if defined(__clang__)
#define PEAK_UNROLL _Pragma("unroll")
#else
#define PEAK_UNROLL _Pragma("GCC unroll 16")
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

using Doubles = double __attribute__((vector_size(kBytes)));
using Floats = float __attribute__((vector_size(kBytes)));

constexpr int kTries = 10;
constexpr double kSeconds = 0.06;

volatile double sink;

// Seconds until every thread has done work(thread); they start together.
double time_threads(int n_threads, const std::function<void(int)>& work) {
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  std::vector<std::chrono::steady_clock::time_point> began(n_threads), ended(n_threads);
  for (int t = 0; t < n_threads; ++t) {
    threads.emplace_back([&, t] {
      for (++ready; ready < n_threads;) std::this_thread::yield();
      began[t] = std::chrono::steady_clock::now();
      work(t);
      ended[t] = std::chrono::steady_clock::now();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto first = *std::min_element(began.begin(), began.end()),
             last = *std::max_element(ended.begin(), ended.end());
  return std::chrono::duration<double>(last - first).count();
}

// kSums sums, each of which waits only for itself: more than the latency times the units of any processor so far, and
// with the two constants within 16 registers.
constexpr int kSums = 14;

template <class Pack, class Number>
void multiply_and_add(long repeats) {
  volatile Number scale = Number(0.999), step = Number(0.001);
  const Pack a = scale - Pack{}, b = step - Pack{};
  Pack sums[kSums] = {b};
  for (int j = 1; j < kSums; ++j) sums[j] = sums[j - 1] + b;
  for (long i = 0; i < repeats; ++i) {
    PEAK_UNROLL
    for (int j = 0; j < kSums; ++j) sums[j] = sums[j] * a + b;
  }
  for (const Pack& sum : sums) sink = sum[0];
}

// GFLOP/s, a multiplication and an addition being two.
template <class Pack, class Number>
double best_arithmetic(int n_threads) {
  const double flops_per_repeat = 2.0 * kSums * kBytes / sizeof(Number);
  long repeats = 1 << 20;
  double seconds = time_threads(n_threads, [&](int) { multiply_and_add<Pack, Number>(repeats); });
  repeats = static_cast<long>(repeats * kSeconds / seconds);
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    seconds = time_threads(n_threads, [&](int) { multiply_and_add<Pack, Number>(repeats); });
    best = std::max(best, n_threads * repeats * flops_per_repeat / seconds);
  }
  return best / 1e9;
}

void sum_buffer(const double* from, std::size_t size) {
  using Pack = double __attribute__((vector_size(kBytes), aligned(8)));
  constexpr std::size_t lanes = kBytes / 8;
  Pack sums[8] = {};
  for (std::size_t i = 0; i + 8 * lanes <= size; i += 8 * lanes) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += *reinterpret_cast<const Pack*>(from + i + j * lanes);
  }
  for (const Pack& sum : sums) sink = sum[0];
}

// GB/s of reading a buffer of `bytes`, each thread its own stretch.
double best_reading(int n_threads, std::size_t bytes) {
  const std::size_t share = bytes / sizeof(double) / n_threads;
  const std::vector<double> buffer(share * n_threads, 1.0);
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    const double seconds = time_threads(n_threads, [&](int t) { sum_buffer(buffer.data() + t * share, share); });
    best = std::max(best, sizeof(double) * buffer.size() / seconds);
  }
  return best / 1e9;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: peak THREADS BUFFER_MEGABYTES\n");
    return 2;
  }
  const int n_threads = std::atoi(arguments[1]);
  std::printf("float64 %.6g\n", best_arithmetic<Doubles, double>(n_threads));
  std::printf("float32 %.6g\n", best_arithmetic<Floats, float>(n_threads));
  std::printf("reading %.6g\n", best_reading(n_threads, std::strtoull(arguments[2], nullptr, 10) * 1000000));
}
