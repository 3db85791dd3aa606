// A_nlm = Σ_j (1 − r_j² / R_n²)^8 r_j^l C_lm: sums over the atoms around one group of points.
//
// Lanes are points. A solid harmonic is p_lm(z, r²) times Re or Im (x + iy)^m, here called a turn;
// both factors are worked out once for an atom and used for every radial function that reaches the
// group. Atoms go in handfuls whose factors stay in the first cache, sums in registers.
#pragma once

#include "geometry.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

constexpr int HARMONICS = (MAX_DEGREE + 1) * (MAX_DEGREE + 1);
constexpr int POLYNOMIALS = (MAX_DEGREE + 1) * (MAX_DEGREE + 2) / 2;
constexpr int TURNS = 2 * MAX_DEGREE + 1;
constexpr int HANDFUL = 6;
// Sums that are held in registers at a time, beside what is multiplied.
constexpr int HELD = REGISTERS == 32 ? 28 : 12;

using Sums = Floats[HARMONICS];

// Turns are ordered 0, sin 1, cos 1, sin 2, …
constexpr int order_of(int turn) { return (turn + 1) / 2; }
constexpr int place_of(int l, int turn) {
  return l * l + l + (turn % 2 ? -order_of(turn) : order_of(turn));
}
// The place of p_lm among the polynomials; p_mm = 1 has none that is read.
constexpr int polynomial(int l, int m) { return m * (2 * MAX_DEGREE + 3 - m) / 2 + l - m; }

// √n at compile time, by Newton's iteration.
constexpr double root(double n) {
  double r = n > 1.0 ? n : 1.0;
  for (int k = 0; k < 60; ++k) r = 0.5 * (r + n / r);
  return n > 0.0 ? r : 0.0;
}

// The recurrence of `rhocast.descriptors.harmonics` with leading coefficients of 1:
// p_lm = z p_l−1,m − back r² p_l−2,m; the harmonics are `scale` times that.
struct Recurrence {
  float back[MAX_DEGREE + 1][MAX_DEGREE + 1] = {}, scale[MAX_DEGREE + 1][MAX_DEGREE + 1] = {};
  constexpr Recurrence() {
    double square = 1.0;  // (2m)! / (2^m m!)², doubled but for m = 0
    for (int m = 0; m <= MAX_DEGREE; ++m) {
      if (m > 0) square *= (2 * m - 1) / (2.0 * m);
      double here = root(m > 0 ? 2.0 * square : square), before = 0.0;
      scale[m][m] = static_cast<float>(here);
      for (int l = m + 1; l <= MAX_DEGREE; ++l) {
        const double side = root(l * l - m * m), last = root((l - 1) * (l - 1) - m * m);
        const double next = (2 * l - 1) / side * here;
        back[l][m] = static_cast<float>(last / side * before / next);
        scale[l][m] = static_cast<float>(next);
        before = here;
        here = next;
      }
    }
  }
};
inline constexpr Recurrence RECURRENCE;

// Factors of the harmonics of one atom.
struct Factors {
  Floats square, polynomials[POLYNOMIALS], turns[TURNS];
};

template <int DEGREE>
inline void factorise(Floats x, Floats y, Floats z, Factors& out) {
  out.square = x * x + y * y + z * z;
#pragma GCC unroll 9
  for (int m = 0; m < DEGREE; ++m) {
    Floats before = splat(1.0f), here = z;
    out.polynomials[polynomial(m + 1, m)] = here;
#pragma GCC unroll 9
    for (int l = m + 2; l <= DEGREE; ++l) {
      const Floats next = z * here - (RECURRENCE.back[l][m] * out.square) * before;
      before = here;
      here = next;
      out.polynomials[polynomial(l, m)] = here;
    }
  }
  Floats cosine = x, sine = y;
#pragma GCC unroll 9
  for (int m = 1; m <= DEGREE; ++m) {
    out.turns[2 * m - 1] = sine;
    out.turns[2 * m] = cosine;
    const Floats turned = x * cosine - y * sine;
    sine = x * sine + y * cosine;
    cosine = turned;
  }
}

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
inline void scale(Sums& sums) {
#pragma GCC unroll 9
  for (int m = 0; m <= DEGREE; ++m)
#pragma GCC unroll 9
    for (int l = m; l <= DEGREE; ++l) {
      sums[l * l + l + m] *= RECURRENCE.scale[l][m];
      if (m > 0) sums[l * l + l - m] *= RECURRENCE.scale[l][m];
    }
}

