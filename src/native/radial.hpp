// Radial functions (1 − r² / R_n²)^8 of rising reaches R_n (method.md, Eq. 8),
// and which of them reach which atoms.
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
    const std::int64_t vectors = (atoms.count + LANES - 1) / LANES;
    if (static_cast<std::int64_t>(order.size()) < atoms.count + LANES)
      order.resize(atoms.count + LANES);
    if (static_cast<std::int64_t>(within_.size()) < vectors * MAX_RADIAL)
      within_.resize(vectors * MAX_RADIAL);
    for (std::int64_t v = 0; v < vectors; ++v) {
      const Floats square = atoms.outside(v * LANES, centre, half);
      for (int n = 0; n < radial.count; ++n)
        within_[n * vectors + v] = bits(square < radial.square_reaches[n]);
    }
    int count = 0;
    for (int n = 0; n < radial.count; ++n) {
      const std::uint32_t* const here = within_ + n * vectors;
      for (std::int64_t v = 0; v < vectors; ++v) {
        const std::uint32_t before = n ? here[v - vectors] : 0;
        count += pack_lanes(static_cast<std::int32_t>(v * LANES), here[v] & ~before, order + count);
      }
      reached[n] = count;
    }
  }

 private:
  Buffer<std::uint32_t> within_;  // (radial, vectors of atoms), a bit for each atom
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
