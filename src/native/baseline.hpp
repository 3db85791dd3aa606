// ρ_0 = Σ_j f(|r − R_j|): pseudo-atoms whose radial functions are cubic splines on equal intervals.
#pragma once

#include "geometry.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

// Intervals whose coefficients vectors hold, one or two of them.
constexpr int WINDOW = 16;

// Cubics on intervals; past the last interval the function is zero.
class Spline {
 public:
  void assign(const float* powers, int intervals) {
    intervals_ = intervals;
    rows_ = intervals + WINDOW;
    table_.resize(4 * rows_);
    for (int i = 0; i < intervals; ++i)
      for (int k = 0; k < 4; ++k) table_[k * rows_ + i] = powers[4 * i + k];
  }

  int intervals() const { return intervals_; }

  // The spline at `distance`, in intervals. With NEAR none of them lies in an interval before
  // `first`, nor WINDOW intervals after it.
  template <bool NEAR>
  Floats at(Floats distance, std::int32_t first) const {
    const Floats s = min(distance, splat(static_cast<float>(intervals_)));
    const Ints i = __builtin_convertvector(s, Ints);
    const Floats t = s - __builtin_convertvector(i, Floats);
    const float* const table = NEAR ? table_ + first : table_;
    const Ints place = NEAR ? i - first : i;
    const Floats a = pick<NEAR>(table, place), b = pick<NEAR>(table + rows_, place);
    const Floats c = pick<NEAR>(table + 2 * rows_, place), d = pick<NEAR>(table + 3 * rows_, place);
    return ((d * t + c) * t + b) * t + a;
  }

 private:
  template <bool NEAR>
  static Floats pick(const float* table, Ints place) {
#if defined(__AVX512F__)
    if constexpr (NEAR) return (Floats)_mm512_permutexvar_ps((__m512i)place, (__m512)load(table));
#elif defined(__AVX2__)
    if constexpr (NEAR) {
      const __m256 low = _mm256_permutevar8x32_ps((__m256)load(table), (__m256i)place);
      const __m256 high = _mm256_permutevar8x32_ps((__m256)load(table + LANES), (__m256i)place);
      return (Floats)_mm256_blendv_ps(low, high, (__m256)(place << 28));  // by whether place ≥ 8
    }
#endif
    Floats values;
    for (int lane = 0; lane < LANES; ++lane) values[lane] = table[place[lane]];
    return values;
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
      const std::uint32_t inside = bits(atoms.outside(a, centre, tile.tile_half) < reach_ * reach_);
      count += pack_lanes(static_cast<std::int32_t>(a), inside, near + count);
    }
    // What the box of a group spans, a little more for rounding.
    const float span = 2.0f * per_bohr_ * __builtin_sqrtf(square(tile.half)) + 2.0f * MARGIN;
    if (LANES >= 8 && span < WINDOW - 1)
      add_all<true>(splines_[species], atoms, near, count, tile, corner, densities);
    else
      add_all<false>(splines_[species], atoms, near, count, tile, corner, densities);
  }

 private:
  static constexpr float MARGIN = 0.01f;  // intervals

  static float square(const float v[3]) { return v[0] * v[0] + v[1] * v[1] + v[2] * v[2]; }

  template <bool NEAR>
  void add_all(const Spline& spline, const Neighbours& atoms, const std::int32_t* near, int count,
               const Tile& tile, const float corner[3], Floats densities[GROUPS]) const {
    for (int j = 0; j < count; ++j) {
      const int a = near[j];
      const float x = atoms.x[a] - corner[0], y = atoms.y[a] - corner[1], z = atoms.z[a] - corner[2];
      std::int32_t first[GROUP_VECTORS * LANES] = {};
      if constexpr (NEAR) find_first(spline, tile, x, y, z, first);
      Floats across = {};  // square distance in the plane, for all groups along the third axis
#pragma GCC unroll 8
      for (int g = 0; g < GROUPS; ++g) {
        const Group& group = tile.groups[g];
        const Floats dz = z - group.z;
        if (g % TILE == 0 || !tile.upright) {
          const Floats dx = x - group.x, dy = y - group.y;
          across = dx * dx + dy * dy;
        }
        const Floats distance = sqrt(across + dz * dz) * per_bohr_;
        densities[g] += spline.template at<NEAR>(distance, first[g]);
      }
    }
  }

  // The interval that the nearest corner of each group's box lies in, at most the last.
  void find_first(const Spline& spline, const Tile& tile, float x, float y, float z,
                  std::int32_t* first) const {
    Floats squares[GROUP_VECTORS];
    tile.outside(x, y, z, squares);
    for (int v = 0; v < GROUP_VECTORS; ++v) {
      const Floats nearest = sqrt(squares[v]) * per_bohr_ - MARGIN;
      const Floats last = splat(static_cast<float>(spline.intervals()));
      const Floats inside = min(max(nearest, Floats{}), last);
      const Ints interval = __builtin_convertvector(inside, Ints);
      std::memcpy(first + v * LANES, &interval, sizeof interval);
    }
  }

  float reach_, per_bohr_;
  Spline splines_[MAX_SPECIES];
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
