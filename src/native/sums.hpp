// A_nlm = Σ_j (1 − r_j² / R_n²)^8 r_j^l C_lm: sums over the atoms around one group of points
// (method.md, Eq. 10).
//
// Lanes are points. Atoms go in handfuls whose factors of the harmonics stay in a near cache,
// sums in registers.
#pragma once

#include "harmonics.hpp"
#include "radial.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

constexpr int HANDFUL = 20;
// Sums that are held in registers at a time, beside what is multiplied.
constexpr int HELD = REGISTERS == 32 ? 28 : LANES == 8 ? 13 : 12;

using Sums = Floats[HARMONICS];

// Turns from `first` on whose sums are held at the same time: up to this one.
template <int DEGREE>
constexpr int last_held(int first) {
  int last = first, held = 0;
  while (last <= 2 * DEGREE && held + DEGREE + 1 - order_of(last) <= HELD)
    held += DEGREE + 1 - order_of(last++);
  return last;
}

// Adds the products of one atom, turn by turn.
template <int DEGREE, int TURN, int LAST>
__attribute__((always_inline)) inline void add_turns(Floats* held, Floats radial,
                                                     const Factors& atom) {
  constexpr int M = order_of(TURN);
  const Floats turned = TURN == 0 ? radial : radial * atom.turns[TURN];
  held[0] += turned;
#pragma GCC unroll 9
  for (int l = M + 1; l <= DEGREE; ++l)
    held[l - M] += turned * atom.polynomials[polynomial(l, M)];
  if constexpr (TURN + 1 < LAST)
    add_turns<DEGREE, TURN + 1, LAST>(held + DEGREE + 1 - M, radial, atom);
}

template <int DEGREE, int TURN, int LAST>
__attribute__((always_inline)) inline void load_turns(Floats* held, const Sums& sums) {
  constexpr int M = order_of(TURN);
#pragma GCC unroll 9
  for (int l = M; l <= DEGREE; ++l) held[l - M] = sums[place_of(l, TURN)];
  if constexpr (TURN + 1 < LAST) load_turns<DEGREE, TURN + 1, LAST>(held + DEGREE + 1 - M, sums);
}

template <int DEGREE, int TURN, int LAST>
__attribute__((always_inline)) inline void store_turns(const Floats* held, Sums& sums) {
  constexpr int M = order_of(TURN);
#pragma GCC unroll 9
  for (int l = M; l <= DEGREE; ++l) sums[place_of(l, TURN)] = held[l - M];
  if constexpr (TURN + 1 < LAST) store_turns<DEGREE, TURN + 1, LAST>(held + DEGREE + 1 - M, sums);
}

// Not inline, or constants of the code around it would push some sums out of the registers.
template <int DEGREE, int FIRST, int LAST>
__attribute__((noinline)) void accumulate_some(Sums& sums, const Floats* radial,
                                               const Factors* atoms, int count) {
  Floats held[HELD];
  load_turns<DEGREE, FIRST, LAST>(held, sums);
  for (int j = 0; j < count; ++j) add_turns<DEGREE, FIRST, LAST>(held, radial[j], atoms[j]);
  store_turns<DEGREE, FIRST, LAST>(held, sums);
}

// sums += Σ_j radial_j · harmonics_j without their scale, as many at a time as registers hold.
template <int DEGREE, int FIRST = 0>
inline void accumulate(Sums& sums, const Floats* radial, const Factors* atoms, int count) {
  constexpr int LAST = last_held<DEGREE>(FIRST);
  accumulate_some<DEGREE, FIRST, LAST>(sums, radial, atoms, count);
  if constexpr (LAST <= 2 * DEGREE) accumulate<DEGREE, LAST>(sums, radial, atoms, count);
}

template <int DEGREE>
inline void clear(Sums& sums) {
  std::memset(static_cast<void*>(sums), 0, (DEGREE + 1) * (DEGREE + 1) * sizeof(Floats));
}

template <int DEGREE>
inline void scale(Sums& sums) {
#pragma GCC unroll 9
  for (int m = 0; m <= DEGREE; ++m)
#pragma GCC unroll 9
    for (int l = m; l <= DEGREE; ++l) {
      sums[l * l + l + m] *= RECURRENCE.scale[l][m];
      if (m > 0) sums[l * l + l - m] *= RECURRENCE.scale[l][m];
    }
}

class Summation {
 public:
  explicit Summation(const Radial& radial) : radial_(radial) {}

  // Writes the sums (radial) of one species. False if no atom is near, and they are zero.
  template <int DEGREE>
  bool run(const Neighbours& atoms, const Group& group, const float corner[3], const float half[3],
           Sums* sums) {
    for (int n = 0; n < radial_.count; ++n) clear<DEGREE>(sums[n]);
    const float centre[3] = {group.centre[0] + corner[0], group.centre[1] + corner[1],
                             group.centre[2] + corner[2]};
    shells_.sort(radial_, atoms, centre, half);
    const int* const reached = shells_.reached;
    const int total = reached[radial_.count - 1];
    const Floats px = group.x + corner[0], py = group.y + corner[1], pz = group.z + corner[2];
    int shortest = 0;
    for (int first = 0; first < total; first += HANDFUL) {
      const int size = total - first < HANDFUL ? total - first : HANDFUL;
      for (int j = 0; j < size; ++j) {
        const int a = shells_.order[first + j];
        factorise<DEGREE>(atoms.x[a] - px, atoms.y[a] - py, atoms.z[a] - pz, factors_[j]);
      }
      while (reached[shortest] <= first) ++shortest;
      for (int n = shortest; n < radial_.count; ++n) {
        const int count = reached[n] - first < size ? reached[n] - first : size;
        Floats values[HANDFUL];
        for (int j = 0; j < count; ++j) values[j] = radial_(n, factors_[j].square);
        accumulate<DEGREE>(sums[n], values, factors_, count);
      }
    }
    for (int n = 0; n < radial_.count; ++n) scale<DEGREE>(sums[n]);
    return total > 0;
  }

 private:
  const Radial& radial_;
  Shells shells_;
  alignas(64) Factors factors_[HANDFUL];
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
