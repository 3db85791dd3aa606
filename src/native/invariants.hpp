// From sums to the scalar products that the network reads; lanes are points.
#pragma once

#include "sums.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

template <int L>
inline Floats dot(const Floats* a, const Floats* b) {
  Floats total = a[L * L] * b[L * L];
#pragma GCC unroll 17
  for (int m = L * L + 1; m < (L + 1) * (L + 1); ++m) total += a[m] * b[m];
  return total;
}

template <int L>
inline Floats* products(const Sums* sums, int radial, Floats* out) {
  for (int n = 0; n < radial; ++n) {
    Floats own[2 * L + 1];
#pragma GCC unroll 17
    for (int m = 0; m < 2 * L + 1; ++m) own[m] = sums[n][L * L + m];
    for (int other = n; other < radial; ++other) {
      Floats total = own[0] * sums[other][L * L];
#pragma GCC unroll 17
      for (int m = 1; m < 2 * L + 1; ++m) total += own[m] * sums[other][L * L + m];
      *out++ = total;
    }
  }
  return out;
}

template <int L, int DEGREE>
inline Floats* all_products(const Sums* sums, int radial, Floats* out) {
  out = products<L>(sums, radial, out);
  if constexpr (L < DEGREE) out = all_products<L + 1, DEGREE>(sums, radial, out);
  return out;
}

template <int L, int DEGREE>
inline Floats* all_contrasts(const Sums* own, const Sums* total, int radial, Floats* out) {
  for (int n = 0; n < radial; ++n) *out++ = dot<L>(own[n], total[n]);
  if constexpr (L < DEGREE) out = all_contrasts<L + 1, DEGREE>(own, total, radial, out);
  return out;
}

// sums (species, radial) are used up: T = Σ_s A^s takes the place of the last species', A^s − T/S
// those of the others. Features and their order: method.md, Eq. 11 and 12.
template <int DEGREE>
inline void invariants(Sums* sums, int species, int radial, Floats* out) {
  constexpr int ALL = (DEGREE + 1) * (DEGREE + 1);
  Sums* const total = sums + (species - 1) * radial;
  for (int row = 0; row < (species - 1) * radial; ++row)
    for (int m = 0; m < ALL; ++m) total[row % radial][m] += sums[row][m];
  const float share = 1.0f / species;
  for (int row = 0; row < (species - 1) * radial; ++row)
    for (int m = 0; m < ALL; ++m) sums[row][m] -= share * total[row % radial][m];

  for (int n = 0; n < radial; ++n) *out++ = total[n][0];
  if constexpr (DEGREE >= 1) out = all_products<1, DEGREE>(total, radial, out);
  for (int s = 0; s < species - 1; ++s) {
    const Sums* const own = sums + s * radial;
    for (int n = 0; n < radial; ++n) *out++ = own[n][0];
    if constexpr (DEGREE >= 1) out = all_contrasts<1, DEGREE>(own, total, radial, out);
  }
}

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
