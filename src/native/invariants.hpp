// From sums to the scalar products that the network reads; lanes are points.
#pragma once

#include "sums.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

template <int L>
inline Floats dot(const Floats* a, const Floats* b) {
  Floats total = a[L * L] * b[L * L];
#pragma GCC unroll 13
  for (int m = L * L + 1; m < (L + 1) * (L + 1); ++m) total += a[m] * b[m];
  return total;
}

template <int L>
inline Floats* products(const Sums* sums, int widths, Floats* out) {
  for (int n = 0; n < widths; ++n) {
    Floats own[2 * L + 1];
#pragma GCC unroll 13
    for (int m = 0; m < 2 * L + 1; ++m) own[m] = sums[n][L * L + m];
    for (int other = n; other < widths; ++other) {
      Floats total = own[0] * sums[other][L * L];
#pragma GCC unroll 13
      for (int m = 1; m < 2 * L + 1; ++m) total += own[m] * sums[other][L * L + m];
      *out++ = total;
    }
  }
  return out;
}

template <int DEGREE>
inline Floats* contrasts(const Sums* own, const Sums* total, int widths, Floats* out) {
  for (int n = 0; n < widths; ++n) *out++ = own[n][0];
  auto add = [&](auto product) {
    for (int n = 0; n < widths; ++n) *out++ = product(own[n], total[n]);
  };
  if constexpr (DEGREE >= 1) add(dot<1>);
  if constexpr (DEGREE >= 2) add(dot<2>);
  if constexpr (DEGREE >= 3) add(dot<3>);
  if constexpr (DEGREE >= 4) add(dot<4>);
  if constexpr (DEGREE >= 5) add(dot<5>);
  if constexpr (DEGREE >= 6) add(dot<6>);
  return out;
}

// sums (species, widths) are used up: T = Σ_s A^s takes the place of the last species', A^s − T/S
// those of the others. The order of features is that of `rhocast.descriptors.smooth`.
template <int DEGREE>
inline void invariants(Sums* sums, int species, int widths, Floats* out) {
  constexpr int ALL = (DEGREE + 1) * (DEGREE + 1);
  Sums* const total = sums + (species - 1) * widths;
  for (int row = 0; row < (species - 1) * widths; ++row)
    for (int m = 0; m < ALL; ++m) total[row % widths][m] += sums[row][m];
  const float share = 1.0f / species;
  for (int row = 0; row < (species - 1) * widths; ++row)
    for (int m = 0; m < ALL; ++m) sums[row][m] -= share * total[row % widths][m];

  for (int n = 0; n < widths; ++n) *out++ = total[n][0];
  if constexpr (DEGREE >= 1) out = products<1>(total, widths, out);
  if constexpr (DEGREE >= 2) out = products<2>(total, widths, out);
  if constexpr (DEGREE >= 3) out = products<3>(total, widths, out);
  if constexpr (DEGREE >= 4) out = products<4>(total, widths, out);
  if constexpr (DEGREE >= 5) out = products<5>(total, widths, out);
  if constexpr (DEGREE >= 6) out = products<6>(total, widths, out);
  for (int s = 0; s < species - 1; ++s)
    out = contrasts<DEGREE>(sums + s * widths, total, widths, out);
}

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
