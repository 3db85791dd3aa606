// A_nlm = Σ_j exp(−r_j² / 2σ_n²) r_j^l C_lm: sums over the atoms around one group of points.
//
// Lanes are points. The solid harmonics are worked out once for an atom and used for every width
// that reaches the group; narrow Gaussians meet few atoms. Atoms go in handfuls whose harmonics
// stay in the first cache, sums in registers.
#pragma once

#include "geometry.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

constexpr int HARMONICS = (MAX_DEGREE + 1) * (MAX_DEGREE + 1);
constexpr int HANDFUL = 8;
// Sums that are held in registers at a time, beside a Gaussian and some room.
constexpr int HELD = REGISTERS == 32 ? 25 : 13;

using Sums = Floats[HARMONICS];

// √n at compile time, by Newton's iteration.
constexpr double root(double n) {
  double r = n > 1.0 ? n : 1.0;
  for (int k = 0; k < 60; ++k) r = 0.5 * (r + n / r);
  return n > 0.0 ? r : 0.0;
}

// Factors of the recurrence of `rhocast.descriptors.harmonics`: p_lm = up z p_l−1,m − back r² p_l−2,m.
struct Recurrence {
  float first[MAX_DEGREE + 1] = {}, up[MAX_DEGREE + 1][MAX_DEGREE + 1] = {},
        back[MAX_DEGREE + 1][MAX_DEGREE + 1] = {};
  constexpr Recurrence() {
    double square = 1.0;  // (2m)! / (2^m m!)², doubled but for m = 0
    for (int m = 0; m <= MAX_DEGREE; ++m) {
      if (m > 0) square *= (2 * m - 1) / (2.0 * m);
      first[m] = static_cast<float>(root(m > 0 ? 2.0 * square : square));
      for (int l = m + 1; l <= MAX_DEGREE; ++l) {
        const double side = root(l * l - m * m);
        up[l][m] = static_cast<float>((2 * l - 1) / side);
        back[l][m] = static_cast<float>(root((l - 1) * (l - 1) - m * m) / side);
      }
    }
  }
};
inline constexpr Recurrence RECURRENCE;

// r^l C_lm in Racah's normalisation, l² + l + m; in the place of C_00 = 1 stands r².
template <int DEGREE>
inline void harmonics(Floats x, Floats y, Floats z, Floats* out) {
  const Floats square = x * x + y * y + z * z;
  Floats cosine = splat(1.0f), sine = splat(0.0f);  // Re, Im (x + iy)^m
#pragma GCC unroll 7
  for (int m = 0; m <= DEGREE; ++m) {
    Floats before = splat(0.0f), here = splat(RECURRENCE.first[m]);
#pragma GCC unroll 7
    for (int l = m; l <= DEGREE; ++l) {
      if (l > m) {
        const Floats next = RECURRENCE.up[l][m] * z * here - RECURRENCE.back[l][m] * square * before;
        before = here;
        here = next;
      }
      if (m > 0) out[l * l + l - m] = here * sine;
      out[l * l + l + m] = m > 0 ? here * cosine : here;
    }
    const Floats turned = x * cosine - y * sine;
    sine = x * sine + y * cosine;
    cosine = turned;
  }
  out[0] = square;
}

// sums[m] += Σ_j gaussian_j · harmonic_jm for m from FIRST to LAST - 1. Not inline, or constants of
// the code around it would push some sums out of the registers.
template <int FIRST, int LAST>
__attribute__((noinline)) void accumulate_some(Sums& sums, const Floats* gaussians,
                                               const Sums* harmonic, int count) {
  Floats held[LAST - FIRST];
#pragma GCC unroll 25
  for (int m = FIRST; m < LAST; ++m) held[m - FIRST] = sums[m];
  for (int j = 0; j < count; ++j) {
    const Floats g = gaussians[j];
#pragma GCC unroll 25
    for (int m = FIRST; m < LAST; ++m) held[m - FIRST] += m == 0 ? g : g * harmonic[j][m];
  }
#pragma GCC unroll 25
  for (int m = FIRST; m < LAST; ++m) sums[m] = held[m - FIRST];
}

