// A tile of 4 × 4 × 4 mesh points, as groups of one vector each; and the atoms near a brick of
// tiles.
#pragma once

#include "atoms.hpp"
#include "model.hpp"
#include "vectors.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

constexpr int GROUPS = TILE_POINTS / LANES;

// Points of a group along each axis: compact, so that few atoms are near, but a plane: TILE groups
// that follow each other lie along the third axis.
constexpr int GROUP_SHAPE[3] = {LANES >= 8 ? 4 : 2, LANES == 16 ? 4 : 2, 1};

struct Group {
  Floats x, y, z;          // points, from the corner of the tile
  float centre[3];         // of the box that they fill
  std::int32_t i[LANES][3];  // their places in the tile
};

struct Tile {
  Group groups[GROUPS];
  float half[3];       // half sides of a group's box, Bohr
  float tile_half[3];  // likewise of the tile's
  float tile_centre[3];
  bool upright;  // points along the third axis differ in z alone

  explicit Tile(const double steps[3][3]) : upright(steps[2][0] == 0.0 && steps[2][1] == 0.0) {
    int g = 0;
    for (int a = 0; a < TILE; a += GROUP_SHAPE[0])
      for (int b = 0; b < TILE; b += GROUP_SHAPE[1])
        for (int c = 0; c < TILE; c += GROUP_SHAPE[2]) make_group(groups[g++], a, b, c, steps);
    for (int k = 0; k < 3; ++k) {
      double half_k = 0.0, tile_k = 0.0, centre_k = 0.0;
      for (int axis = 0; axis < 3; ++axis) {
        const double size = steps[axis][k] < 0 ? -steps[axis][k] : steps[axis][k];
        half_k += 0.5 * (GROUP_SHAPE[axis] - 1) * size;
        tile_k += 0.5 * (TILE - 1) * size;
        centre_k += 0.5 * (TILE - 1) * steps[axis][k];
      }
      half[k] = static_cast<float>(half_k);
      tile_half[k] = static_cast<float>(tile_k);
      tile_centre[k] = static_cast<float>(centre_k);
    }
  }

 private:
  static void make_group(Group& group, int a, int b, int c, const double steps[3][3]) {
    for (int lane = 0; lane < LANES; ++lane) {
      const int place[3] = {a + lane / (GROUP_SHAPE[1] * GROUP_SHAPE[2]),
                            b + lane / GROUP_SHAPE[2] % GROUP_SHAPE[1],
                            c + lane % GROUP_SHAPE[2]};
      double point[3] = {0.0, 0.0, 0.0};
      for (int axis = 0; axis < 3; ++axis) {
        group.i[lane][axis] = place[axis];
        for (int k = 0; k < 3; ++k) point[k] += place[axis] * steps[axis][k];
      }
      group.x[lane] = static_cast<float>(point[0]);
      group.y[lane] = static_cast<float>(point[1]);
      group.z[lane] = static_cast<float>(point[2]);
    }
    const int middle[3] = {GROUP_SHAPE[0] - 1, GROUP_SHAPE[1] - 1, GROUP_SHAPE[2] - 1};
    const int corner[3] = {a, b, c};
    for (int k = 0; k < 3; ++k) {
      double centre_k = 0.0;
      for (int axis = 0; axis < 3; ++axis)
        centre_k += (corner[axis] + 0.5 * middle[axis]) * steps[axis][k];
      group.centre[k] = static_cast<float>(centre_k);
    }
  }
};

// A coordinate of a point of a box, Bohr.
inline double position(const Box& box, const std::int64_t place[3], int k) {
  double x = 0.0;
  for (int axis = 0; axis < 3; ++axis)
    x += static_cast<double>(box.start[axis] + place[axis]) * box.steps[axis][k];
  return x;
}

// Where a point of the tile that begins at `first` lies in an array of the box; whether it does.
inline bool place_in(const Box& box, const std::int64_t first[3], const std::int32_t i[3],
                     std::int64_t& at) {
  at = 0;
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t index = first[axis] + i[axis];
    if (index >= box.shape[axis]) return false;
    at = at * box.shape[axis] + index;
  }
  return true;
}

