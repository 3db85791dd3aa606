// ρ_0 = Σ_j f(|r − R_j|): pseudo-atoms whose radial functions are cubic splines on equal intervals:
// method.md, Eq. 16 and 17.
#pragma once

#include "geometry.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

// Intervals whose coefficients two vectors hold, at most.
constexpr int WINDOW = 2 * LANES;

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

  // The spline at `distance`, in intervals. None of them lies in an interval before `first`, nor SPAN
  // intervals after it, one or two vectors; with SPAN = 0 they lie anywhere.
  template <int SPAN>
  Floats at(Floats distance, float first) const {
    const Floats s = SPAN ? distance - first : min(distance, splat(static_cast<float>(intervals_)));
    const Ints place = __builtin_convertvector(s, Ints);
    const Floats t = fraction(s, place);
    const float* const table = table_ + (SPAN ? static_cast<std::int32_t>(first) : 0);
    const Floats a = pick<SPAN>(table, place), b = pick<SPAN>(table + rows_, place);
    const Floats c = pick<SPAN>(table + 2 * rows_, place), d = pick<SPAN>(table + 3 * rows_, place);
    return ((d * t + c) * t + b) * t + a;
  }

 private:
  template <int SPAN>
  static Floats pick(const float* table, Ints place) {
#if defined(__AVX512F__)
    const __m512i at = (__m512i)place;
    if constexpr (SPAN == LANES) return (Floats)_mm512_permutexvar_ps(at, (__m512)load(table));
    if constexpr (SPAN == 2 * LANES)
      return (Floats)_mm512_permutex2var_ps((__m512)load(table), at, (__m512)load(table + LANES));
#elif defined(__AVX2__)
    const __m256i at = (__m256i)place;
    if constexpr (SPAN > 0) {
      const __m256 low = _mm256_permutevar8x32_ps((__m256)load(table), at);
      if constexpr (SPAN == LANES) return (Floats)low;
      const __m256 high = _mm256_permutevar8x32_ps((__m256)load(table + LANES), at);
      return (Floats)_mm256_blendv_ps(low, high, (__m256)(place << 28));  // by whether place ≥ 8
    }
#endif
    Floats values;
    for (int lane = 0; lane < LANES; ++lane) values[lane] = table[place[lane]];
    return values;
  }

  // s less the whole number below it.
  static Floats fraction(Floats s, Ints whole) {
#if defined(__AVX512F__)
    (void)whole;
    return (Floats)_mm512_reduce_ps((__m512)s, _MM_FROUND_TO_ZERO);
#else
    return s - __builtin_convertvector(whole, Floats);
#endif
  }

  int intervals_ = 0, rows_ = 0;
  Buffer<float> table_;
};

class Baseline {
 public:
  // Atoms near a tile, from its corner, and for each group the interval that its nearest point to
  // an atom lies in, at most the last. Worked out for LANES atoms at once, before what waits for it.
  // `which` are their places among the neighbours.
  struct Workspace {
    Buffer<float> x, y, z, first[GROUPS];
    Buffer<std::int32_t> which;

    void make_room(std::int64_t size) {
      if (size <= static_cast<std::int64_t>(x.size())) return;
      for (auto* buffer : {&x, &y, &z}) buffer->resize(2 * size);
      for (auto& buffer : first) buffer.resize(2 * size);
      which.resize(2 * size);
    }
  };

  explicit Baseline(const Model& model)
      : reach_(model.baseline_reach), per_bohr_(model.intervals / model.baseline_reach) {
    for (int s = 0; model.intervals && s < model.species; ++s)
      splines_[s].assign(model.splines + 4 * s * model.intervals, model.intervals);
  }

  float reach() const { return reach_; }

  // Adds a species' pseudo-atoms to the densities of a tile.
  void add(int species, const Neighbours& atoms, const Tile& tile, const float corner[3],
           Workspace& work, Floats densities[GROUPS]) const {
    Floats sums[GROUPS];  // not through the pointer, or they would go to memory and back
    std::memcpy(sums, densities, sizeof sums);
    const int count = take(atoms, tile, corner, work);
    each(species, count, tile, work, [&](int, int g, Floats density) { sums[g] += density; });
    std::memcpy(densities, sums, sizeof sums);
  }

  // Copies the atoms within reach of a tile; returns how many.
  int take(const Neighbours& atoms, const Tile& tile, const float corner[3], Workspace& work) const {
    work.make_room(atoms.count + 2 * LANES);
    const float centre[3] = {tile.tile_centre[0] + corner[0], tile.tile_centre[1] + corner[1],
                             tile.tile_centre[2] + corner[2]};
    int count = 0;
    for (std::int64_t a = 0; a < atoms.count; a += LANES) {
      const std::uint32_t inside = bits(atoms.outside(a, centre, tile.tile_half) < reach_ * reach_);
      pack_values(load(atoms.x + a) - corner[0], inside, work.x + count);
      pack_values(load(atoms.y + a) - corner[1], inside, work.y + count);
      pack_values(load(atoms.z + a) - corner[2], inside, work.z + count);
      count += pack_lanes(static_cast<std::int32_t>(a), inside, work.which + count);
    }
    return count;
  }

  // Calls use(j, g, density) with the density of each atom that was taken at each group of a tile.
  template <class Use>
  void each(int species, int count, const Tile& tile, Workspace& work, Use use) const {
    // What the box of a group spans, a little more for rounding.
    const float span = 2.0f * per_bohr_ * __builtin_sqrtf(square(tile.half)) + 2.0f * MARGIN;
    const Spline& spline = splines_[species];
    if (LANES < 8 || span >= WINDOW - 1) return each_of<0>(spline, count, tile, work, use);
    find_first(spline, tile, count, work);
    if (span < LANES - 1) return each_of<LANES>(spline, count, tile, work, use);
    each_of<WINDOW>(spline, count, tile, work, use);
  }

 private:
  static constexpr float MARGIN = 0.01f;  // intervals

  static float square(const float v[3]) { return v[0] * v[0] + v[1] * v[1] + v[2] * v[2]; }

  void find_first(const Spline& spline, const Tile& tile, int count, Workspace& work) const {
    const Floats last = splat(static_cast<float>(spline.intervals()));
    for (int j = 0; j < count; j += LANES)
      for (int g = 0; g < GROUPS; ++g) {
        const float* const centre = tile.groups[g].centre;
        const Floats x = max(abs(load(work.x + j) - centre[0]) - tile.half[0], Floats{});
        const Floats y = max(abs(load(work.y + j) - centre[1]) - tile.half[1], Floats{});
        const Floats z = max(abs(load(work.z + j) - centre[2]) - tile.half[2], Floats{});
        const Floats nearest = sqrt(x * x + y * y + z * z) * per_bohr_ - MARGIN;
        const Ints interval = __builtin_convertvector(min(max(nearest, Floats{}), last), Ints);
        const Floats first = __builtin_convertvector(interval, Floats);
        std::memcpy(work.first[g] + j, &first, sizeof first);
      }
  }

  template <int SPAN, class Use>
  void each_of(const Spline& spline, int count, const Tile& tile, const Workspace& work,
               Use use) const {
    for (int j = 0; j < count; ++j) {
      const float x = work.x[j], y = work.y[j], z = work.z[j];
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
        use(j, g, spline.template at<SPAN>(distance, work.first[g][j]));
      }
    }
  }

  float reach_, per_bohr_;
  Spline splines_[MAX_SPECIES];
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
