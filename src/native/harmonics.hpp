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

// The recurrence of `rhocast.descriptors.harmonics` with leading coefficients of 1 (method.md,
// Eq. 6):
// p_lm = z p_l−1,m − back r² p_l−2,m; the harmonics are `scale` times that. Where l = m + 4 it makes
// (z² − roots_0 r²) (z² − roots_1 r²).
struct Recurrence {
  float back[MAX_DEGREE + 1][MAX_DEGREE + 1] = {}, scale[MAX_DEGREE + 1][MAX_DEGREE + 1] = {};
  float roots[MAX_DEGREE + 1][2] = {};  // (m)
  // p_lm = Σ_j expansion[l][m][j] z^(l − m − 2j) (x² + y²)^j
  float expansion[MAX_DEGREE + 1][MAX_DEGREE + 1][MAX_DEGREE / 2 + 1] = {};
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
    for (int m = 0; m + 4 <= MAX_DEGREE; ++m) {
      const double sum = static_cast<double>(back[m + 2][m]) + back[m + 3][m] + back[m + 4][m];
      const double product = static_cast<double>(back[m + 2][m]) * back[m + 4][m];
      const double apart = root(sum * sum - 4.0 * product);
      roots[m][0] = static_cast<float>(0.5 * (sum - apart));
      roots[m][1] = static_cast<float>(0.5 * (sum + apart));
    }
    for (int m = 0; m <= MAX_DEGREE; ++m) expand(m);
  }

 private:
  constexpr void expand(int m) {
    double here[MAX_DEGREE / 2 + 1] = {1.0}, before[MAX_DEGREE / 2 + 1] = {};
    for (int l = m; l <= MAX_DEGREE; ++l) {
      for (int j = 0; j <= MAX_DEGREE / 2; ++j) expansion[l][m][j] = static_cast<float>(here[j]);
      if (l == MAX_DEGREE) break;
      for (int j = MAX_DEGREE / 2; j >= 0; --j) {
        const double square = before[j] + (j > 0 ? before[j - 1] : 0.0);  // r² = z² + (x² + y²)
        before[j] = here[j] - static_cast<double>(back[l + 1][m]) * square;
      }
      for (int j = 0; j <= MAX_DEGREE / 2; ++j) {
        const double next = before[j];
        before[j] = here[j];
        here[j] = next;
      }
    }
  }
};
inline constexpr Recurrence RECURRENCE;

// Factors of the harmonics of one atom.
struct Factors {
  Floats square, polynomials[POLYNOMIALS], turns[TURNS];
};

// p_lm for all l ≥ m + 2, of this m and those that follow; the first three without the recurrence,
// whose steps wait for each other.
template <int DEGREE, int M>
__attribute__((always_inline)) inline void polynomials(Floats z, Floats zz, Floats square,
                                                       Factors& out) {
  constexpr auto& back = RECURRENCE.back;
  constexpr auto& roots = RECURRENCE.roots[M];
  if constexpr (M + 2 <= DEGREE)
    out.polynomials[polynomial(M + 2, M)] = zz - back[M + 2][M] * square;
  if constexpr (M + 3 <= DEGREE) {
    Floats before = z * (zz - (back[M + 2][M] + back[M + 3][M]) * square);
    out.polynomials[polynomial(M + 3, M)] = before;
    if constexpr (M + 4 <= DEGREE) {
      Floats here = (zz - roots[0] * square) * (zz - roots[1] * square);
      out.polynomials[polynomial(M + 4, M)] = here;
#pragma GCC unroll 9
      for (int l = M + 5; l <= DEGREE; ++l) {
        const Floats next = z * here - (back[l][M] * square) * before;
        before = here;
        here = next;
        out.polynomials[polynomial(l, M)] = here;
      }
    }
    polynomials<DEGREE, M + 1>(z, zz, square, out);
  }
}

// (x + iy)^m for m = 1 … DEGREE, each from those of half of m: few steps wait for each other.
template <int DEGREE>
__attribute__((always_inline)) inline void take_turns(Floats x, Floats y, Floats* turns) {
  Floats cosines[DEGREE + 1], sines[DEGREE + 1];
#pragma GCC unroll 9
  for (int m = 1; m <= DEGREE; ++m) {
    const int low = m / 2, high = m - m / 2;
    cosines[m] = m == 1 ? x : cosines[low] * cosines[high] - sines[low] * sines[high];
    sines[m] = m == 1 ? y : cosines[low] * sines[high] + sines[low] * cosines[high];
    turns[2 * m - 1] = sines[m];
    turns[2 * m] = cosines[m];
  }
}

// All but the turns.
template <int DEGREE>
__attribute__((always_inline)) inline void take_polynomials(Floats x, Floats y, Floats z,
                                                            Factors& out) {
  const Floats zz = z * z, square = x * x + (y * y + zz);
  out.square = square;
  out.polynomials[0] = z;
  polynomials<DEGREE, 0>(z, zz, square, out);
}

template <int DEGREE>
__attribute__((always_inline)) inline void factorise(Floats x, Floats y, Floats z, Factors& out) {
  take_polynomials<DEGREE>(x, y, z, out);
  if constexpr (DEGREE > 0) take_turns<DEGREE>(x, y, out.turns);
}

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
