// What lies at mesh points, divided among the atoms around in the ratio of their free densities there:
// method.md, Eq. 40 and 41.
#pragma once

#include "baseline.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

class Division {
 public:
  // Of the model, the pseudo-atoms without multipoles are looked at; zero where they are negative.
  Division(const Model& free_atoms, const Box& box)
      : species_(free_atoms.species), free_(free_atoms), box_(box), tile_(box.steps) {}

  // Adds to sums (rows, atoms) what belongs to each atom of values (rows, box.shape). What lies where
  // all densities are zero is left out.
  void run(const Atoms& atoms, const float* values, int rows, double* sums) {
    const std::int64_t points = box_.shape[0] * box_.shape[1] * box_.shape[2];
    walk(
        box_,
        [&](const double centre[3], const double half[3]) {
          for (int s = 0; s < species_; ++s)
            near_[s].gather(atoms, s, centre, half, free_.reach());
        },
        [&](const std::int64_t first[3], const float corner[3]) {
          Floats total[GROUPS] = {};
          const int count = find_densities(corner, total);
          for (int row = 0; row < rows; ++row) {
            Floats ratios[GROUPS];
            find_ratios(values + row * points, first, total, ratios);
            add_shares(atoms, count, ratios, sums + row * atoms.count());
          }
        });
  }

 private:
  // Works out the densities of all atoms within reach of a tile; returns how many there are.
  int find_densities(const float corner[3], Floats total[GROUPS]) {
    Floats sums[GROUPS] = {};
    int before = 0;
    for (int s = 0; s < species_; ++s) {
      const int count = free_.take(near_[s], tile_, corner, work_);
      make_room(before + count);
      Floats* const own = densities_ + before * GROUPS;
      free_.each(s, count, tile_, work_, [&](int j, int g, Floats density) {
        const Floats positive = max(density, Floats{});
        own[j * GROUPS + g] = positive;
        sums[g] += positive;
      });
      for (int j = 0; j < count; ++j) which_[before + j] = near_[s].which[work_.which[j]];
      before += count;
    }
    std::memcpy(total, sums, sizeof sums);
    return before;
  }

  void find_ratios(const float* values, const std::int64_t first[3], const Floats total[GROUPS],
                   Floats ratios[GROUPS]) const {
    for (int g = 0; g < GROUPS; ++g) {
      Floats here = {};
      std::int64_t at;
      for (int lane = 0; lane < LANES; ++lane)
        if (place_in(box_, first, tile_.groups[g].i[lane], at)) here[lane] = values[at];
      ratios[g] = (Floats)((Ints)(here / total[g]) & (total[g] > Floats{}));
    }
  }

  void add_shares(const Atoms& atoms, int count, const Floats ratios[GROUPS], double* sums) {
    for (int j = 0; j < count; ++j) {
      Floats share = {};
      for (int g = 0; g < GROUPS; ++g) share += densities_[j * GROUPS + g] * ratios[g];
      shares_[j] = share;
    }
    sum_each(shares_, count, totals_);
    const std::int32_t* const order = atoms.order();
    for (int j = 0; j < count; ++j) sums[order[which_[j]]] += totals_[j];
  }

  void make_room(std::size_t count) {
    if (count <= which_.size()) return;
    which_.grow(2 * count);
    densities_.grow(2 * count * GROUPS);
    shares_.resize(2 * count);
    totals_.resize(2 * count + LANES);
  }

  int species_;
  Baseline free_;
  Box box_;
  Tile tile_;
  Neighbours near_[MAX_SPECIES];
  Baseline::Workspace work_;
  // Of the atoms near a tile: which they are, their densities (atoms, groups), what is theirs.
  Buffer<std::int32_t> which_;
  Buffer<Floats> densities_, shares_;
  Buffer<float> totals_;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
