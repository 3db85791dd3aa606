// ρ_0 = Σ_j f(|r − R_j|): pseudo-atoms whose radial functions are cubic splines on equal intervals.
#pragma once

#include "geometry.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

// Cubics on intervals; past the last interval the function is zero.
class Spline {
 public:
  static constexpr int IN_REGISTERS = 31;  // intervals that two vectors of 16 hold, and the zero

  void assign(const float* powers, int intervals) {
    intervals_ = intervals;
    rows_ = intervals + 1 > 32 ? intervals + 1 : 32;
    table_.resize(4 * rows_);
    for (int i = 0; i < intervals; ++i)
      for (int k = 0; k < 4; ++k) table_[k * rows_ + i] = powers[4 * i + k];
  }

  // Adds the spline of one atom at `distance`, in intervals, to densities.
  Floats operator()(Floats distance) const {
    const Floats s = min(distance, splat(static_cast<float>(intervals_)));
    const Ints i = __builtin_convertvector(s, Ints);
    const Floats t = s - __builtin_convertvector(i, Floats);
    return ((coefficient(3, i) * t + coefficient(2, i)) * t + coefficient(1, i)) * t +
           coefficient(0, i);
  }

 private:
  Floats coefficient(int power, Ints i) const {
    const float* const table = table_ + power * rows_;
#if defined(__AVX512F__)
    if (intervals_ <= IN_REGISTERS)
      return (Floats)_mm512_permutex2var_ps(_mm512_loadu_ps(table), (__m512i)i,
                                            _mm512_loadu_ps(table + 16));
    return (Floats)_mm512_i32gather_ps((__m512i)i, table, 4);
#elif defined(__AVX2__)
    return (Floats)_mm256_i32gather_ps(table, (__m256i)i, 4);
#else
    Floats values;
    for (int lane = 0; lane < LANES; ++lane) values[lane] = table[i[lane]];
    return values;
#endif
  }

  int intervals_ = 0, rows_ = 0;
  Buffer<float> table_;
};

class Baseline {
 public:
  explicit Baseline(const Model& model)
      : reach_(model.baseline_reach), per_bohr_(model.intervals / model.baseline_reach) {
    for (int s = 0; model.intervals && s < model.species; ++s)
      splines_[s].assign(model.splines + 4 * s * model.intervals, model.intervals);
  }

  float reach() const { return reach_; }

  // Adds a species' pseudo-atoms to the densities of a tile.
  void add(int species, const Neighbours& atoms, const Tile& tile, const float corner[3],
           Buffer<std::int32_t>& near, Floats densities[GROUPS]) const {
    if (static_cast<std::int64_t>(near.size()) < atoms.count + LANES)
      near.resize(atoms.count + LANES);
    const float centre[3] = {tile.tile_centre[0] + corner[0], tile.tile_centre[1] + corner[1],
                             tile.tile_centre[2] + corner[2]};
    int count = 0;
    for (std::int64_t a = 0; a < atoms.count; a += LANES) {
      const Ints inside = atoms.outside(a, centre, tile.tile_half) < reach_ * reach_;
      for (int lane = 0; lane < LANES; ++lane) {
        near[count] = static_cast<std::int32_t>(a) + lane;
        count -= inside[lane];
      }
    }
    const Spline& spline = splines_[species];
    for (int j = 0; j < count; ++j) {
      const int a = near[j];
      const float x = atoms.x[a] - corner[0], y = atoms.y[a] - corner[1], z = atoms.z[a] - corner[2];
#pragma GCC unroll 4
      for (int g = 0; g < GROUPS; ++g) {
        const Group& group = tile.groups[g];
        const Floats dx = x - group.x, dy = y - group.y, dz = z - group.z;
        densities[g] += spline(sqrt(dx * dx + dy * dy + dz * dz) * per_bohr_);
      }
    }
  }

 private:
  float reach_, per_bohr_;
  Spline splines_[MAX_SPECIES];
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