// The same for m from FIRST to ALL - 1, as many at a time as registers hold.
template <int ALL, int FIRST = 0>
inline void accumulate(Sums& sums, const Floats* gaussians, const Sums* harmonic, int count) {
  constexpr int PARTS = (ALL + HELD - 1) / HELD, EACH = (ALL + PARTS - 1) / PARTS;
  constexpr int LAST = FIRST + EACH < ALL ? FIRST + EACH : ALL;
  accumulate_some<FIRST, LAST>(sums, gaussians, harmonic, count);
  if constexpr (LAST < ALL) accumulate<ALL, LAST>(sums, gaussians, harmonic, count);
}

struct Widths {
  explicit Widths(const Model& model) : count(model.widths) {
    for (int n = 0; n < count; ++n) {
      exponents[n] = -LOG2_E * model.exponents[n];
      square_ranges[n] = model.ranges[n] * model.ranges[n];
    }
  }
  int count;
  float exponents[MAX_WIDTHS], square_ranges[MAX_WIDTHS];
};

class Summation {
 public:
  explicit Summation(const Widths& widths) : widths_(widths) {}

  // Writes the sums (widths) of one species. False if no atom is near, and they are zero.
  template <int DEGREE>
  bool run(const Neighbours& atoms, const Group& group, const float corner[3], const float half[3],
           Sums* sums) {
    std::memset(static_cast<void*>(sums), 0, widths_.count * sizeof(Sums));
    sort(atoms, group, corner, half);
    const int total = reached_[widths_.count - 1];
    const Floats px = group.x + corner[0], py = group.y + corner[1], pz = group.z + corner[2];
    int narrowest = 0;
    for (int first = 0; first < total; first += HANDFUL) {
      const int size = total - first < HANDFUL ? total - first : HANDFUL;
      for (int j = 0; j < size; ++j) {
        const int a = order_[first + j];
        harmonics<DEGREE>(atoms.x[a] - px, atoms.y[a] - py, atoms.z[a] - pz, harmonic_[j]);
      }
      while (reached_[narrowest] <= first) ++narrowest;
      for (int n = narrowest; n < widths_.count; ++n) {
        const int count = reached_[n] - first < size ? reached_[n] - first : size;
        Floats gaussians[HANDFUL];
        for (int j = 0; j < count; ++j)
          gaussians[j] = exp2(max(widths_.exponents[n] * harmonic_[j][0], splat(-126.0f)));
        accumulate<(DEGREE + 1) * (DEGREE + 1)>(sums[n], gaussians, harmonic_, count);
      }
    }
    return total > 0;
  }

 private:
  // Orders the atoms by the narrowest width that reaches the group: those of width n come first,
  // reached_[n] of them.
  void sort(const Neighbours& atoms, const Group& group, const float corner[3],
            const float half[3]) {
    if (static_cast<std::int64_t>(order_.size()) < atoms.count + LANES) {
      order_.resize(atoms.count + LANES);
      narrowest_.resize(atoms.count + LANES);
    }
    const float centre[3] = {group.centre[0] + corner[0], group.centre[1] + corner[1],
                             group.centre[2] + corner[2]};
    for (std::int64_t a = 0; a < atoms.count; a += LANES) {
      const Floats square = atoms.outside(a, centre, half);
      Ints narrowest{};
      for (int n = 0; n < widths_.count; ++n) narrowest -= square >= widths_.square_ranges[n];
      std::memcpy(narrowest_ + a, &narrowest, sizeof narrowest);
    }
    int next[MAX_WIDTHS + 1] = {};
    for (std::int64_t a = 0; a < atoms.count; ++a) ++next[narrowest_[a]];
    for (int n = 0, before = 0; n <= widths_.count; ++n) {
      const int here = next[n];
      next[n] = before;
      before += here;
      if (n < widths_.count) reached_[n] = before;
    }
    for (std::int64_t a = 0; a < atoms.count; ++a)
      order_[next[narrowest_[a]]++] = static_cast<std::int32_t>(a);
  }

  const Widths& widths_;
  int reached_[MAX_WIDTHS];
  Buffer<std::int32_t> order_, narrowest_;
  alignas(64) Sums harmonic_[HANDFUL];
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
