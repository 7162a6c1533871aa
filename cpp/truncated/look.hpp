// Which components a search adds to those that are known.
#pragma once

#include "truncated/truncated.hpp"

namespace gaussmix {

// A hash of two numbers: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
inline std::uint64_t mixed(std::uint64_t stream, std::uint64_t item) {
  std::uint64_t z = stream * 0x9e3779b97f4a7c15u + item * 0xd1342543de82ef95u + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Calls add(component) for the neighbors of a component and for random ones.
template <class Add>
void look_around(const Neighborhoods& look, int n_components, std::int32_t component, Add add) {
  const auto listed_by = [&](std::int32_t other) {
    return look.neighbors + static_cast<std::size_t>(other) * look.n_listed;
  };
  const auto count_of = [&](const std::int32_t* listed) {
    int count = 0;
    while (count < look.n_listed && listed[count] >= 0) ++count;
    return count;
  };
  const std::int32_t* listed = listed_by(component);
  const int n_listed = count_of(listed);
  for (int g = 0; g < n_listed; ++g) add(listed[g]);
  for (int r = 0; r < look.n_random; ++r) {
    const std::uint64_t item = (static_cast<std::uint64_t>(component) * look.n_random + r) * 2;
    const std::uint64_t one = mixed(look.stream, item), other = mixed(look.stream, item + 1);
    add(static_cast<std::int32_t>(one % n_components));
    if (!n_listed) continue;
    const std::int32_t* further = listed_by(listed[(one >> 32) % n_listed]);
    if (const int count = count_of(further)) add(further[other % count]);
  }
}

}  // namespace gaussmix