// Goes through a box: on_brick(centre, half), Bohr, then on_tile(first, corner) for each tile of the
// brick, its first point and where that lies from the centre of the brick.
template <class OnBrick, class OnTile>
void walk(const Box& box, OnBrick on_brick, OnTile on_tile) {
  constexpr std::int64_t BRICK = TILE * TILES_PER_BRICK;
  const std::int64_t* n = box.shape;
  std::int64_t b[3];
  for (b[0] = 0; b[0] < n[0]; b[0] += BRICK)
    for (b[1] = 0; b[1] < n[1]; b[1] += BRICK)
      for (b[2] = 0; b[2] < n[2]; b[2] += BRICK) {
        double centre[3], half[3];
        for (int k = 0; k < 3; ++k) {
          half[k] = 0.0;
          centre[k] = position(box, b, k);
          for (int axis = 0; axis < 3; ++axis) {
            const double side = 0.5 * (BRICK - 1) * box.steps[axis][k];
            half[k] += side < 0 ? -side : side;
            centre[k] += side;
          }
        }
        on_brick(centre, half);
        for (int t = 0; t < TILES_PER_BRICK * TILES_PER_BRICK * TILES_PER_BRICK; ++t) {
          const std::int64_t first[3] = {b[0] + t / 4 * TILE, b[1] + t / 2 % 2 * TILE,
                                         b[2] + t % 2 * TILE};
          if (first[0] >= n[0] || first[1] >= n[1] || first[2] >= n[2]) continue;
          float corner[3];
          for (int k = 0; k < 3; ++k)
            corner[k] = static_cast<float>(position(box, first, k) - centre[k]);
          on_tile(first, corner);
        }
      }
}

// Atoms of one species near a brick, as vectors from its centre; padded to whole vectors with atoms
// out of everything's reach.
struct Neighbours {
  std::int64_t count = 0;
  Buffer<float> x, y, z;
  Buffer<std::int32_t> which;  // of all atoms

  // Takes those within reach of a box (half sides `half`) around `centre`, in an order that depends
  // on the atoms alone.
  void gather(const Atoms& atoms, int species, const double centre[3], const double half[3],
              double reach) {
    const Bins bins = atoms.bins(species);
    std::int64_t low[3], high[3];
    for (int k = 0; k < 3; ++k) {
      low[k] = bin_of(centre[k] - half[k] - reach, bins) - bins.lower[k];
      high[k] = bin_of(centre[k] + half[k] + reach, bins) - bins.lower[k] + 1;
      low[k] = low[k] < 0 ? 0 : low[k];
      high[k] = high[k] < bins.counts[k] ? high[k] : bins.counts[k];
    }
    count = 0;
    make_room(LANES);
    for (std::int64_t i = low[0]; i < high[0]; ++i)
      for (std::int64_t j = low[1]; j < high[1] && low[2] < high[2]; ++j) {
        const std::int64_t row = (i * bins.counts[1] + j) * bins.counts[2];
        take(atoms, bins.starts[row + low[2]], bins.starts[row + high[2]], centre, half,
             static_cast<float>(reach * reach));
      }
    for (int i = 0; i < LANES; ++i) x[count + i] = y[count + i] = z[count + i] = 1e9f;
  }

  // Square distances from a box to LANES atoms.
  Floats outside(std::int64_t first, const float centre[3], const float half[3]) const {
    const Floats a = max(abs(load(x + first) - centre[0]) - half[0], Floats{});
    const Floats b = max(abs(load(y + first) - centre[1]) - half[1], Floats{});
    const Floats c = max(abs(load(z + first) - centre[2]) - half[2], Floats{});
    return a * a + b * b + c * c;
  }

 private:
  static std::int64_t bin_of(double x, const Bins& bins) {
    return static_cast<std::int64_t>(__builtin_floor(x / bins.side));
  }

  // Takes those of the atoms first … end − 1 that are within reach.
  void take(const Atoms& atoms, std::int64_t first, std::int64_t end, const double centre[3],
            const double half[3], float square_reach) {
    make_room(count + end - first + 2 * LANES);
    for (std::int64_t a = first; a < end; a += LANES) {
      Floats offsets[3], square = {};
      for (int k = 0; k < 3; ++k) {
        offsets[k] = offset(atoms.axis(k) + a, centre[k]);
        const Floats outside = max(abs(offsets[k]) - static_cast<float>(half[k]), Floats{});
        square += outside * outside;
      }
      std::uint32_t within = bits(square < square_reach);
      if (end - a < LANES) within &= (1u << (end - a)) - 1;
      pack_values(offsets[0], within, x + count);
      pack_values(offsets[1], within, y + count);
      pack_values(offsets[2], within, z + count);
      count += pack_lanes(static_cast<std::int32_t>(a), within, which + count);
    }
  }

  void make_room(std::int64_t size) {
    if (size <= static_cast<std::int64_t>(which.size())) return;
    for (auto* buffer : {&x, &y, &z}) buffer->grow(2 * size);
    which.grow(2 * size);
  }
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