struct Radial {
  explicit Radial(const Model& model) : count(model.radial) {
    for (int n = 0; n < count; ++n) {
      square_reaches[n] = model.reaches[n] * model.reaches[n];
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
  float square_reaches[MAX_RADIAL], inverse[MAX_RADIAL];
};

class Summation {
 public:
  explicit Summation(const Radial& radial) : radial_(radial) {}

  // Writes the sums (radial) of one species. False if no atom is near, and they are zero.
  template <int DEGREE>
  bool run(const Neighbours& atoms, const Group& group, const float corner[3], const float half[3],
           Sums* sums) {
    std::memset(static_cast<void*>(sums), 0, radial_.count * sizeof(Sums));
    sort(atoms, group, corner, half);
    const int total = reached_[radial_.count - 1];
    const Floats px = group.x + corner[0], py = group.y + corner[1], pz = group.z + corner[2];
    int shortest = 0;
    for (int first = 0; first < total; first += HANDFUL) {
      const int size = total - first < HANDFUL ? total - first : HANDFUL;
      for (int j = 0; j < size; ++j) {
        const int a = order_[first + j];
        factorise<DEGREE>(atoms.x[a] - px, atoms.y[a] - py, atoms.z[a] - pz, factors_[j]);
      }
      while (reached_[shortest] <= first) ++shortest;
      for (int n = shortest; n < radial_.count; ++n) {
        const int count = reached_[n] - first < size ? reached_[n] - first : size;
        Floats values[HANDFUL];
        for (int j = 0; j < count; ++j) values[j] = radial_(n, factors_[j].square);
        accumulate<DEGREE>(sums[n], values, factors_, count);
      }
    }
    for (int n = 0; n < radial_.count; ++n) scale<DEGREE>(sums[n]);
    return total > 0;
  }

 private:
  // Orders the atoms by the shortest radial function that reaches the group: those of n come first,
  // reached_[n] of them.
  void sort(const Neighbours& atoms, const Group& group, const float corner[3],
            const float half[3]) {
    if (static_cast<std::int64_t>(order_.size()) < atoms.count + LANES) {
      order_.resize(atoms.count + LANES);
      shortest_.resize(atoms.count + LANES);
    }
    const float centre[3] = {group.centre[0] + corner[0], group.centre[1] + corner[1],
                             group.centre[2] + corner[2]};
    for (std::int64_t a = 0; a < atoms.count; a += LANES) {
      const Floats square = atoms.outside(a, centre, half);
      Ints shortest{};
      for (int n = 0; n < radial_.count; ++n) shortest -= square >= radial_.square_reaches[n];
      std::memcpy(shortest_ + a, &shortest, sizeof shortest);
    }
    int next[MAX_RADIAL + 1] = {};
    for (std::int64_t a = 0; a < atoms.count; ++a) ++next[shortest_[a]];
    for (int n = 0, before = 0; n <= radial_.count; ++n) {
      const int here = next[n];
      next[n] = before;
      before += here;
      if (n < radial_.count) reached_[n] = before;
    }
    for (std::int64_t a = 0; a < atoms.count; ++a)
      order_[next[shortest_[a]]++] = static_cast<std::int32_t>(a);
  }

  const Radial& radial_;
  int reached_[MAX_RADIAL];
  Buffer<std::int32_t> order_, shortest_;
  alignas(64) Factors factors_[HANDFUL];
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
