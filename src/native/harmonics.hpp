// Solid harmonics r^l C_lm of vectors, lanes by lanes.
//
// A solid harmonic is p_lm(z, r²) times Re or Im (x + iy)^m, here called a turn; both factors are
// worked out once and used for every radial function that reaches.
#pragma once

#include "model.hpp"
#include "vectors.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

constexpr int HARMONICS = (MAX_DEGREE + 1) * (MAX_DEGREE + 1);
constexpr int POLYNOMIALS = MAX_DEGREE * (MAX_DEGREE - 1) / 2 + 1;
constexpr int TURNS = 2 * MAX_DEGREE + 1;

// Turns are ordered 0, sin 1, cos 1, sin 2, …
constexpr int order_of(int turn) { return (turn + 1) / 2; }
constexpr int place_of(int l, int turn) {
  return l * l + l + (turn % 2 ? -order_of(turn) : order_of(turn));
}
// The place of p_lm among the polynomials. p_mm = 1 has none, all p_m+1,m = z have the first.
constexpr int polynomial(int l, int m) {
  return l < m + 2 ? 0 : m * (2 * MAX_DEGREE - 1 - m) / 2 + l - m - 1;
}

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

// p_lm for all l ≥ m + 2, of this m and those that follow; the first two without the recurrence.
template <int DEGREE, int M>
__attribute__((always_inline)) inline void polynomials(Floats z, Floats zz, Floats square,
                                                       Factors& out) {
  constexpr auto& back = RECURRENCE.back;
  if constexpr (M + 2 <= DEGREE) {
    Floats before = zz - back[M + 2][M] * square;
    out.polynomials[polynomial(M + 2, M)] = before;
    if constexpr (M + 3 <= DEGREE) {
      Floats here = z * (zz - (back[M + 2][M] + back[M + 3][M]) * square);
      out.polynomials[polynomial(M + 3, M)] = here;
#pragma GCC unroll 9
      for (int l = M + 4; l <= DEGREE; ++l) {
        const Floats next = z * here - (back[l][M] * square) * before;
        before = here;
        here = next;
        out.polynomials[polynomial(l, M)] = here;
      }
    }
    polynomials<DEGREE, M + 1>(z, zz, square, out);
  }
}

template <int DEGREE>
__attribute__((always_inline)) inline void factorise(Floats x, Floats y, Floats z, Factors& out) {
  const Floats zz = z * z, square = x * x + (y * y + zz);
  out.square = square;
  out.polynomials[0] = z;
  polynomials<DEGREE, 0>(z, zz, square, out);
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

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
