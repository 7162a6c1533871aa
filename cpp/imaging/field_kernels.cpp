// Kernels for one line of a field: a lane is a pixel. Even and odd pixels of a line are updated in turn.
#include "imaging/field_kernels.hpp"

#include "kernels/elementary.hpp"

namespace gaussmix {
namespace GAUSSMIX_ISA {
namespace {

constexpr std::size_t kTile = 16 * kLanes;  // pixels whose sums stay in cache

std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

// sums[c, i] = sum over neighbors of weight q[c] for the pixels [begin, begin + count) of one parity.
void add_neighbors(const FieldLine& line, int parity, std::size_t begin, std::size_t count, float* sums) {
  const std::size_t half = line.half;
  for (std::size_t i = 0; i < line.n_classes * kTile; i += kLanes) store(sums + i, Pack{});
  for (int t = 0; t < line.n_neighbors; ++t) {
    const NeighborLine& other = line.neighbors[t];
    const int place = parity + other.step, their_parity = place & 1, shift = place >> 1;
    const float* q = other.q + their_parity * half + begin + shift;
    const std::uint8_t* edges = nullptr;
    if (other.edges) {
      edges = other.edges + (other.edges_are_theirs ? their_parity * half + begin + shift : parity * half + begin);
    }
    for (std::size_t i = 0; i < count; i += kLanes) {
      const Pack weight =
          edges ? fetch_converted(edges + i) * (other.weight * (1.0f / 255.0f)) : broadcast(other.weight);
      for (int c = 0; c < line.n_classes; ++c) {
        float* sum = sums + c * kTile + i;
        store(sum, fetch(sum) + weight * fetch(q + 2 * c * half + i));
      }
    }
  }
}

// Replaces the sums by exp(score + smoothing sum - greatest), zero where that is not a normal number; returns the
// total.
GAUSSMIX_INLINE Pack shares_of(const float* scores, std::size_t stride, int n_classes, float smoothing, float* sums) {
  Pack greatest = broadcast(-kInfinity), total{};
  for (int c = 0; c < n_classes; ++c) {
    const Pack score = fetch(scores + c * stride) + smoothing * fetch(sums + c * kTile);
    store(sums + c * kTile, score);
    greatest = larger(greatest, score);
  }
  for (int c = 0; c < n_classes; ++c) {
    const Pack below = fetch(sums + c * kTile) - greatest;
    Pack share = exp_nonpositive(larger(below, broadcast(kLogSmallest)));
    share = select(below > broadcast(kLogSmallest), share, Pack{});
    store(sums + c * kTile, share);
    total += share;
  }
  return total;
}

// Calls use(parity, begin, count, sums) for all tiles of a line, with the sums of their neighbors.
template <class Use>
void for_each_tile(const FieldLine& line, float* sums, Use use) {
  for (int parity = 0; parity < 2; ++parity) {
    for (std::size_t begin = 0; begin < line.half; begin += kTile) {
      const std::size_t count = smaller(kTile, line.half - begin);
      add_neighbors(line, parity, begin, count, sums);
      use(parity, begin, count);
    }
  }
}

std::size_t scratch(int n_classes) { return 2 * n_classes * kTile; }

void sweep(const FieldLine& line, float smoothing, float* sums) {
  const std::size_t stride = 2 * line.half;
  for_each_tile(line, sums, [&](int parity, std::size_t begin, std::size_t count) {
    const std::size_t at = parity * line.half + begin;
    for (std::size_t i = 0; i < count; i += kLanes) {
      const Pack total = shares_of(line.scores + at + i, stride, line.n_classes, smoothing, sums + i);
      const Pack normal = fetch_converted(line.visible + at + i) / total;
      for (int c = 0; c < line.n_classes; ++c) {
        store(line.q + c * stride + at + i, fetch(sums + c * kTile + i) * normal);
      }
    }
  });
}

// The bits of x, well mixed (Wellons, hash-prospector: lowbias32).
GAUSSMIX_INLINE std::uint32_t mixed(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

void draw(const FieldLine& line, float smoothing, std::uint64_t seed, float* sums) {
  const std::size_t stride = 2 * line.half;
  const std::uint32_t low = mixed(static_cast<std::uint32_t>(seed)), high = static_cast<std::uint32_t>(seed >> 32);
  for_each_tile(line, sums, [&](int parity, std::size_t begin, std::size_t count) {
    const std::size_t at = parity * line.half + begin;
    for (std::size_t i = 0; i < count; i += kLanes) {
      const Pack total = shares_of(line.scores + at + i, stride, line.n_classes, smoothing, sums + i);
      const Pack visible = fetch_converted(line.visible + at + i);
      Pack uniform;
      for (int l = 0; l < kLanes; ++l) {
        const std::uint32_t bits = mixed(mixed(static_cast<std::uint32_t>(at + i) + l + low) ^ high);
        uniform[l] = static_cast<float>(bits >> 8) * (1.0f / 16777216.0f);
      }
      Pack left = uniform * total, undrawn = visible;
      for (int c = 0; c < line.n_classes; ++c) {
        const Pack share = fetch(sums + c * kTile + i);
        // Rounding may leave a remainder, which goes to the last possible class.
        left = left - share;
        const Pack taken = select((left < Pack{}) & (share > Pack{}), undrawn, Pack{});
        store(line.q + c * stride + at + i, taken);
        undrawn = undrawn - taken;
      }
      for (int c = line.n_classes - 1; c >= 0; --c) {
        float* q = line.q + c * stride + at + i;
        const Pack rest = select(fetch(sums + c * kTile + i) > Pack{}, undrawn, Pack{});
        store(q, fetch(q) + rest);
        undrawn = undrawn - rest;
      }
    }
  });
}

void condition(const FieldLine& line, float smoothing, const float* preferences, float* to, double* totals) {
  const int k = line.n_classes;
  const std::size_t stride = 2 * line.half;
  float* sums = to + k * stride;  // room behind the result
  float* prior = sums + k * kTile;
  for_each_tile(line, sums, [&](int parity, std::size_t begin, std::size_t count) {
    const std::size_t at = parity * line.half + begin;
    Pack fit{}, slope{}, spread{};
    for (std::size_t i = 0; i < count; i += kLanes) {
      const Pack visible = fetch_converted(line.visible + at + i);
      Pack prior_greatest = broadcast(-kInfinity), greatest = prior_greatest, prior_total{}, total{};
      for (int c = 0; c < k; ++c) {
        const Pack pull = smoothing * fetch(sums + c * kTile + i);
        const Pack alone = broadcast(preferences[c]) + pull, both = fetch(line.scores + c * stride + at + i) + pull;
        prior_greatest = larger(prior_greatest, alone);
        greatest = larger(greatest, both);
        store(prior + c * kTile + i, alone);
        store(to + c * stride + at + i, both);
      }
      for (int c = 0; c < k; ++c) {
        const Pack alone =
            exp_nonpositive(larger(fetch(prior + c * kTile + i) - prior_greatest, broadcast(kLogSmallest)));
        const Pack both = exp_nonpositive(larger(fetch(to + c * stride + at + i) - greatest, broadcast(kLogSmallest)));
        prior_total += alone;
        total += both;
        store(prior + c * kTile + i, alone);
        store(to + c * stride + at + i, both);
      }
      fit += visible * (log_positive(total) + greatest - log_positive(prior_total) - prior_greatest);
      const Pack prior_normal = visible / prior_total, normal = visible / total;
      Pack mean{}, square{};
      for (int c = 0; c < k; ++c) {
        const Pack alone = fetch(prior + c * kTile + i) * prior_normal, both = fetch(to + c * stride + at + i) * normal;
        const Pack sum = fetch(sums + c * kTile + i);
        store(prior + c * kTile + i, alone);
        store(to + c * stride + at + i, both);
        slope += (both - alone) * sum;
        mean += alone * sum;
        square += alone * sum * sum;
      }
      spread += square - mean * mean;
      for (int c = 0; c < k; ++c) {
        float* sum = sums + c * kTile + i;
        store(sum, fetch(sum) - mean);
      }
    }
    double* curvature = totals + k + 2;  // upper triangle, line by line
    totals[0] += sum_lanes(fit);
    for (int c = 0; c < k; ++c) {
      Pack excess{}, own{}, with_sum{};
      for (std::size_t i = 0; i < count; i += kLanes) {
        const Pack alone = fetch(prior + c * kTile + i);
        excess += fetch(to + c * stride + at + i) - alone;
        own += alone * (1.0f - alone);
        with_sum += alone * fetch(sums + c * kTile + i);
      }
      totals[1 + c] += sum_lanes(excess);
      *curvature++ += sum_lanes(own);
      for (int d = c + 1; d < k; ++d) {
        Pack both{};
        for (std::size_t i = 0; i < count; i += kLanes) {
          both += fetch(prior + c * kTile + i) * fetch(prior + d * kTile + i);
        }
        *curvature++ -= sum_lanes(both);
      }
      *curvature++ += sum_lanes(with_sum);
    }
    totals[1 + k] += sum_lanes(slope);
    *curvature += sum_lanes(spread);
  });
}

double free_energy(const FieldLine& line, float smoothing, float* sums) {
  const std::size_t stride = 2 * line.half;
  constexpr float kSmallestNormal = 1.18e-38f;
  double energy = 0.0;
  for_each_tile(line, sums, [&](int parity, std::size_t begin, std::size_t count) {
    const std::size_t at = parity * line.half + begin;
    for (std::size_t i = 0; i < count; i += kLanes) {
      Pack total{};
      for (int c = 0; c < line.n_classes; ++c) {
        const Pack q = fetch(line.q + c * stride + at + i);
        const Bits counted = q > broadcast(kSmallestNormal);
        const Pack log_q = log_positive(select(counted, q, broadcast(1.0f)));
        const Pack term =
            fetch(line.scores + c * stride + at + i) + (0.5f * smoothing) * fetch(sums + c * kTile + i) - log_q;
        total += select(counted, q * term, Pack{});
      }
      energy += sum_lanes(total);
    }
  });
  return energy;
}

#define GAUSSMIX_JOIN(a, b) a##b
#define GAUSSMIX_TABLE(name) GAUSSMIX_JOIN(field_, name)

}  // namespace
}  // namespace GAUSSMIX_ISA

const FieldKernels GAUSSMIX_TABLE(GAUSSMIX_ISA) = {GAUSSMIX_ISA::scratch, GAUSSMIX_ISA::sweep, GAUSSMIX_ISA::draw,
                                                   GAUSSMIX_ISA::condition, GAUSSMIX_ISA::free_energy};

}  // namespace gaussmix
