// Radial functions (1 − r² / R_n²)^8 of rising reaches R_n, and which of them reach which atoms.
#pragma once

#include "geometry.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

struct Radial {
  Radial(const float* reaches, int count) : count(count) {
    for (int n = 0; n < count; ++n) {
      this->reaches[n] = reaches[n];
      square_reaches[n] = reaches[n] * reaches[n];
      inverse[n] = 1.0f / square_reaches[n];
    }
  }

  // (1 − r² / R²)^8 within R.
  Floats operator()(int n, Floats square) const {
    const Floats t = max(1.0f - square * inverse[n], Floats{});
    const Floats t2 = t * t, t4 = t2 * t2;
    return t4 * t4;
  }

  int count;
  float reaches[MAX_RADIAL], square_reaches[MAX_RADIAL], inverse[MAX_RADIAL];
};

// Atoms in the order of the shortest radial function that reaches a box: those of n come first,
// reached[n] of them.
struct Shells {
  int reached[MAX_RADIAL];
  Buffer<std::int32_t> order;

  void sort(const Radial& radial, const Neighbours& atoms, const float centre[3],
            const float half[3]) {
    if (static_cast<std::int64_t>(order.size()) < atoms.count + LANES) {
      order.resize(atoms.count + LANES);
      shortest_.resize(atoms.count + LANES);
    }
    for (std::int64_t a = 0; a < atoms.count; a += LANES) {
      const Floats square = atoms.outside(a, centre, half);
      Ints shortest{};
      for (int n = 0; n < radial.count; ++n) shortest -= square >= radial.square_reaches[n];
      std::memcpy(shortest_ + a, &shortest, sizeof shortest);
    }
    int next[MAX_RADIAL + 1] = {};
    for (std::int64_t a = 0; a < atoms.count; ++a) ++next[shortest_[a]];
    for (int n = 0, before = 0; n <= radial.count; ++n) {
      const int here = next[n];
      next[n] = before;
      before += here;
      if (n < radial.count) reached[n] = before;
    }
    for (std::int64_t a = 0; a < atoms.count; ++a)
      order[next[shortest_[a]]++] = static_cast<std::int32_t>(a);
  }

 private:
  Buffer<std::int32_t> shortest_;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
