// ρ_1 = Σ_j Σ_nlm q_jnlm (1 − r_j² / R_n²)^8 r_j^l C_lm: multipoles that their neighbours induce in
// the pseudo-atoms, q_jnlm = Σ_sn' c A^s_n'lm(R_j).
//
// Lanes are neighbours where the sums A of an atom are made, and points where the density is. What
// scales norms and harmonics is part of the coefficients c.
#pragma once

#include "sums.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

// The place of l, m among the multipoles of one n: by m, within one by l, sine before cosine.
template <int DEGREE>
constexpr int pole(int l, int turn) {
  const int m = order_of(turn);
  if (m == 0) return l;
  return DEGREE + 1 + 2 * ((m - 1) * (DEGREE + 1) - m * (m - 1) / 2 + l - m) + (turn + 1) % 2;
}

// Adds R_n Σ_lm q_lm h_lm to the densities of TILE groups of points, h_lm the bare harmonics and q
// the multipoles of one n of an atom. The turns of a group are those of the first if `apart` is 0, its
// own if it is 1. Not inline, as `accumulate_some`.
template <int DEGREE>
__attribute__((noinline)) void contract(const float* q, const Radial& radial, int n,
                                        const Factors* atom, int apart, Floats* densities) {
  Floats sums[TILE];
#pragma GCC unroll 4
  for (int g = 0; g < TILE; ++g) sums[g] = splat(q[0]);
#pragma GCC unroll 9
  for (int l = 1; l <= DEGREE; ++l)
#pragma GCC unroll 4
    for (int g = 0; g < TILE; ++g) sums[g] += atom[g].polynomials[polynomial(l, 0)] * q[l];
#pragma GCC unroll 9
  for (int m = 1; m <= DEGREE; ++m) {
    const float* const pair = q + pole<DEGREE>(m, 2 * m - 1);
    Floats sines[TILE], cosines[TILE];
#pragma GCC unroll 4
    for (int g = 0; g < TILE; ++g) {
      sines[g] = splat(pair[0]);
      cosines[g] = splat(pair[1]);
    }
#pragma GCC unroll 9
    for (int l = m + 1; l <= DEGREE; ++l) {
      const Floats sine = splat(pair[2 * (l - m)]), cosine = splat(pair[2 * (l - m) + 1]);
#pragma GCC unroll 4
      for (int g = 0; g < TILE; ++g) {
        const Floats p = held(atom[g].polynomials[polynomial(l, m)]);
        sines[g] += p * sine;
        cosines[g] += p * cosine;
      }
    }
#pragma GCC unroll 4
    for (int g = 0; g < TILE; ++g) {
      sums[g] += atom[g * apart].turns[2 * m - 1] * sines[g];
      sums[g] += atom[g * apart].turns[2 * m] * cosines[g];
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < TILE; ++g) densities[g] += radial(n, atom[g].square) * sums[g];
}

class Multipoles {
 public:
  struct Workspace {
    Neighbours around;
    Shells shells;
    Buffer<float> x, y, z;
    Buffer<Sums> sums;
    static_assert(HANDFUL >= GROUPS, "factors of all groups of a tile");
    alignas(64) Factors factors[HANDFUL];
  };

  explicit Multipoles(const Model& model)
      : species_(model.species), degree_(model.multipole_degree), poles_(size(degree_)),
        radial_(model.multipole_reaches, model.multipole_radial) {
    if (any()) with_degree([&](auto degree) { arrange<degree()>(model.multipole_coefficients); });
  }

  bool any() const { return radial_.count > 0; }
  float reach() const { return radial_.reaches[radial_.count - 1]; }

  // Works out the multipoles of these atoms, of one species, that are not known yet.
  void induce(const Atoms& atoms, int species, const Neighbours& which, Workspace& work) const {
    struct Context {
      const Multipoles& multipoles;
      const Atoms& atoms;
      int species;
      Workspace& work;
    } context{*this, atoms, species, work};
    const auto work_out = [](void* pointer, std::int32_t atom, float* out) {
      const Context& c = *static_cast<Context*>(pointer);
      c.multipoles.with_degree([&](auto degree) {
        c.multipoles.template induce_one<degree()>(c.atoms, c.species, atom, out, c.work);
      });
    };
    atoms.remember(which.which, which.count, radial_.count * poles_, work_out, &context);
  }

  // Adds the density of atoms whose multipoles are known at the points of a tile.
  void add(const Atoms& atoms, const Neighbours& near, const Tile& tile, const float corner[3],
           Floats densities[GROUPS], Workspace& work) const {
    const float* const values = atoms.multipoles();
    with_degree([&](auto degree) {
      this->template add_all<degree()>(near, values, tile, corner, densities, work);
    });
  }

 private:
  template <int N>
  struct Degree {
    constexpr int operator()() const { return N; }
  };

  static constexpr int size(int degree) { return (degree + 1) * (degree + 1); }

  template <class Action>
  void with_degree(Action&& action) const {
    switch (degree_) {
      case 0: return action(Degree<0>());
      case 1: return action(Degree<1>());
      case 2: return action(Degree<2>());
      case 3: return action(Degree<3>());
      case 4: return action(Degree<4>());
      case 5: return action(Degree<5>());
      case 6: return action(Degree<6>());
      case 7: return action(Degree<7>());
      default: return action(Degree<8>());
    }
  }

  // Repeats the coefficients (species, species, l, n, n') for all m, in the order of the
  // multipoles: (species, species, n, n', multipoles).
  template <int DEGREE>
  void arrange(const float* coefficients) {
    const int n = radial_.count;
    coefficients_.resize(species_ * species_ * n * n * poles_);
    for (int pair = 0; pair < species_ * species_; ++pair)
      for (int nn = 0; nn < n * n; ++nn)
        for (int turn = 0; turn <= 2 * DEGREE; ++turn)
          for (int m = order_of(turn), l = m; l <= DEGREE; ++l) {
            const float scale = RECURRENCE.scale[l][m];
            coefficients_[(pair * n * n + nn) * poles_ + pole<DEGREE>(l, turn)] =
                scale * scale * coefficients[(pair * (DEGREE + 1) + l) * n * n + nn];
          }
  }

  template <int DEGREE>
  void induce_one(const Atoms& atoms, int species, std::int32_t atom, float* out,
                  Workspace& work) const {
    const double place[3] = {atoms.axis(0)[atom], atoms.axis(1)[atom], atoms.axis(2)[atom]};
    const double nothing[3] = {0.0, 0.0, 0.0};
    const int n = radial_.count;
    float moments[HARMONICS];
    std::memset(out, 0, n * poles_ * sizeof(float));
    for (int s = 0; s < species_; ++s) {
      work.around.gather(atoms, s, place, nothing, reach());
      sum<DEGREE>(work);
      const float* c = coefficients_ + (species * species_ + s) * n * n * poles_;
      for (int other = 0; other < n; ++other) {
        for (int turn = 0; turn <= 2 * DEGREE; ++turn)
          for (int m = order_of(turn), l = m; l <= DEGREE; ++l)
            moments[pole<DEGREE>(l, turn)] = sum_of(work.sums[other][place_of(l, turn)]);
        if (s == species) moments[pole<DEGREE>(0, 0)] -= 1.0f;  // of the atom itself
        for (int k = 0; k < n; ++k)
          for (int i = 0; i < poles_; ++i)
            out[k * poles_ + i] += c[(k * n + other) * poles_ + i] * moments[i];
      }
    }
  }

  // Sums of bare harmonics over the atoms of `work.around`, in every lane those of some.
  template <int DEGREE>
  void sum(Workspace& work) const {
    const float nothing[3] = {0.0f, 0.0f, 0.0f};
    work.shells.sort(radial_, work.around, nothing, nothing);
    const int* const reached = work.shells.reached;
    const int vectors = (reached[radial_.count - 1] + LANES - 1) / LANES;
    line_up(work, vectors * LANES);
    if (static_cast<int>(work.sums.size()) < radial_.count) work.sums.resize(radial_.count);
    for (int n = 0; n < radial_.count; ++n) clear<DEGREE>(work.sums[n]);
    for (int first = 0; first < vectors; first += HANDFUL) {
      const int size = vectors - first < HANDFUL ? vectors - first : HANDFUL;
      for (int j = 0; j < size; ++j) {
        const int at = (first + j) * LANES;
        factorise<DEGREE>(load(work.x + at), load(work.y + at), load(work.z + at),
                          work.factors[j]);
      }
      for (int n = 0; n < radial_.count; ++n) {
        const int left = (reached[n] + LANES - 1) / LANES - first;
        const int count = left < size ? left : size;
        Floats values[HANDFUL];
        for (int j = 0; j < count; ++j) values[j] = radial_(n, work.factors[j].square);
        if (count > 0) accumulate<DEGREE>(work.sums[n], values, work.factors, count);
      }
    }
  }

  // Copies the atoms in their order; lanes that are left over lie just out of reach.
  void line_up(Workspace& work, int room) const {
    for (auto* buffer : {&work.x, &work.y, &work.z})
      if (static_cast<int>(buffer->size()) < room) buffer->resize(room);
    const int count = work.shells.reached[radial_.count - 1];
    for (int i = 0; i < count; ++i) {
      const int a = work.shells.order[i];
      work.x[i] = work.around.x[a];
      work.y[i] = work.around.y[a];
      work.z[i] = work.around.z[a];
    }
    for (int i = count; i < room; ++i) {
      work.x[i] = 1.1f * reach();
      work.y[i] = work.z[i] = 0.0f;
    }
  }

  // Atoms near any point of the tile count for all: which groups they reach nobody can foresee.
  template <int DEGREE>
  void add_all(const Neighbours& near, const float* multipoles, const Tile& tile,
               const float corner[3], Floats densities[GROUPS], Workspace& work) const {
    const float centre[3] = {tile.tile_centre[0] + corner[0], tile.tile_centre[1] + corner[1],
                             tile.tile_centre[2] + corner[2]};
    const std::int64_t each = radial_.count * poles_;
    work.shells.sort(radial_, near, centre, tile.tile_half);
    int shortest = 0;
    for (int i = 0; i < work.shells.reached[radial_.count - 1]; ++i) {
      while (work.shells.reached[shortest] <= i) ++shortest;
      const int a = work.shells.order[i];
      const float x = near.x[a] - corner[0], y = near.y[a] - corner[1], z = near.z[a] - corner[2];
      const float* const own = multipoles + near.which[a] * each;
#pragma GCC unroll 4
      for (int g = 0; g < GROUPS; ++g) {
        const Group& group = tile.groups[g];
        take_polynomials<DEGREE>(x - group.x, y - group.y, z - group.z, work.factors[g]);
      }
      if constexpr (DEGREE > 0)
        for (int g = 0; g < GROUPS; g += tile.upright ? TILE : 1)
          take_turns<DEGREE>(x - tile.groups[g].x, y - tile.groups[g].y, work.factors[g].turns);
      for (int n = radial_.count - 1; n >= shortest; --n)
        for (int g = 0; g < GROUPS; g += TILE)
          contract<DEGREE>(own + n * poles_, radial_, n, work.factors + g,
                           tile.upright ? 0 : 1, densities + g);
    }
  }

  int species_, degree_, poles_;
  Radial radial_;
  Buffer<float> coefficients_;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
