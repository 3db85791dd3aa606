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

// r^l C_lm in Racah's normalisation, l² + l + m; in the place of C_00 = 1 stands r².
template <int DEGREE>
inline void harmonics(Floats x, Floats y, Floats z, Floats* out) {
  const Floats xx = x * x, yy = y * y, zz = z * z;
  out[0] = xx + yy + zz;
  if constexpr (DEGREE >= 1) {
    out[1] = y;
    out[2] = z;
    out[3] = x;
  }
  if constexpr (DEGREE >= 2) {
    constexpr float A = 1.73205081f;
    const Floats ax = A * x, planar = xx + yy, difference = xx - yy;
    out[4] = ax * y;
    out[5] = A * y * z;
    out[6] = zz - 0.5f * planar;
    out[7] = ax * z;
    out[8] = (0.5f * A) * difference;
    if constexpr (DEGREE >= 3) {
      constexpr float B = 0.790569415f, C = 0.612372436f, D = 3.87298335f;
      const Floats side = C * (4.0f * zz - planar);
      const Floats sine = y * (3.0f * xx - yy), cosine = x * (xx - 3.0f * yy);
      out[9] = B * sine;
      out[10] = D * x * y * z;
      out[11] = side * y;
      out[12] = z * (zz - 1.5f * planar);
      out[13] = side * x;
      out[14] = (0.5f * D) * z * difference;
      out[15] = B * cosine;
      if constexpr (DEGREE >= 4) {
        constexpr float E = 2.95803989f, F = 2.09165007f, G = 1.11803399f;
        const Floats two = G * (6.0f * zz - planar);
        const Floats one = (B * z) * (4.0f * zz - 3.0f * planar);
        const Floats fz = F * z;
        out[16] = E * x * y * difference;
        out[17] = fz * sine;
        out[18] = two * x * y;
        out[19] = one * y;
        out[20] = zz * (zz - 3.0f * planar) + 0.375f * planar * planar;
        out[21] = one * x;
        out[22] = 0.5f * two * difference;
        out[23] = fz * cosine;
        out[24] = (0.25f * E) * (difference * difference - 4.0f * xx * yy);
      }
    }
  }
}

// sums[m] += Σ_j gaussian_j · harmonic_jm for m from FIRST to LAST - 1. Not inline, or constants of
// the code around it would push some sums out of the registers.
template <int FIRST, int LAST>
__attribute__((noinline)) void accumulate(Sums& sums, const Floats* gaussians, const Sums* harmonic, int count) {
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
        constexpr int ALL = (DEGREE + 1) * (DEGREE + 1), HALF = ALL < HELD ? ALL : HELD;
        accumulate<0, HALF>(sums[n], gaussians, harmonic_, count);
        if constexpr (HALF < ALL) accumulate<HALF, ALL>(sums[n], gaussians, harmonic_, count);
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
