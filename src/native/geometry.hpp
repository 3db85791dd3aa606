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

// Points of a group along each axis: as compact as can be, so that few atoms are near.
constexpr int GROUP_SHAPE[3] = {LANES >= 8 ? 2 : 1, 2, LANES == 16 ? 4 : 2};

struct Group {
  Floats x, y, z;          // points, from the corner of the tile
  float centre[3];         // of the box that they fill
  std::int32_t i[LANES][3];  // their places in the tile
};

// Vectors that hold a number for each group of a tile.
constexpr int GROUP_VECTORS = (GROUPS + LANES - 1) / LANES;

struct Tile {
  Group groups[GROUPS];
  Floats x[GROUP_VECTORS] = {}, y[GROUP_VECTORS] = {}, z[GROUP_VECTORS] = {};  // groups' centres
  float half[3];       // half sides of a group's box, Bohr
  float tile_half[3];  // likewise of the tile's
  float tile_centre[3];

  explicit Tile(const double steps[3][3]) {
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
    for (int g = 0; g < GROUPS; ++g) {
      x[g / LANES][g % LANES] = groups[g].centre[0];
      y[g / LANES][g % LANES] = groups[g].centre[1];
      z[g / LANES][g % LANES] = groups[g].centre[2];
    }
  }

  // Square distances of a point, from the corner of the tile, from the boxes of its groups.
  void outside(float px, float py, float pz, Floats squares[GROUP_VECTORS]) const {
    for (int v = 0; v < GROUP_VECTORS; ++v) {
      const Floats a = max(abs(px - x[v]) - half[0], Floats{});
      const Floats b = max(abs(py - y[v]) - half[1], Floats{});
      const Floats c = max(abs(pz - z[v]) - half[2], Floats{});
      squares[v] = a * a + b * b + c * c;
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

// Atoms of one species near a brick, as vectors from its centre; padded to whole vectors with atoms
// out of everything's reach.
struct Neighbours {
  std::int64_t count = 0;
  Buffer<float> x{1024}, y{1024}, z{1024};
  Buffer<std::int32_t> which{1024};

  void gather(const Atoms& atoms, int species, const double centre[3], const double half[3],
              double reach) {
    for (;;) {
      const std::int64_t room = static_cast<std::int64_t>(x.size()) - LANES;
      count = atoms.gather(species, centre, half, reach, {x, y, z, which, room});
      if (count < room) break;
      x.resize(2 * count);
      y.resize(2 * count);
      z.resize(2 * count);
      which.resize(2 * count);
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
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
