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
  if (m == 0) return l - 1;
  return DEGREE + 2 * ((m - 1) * (DEGREE + 1) - m * (m - 1) / 2 + l - m) + (turn + 1) % 2;
}

// totals[g] = Σ_lm q_lm h_lm of SLAB_GROUPS groups of points, h_lm the bare harmonics.
template <int DEGREE>
__attribute__((noinline)) void contract(const Factors* groups, const float* q, Floats* totals) {
  Floats sums[SLAB_GROUPS];
#pragma GCC unroll 4
  for (int g = 0; g < SLAB_GROUPS; ++g) sums[g] = groups[g].polynomials[polynomial(1, 0)] * q[0];
#pragma GCC unroll 9
  for (int l = 2; l <= DEGREE; ++l)
#pragma GCC unroll 4
    for (int g = 0; g < SLAB_GROUPS; ++g)
      sums[g] += groups[g].polynomials[polynomial(l, 0)] * q[l - 1];
#pragma GCC unroll 9
  for (int m = 1; m <= DEGREE; ++m) {
    const float* const own = q + pole<DEGREE>(m, 2 * m - 1);
    Floats sines[SLAB_GROUPS], cosines[SLAB_GROUPS];
#pragma GCC unroll 4
    for (int g = 0; g < SLAB_GROUPS; ++g) {
      sines[g] = splat(own[0]);
      cosines[g] = splat(own[1]);
    }
#pragma GCC unroll 9
    for (int l = m + 1; l <= DEGREE; ++l) {
      const Floats sine = splat(own[2 * (l - m)]), cosine = splat(own[2 * (l - m) + 1]);
#pragma GCC unroll 4
      for (int g = 0; g < SLAB_GROUPS; ++g) {
        const Floats p = groups[g].polynomials[polynomial(l, m)];
        sines[g] += p * sine;
        cosines[g] += p * cosine;
      }
    }
#pragma GCC unroll 4
    for (int g = 0; g < SLAB_GROUPS; ++g) {
      sums[g] += groups[g].turns[2 * m - 1] * sines[g];
      sums[g] += groups[g].turns[2 * m] * cosines[g];
    }
  }
#pragma GCC unroll 4
  for (int g = 0; g < SLAB_GROUPS; ++g) totals[g] = sums[g];
}

class Multipoles {
 public:
  struct Workspace {
    Neighbours around;
    Shells shells;
    Buffer<float> x, y, z;
    Buffer<Sums> sums;
    alignas(64) Factors factors[HANDFUL > SLAB_GROUPS ? HANDFUL : SLAB_GROUPS];
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
      for (int s = 0; s < SLABS; ++s)
        this->template add_to_slab<degree()>(near, values, tile.slabs[s],
                                             tile.groups + s * SLAB_GROUPS, corner,
                                             densities + s * SLAB_GROUPS, work);
    });
  }

 private:
  template <int N>
  struct Degree {
    constexpr int operator()() const { return N; }
  };

  static constexpr int size(int degree) { return (degree + 1) * (degree + 1) - 1; }

  template <class Action>
  void with_degree(Action&& action) const {
    switch (degree_) {
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

  // Repeats the coefficients (species, species, l − 1, n, n') for all m, in the order of the
  // multipoles: (species, species, n, n', multipoles).
  template <int DEGREE>
  void arrange(const float* coefficients) {
    const int n = radial_.count;
    coefficients_.resize(species_ * species_ * n * n * poles_);
    for (int pair = 0; pair < species_ * species_; ++pair)
      for (int nn = 0; nn < n * n; ++nn)
        for (int turn = 0; turn <= 2 * DEGREE; ++turn)
          for (int m = order_of(turn), l = m ? m : 1; l <= DEGREE; ++l) {
            const float scale = RECURRENCE.scale[l][m];
            coefficients_[(pair * n * n + nn) * poles_ + pole<DEGREE>(l, turn)] =
                scale * scale * coefficients[(pair * DEGREE + l - 1) * n * n + nn];
          }
  }

  template <int DEGREE>
  void induce_one(const Atoms& atoms, int species, std::int32_t atom, float* out,
                  Workspace& work) const {
    const double nothing[3] = {0.0, 0.0, 0.0};
    const int n = radial_.count;
    float moments[HARMONICS];
    std::memset(out, 0, n * poles_ * sizeof(float));
    for (int s = 0; s < species_; ++s) {
      work.around.gather(atoms, s, atoms.position(atom), nothing, reach());
      sum<DEGREE>(work);
      const float* c = coefficients_ + (species * species_ + s) * n * n * poles_;
      for (int other = 0; other < n; ++other) {
        for (int turn = 0; turn <= 2 * DEGREE; ++turn)
          for (int m = order_of(turn), l = m ? m : 1; l <= DEGREE; ++l)
            moments[pole<DEGREE>(l, turn)] = total(work.sums[other][place_of(l, turn)]);
        for (int k = 0; k < n; ++k)
          for (int i = 0; i < poles_; ++i)
            out[k * poles_ + i] += c[(k * n + other) * poles_ + i] * moments[i];
      }
    }
  }

  static float total(Floats lanes) {
    float sum = 0.0f;
    for (int lane = 0; lane < LANES; ++lane) sum += lanes[lane];
    return sum;
  }

  // Sums of bare harmonics over the atoms of `work.around`, in every lane those of some.
  template <int DEGREE>
  void sum(Workspace& work) const {
    const float nothing[3] = {0.0f, 0.0f, 0.0f};
    work.shells.sort(radial_, work.around, nothing, nothing);
    const int* const reached = work.shells.reached;
    const int vectors = (reached[radial_.count - 1] + LANES - 1) / LANES;
    line_up(work, vectors * LANES);
    work.sums.resize(radial_.count);
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

  template <int DEGREE>
  void add_to_slab(const Neighbours& near, const float* multipoles, const Slab& slab,
                   const Group* groups, const float corner[3], Floats* densities,
                   Workspace& work) const {
    const float centre[3] = {slab.centre[0] + corner[0], slab.centre[1] + corner[1],
                             slab.centre[2] + corner[2]};
    const std::int64_t each = radial_.count * poles_;
    work.shells.sort(radial_, near, centre, slab.half);
    int n = 0;
    for (int i = 0; i < work.shells.reached[radial_.count - 1]; ++i) {
      while (work.shells.reached[n] <= i) ++n;
      const int a = work.shells.order[i];
      const float x = near.x[a] - corner[0], y = near.y[a] - corner[1], z = near.z[a] - corner[2];
      for (int g = 0; g < SLAB_GROUPS; ++g)
        factorise<DEGREE>(x - groups[g].x, y - groups[g].y, z - groups[g].z, work.factors[g]);
      const float* const own = multipoles + near.which[a] * each;
      for (int k = n; k < radial_.count; ++k) {
        Floats totals[SLAB_GROUPS];
        contract<DEGREE>(work.factors, own + k * poles_, totals);
        for (int g = 0; g < SLAB_GROUPS; ++g)
          densities[g] += radial_(k, work.factors[g].square) * totals[g];
      }
    }
  }

  int species_, degree_, poles_;
  Radial radial_;
  Buffer<float> coefficients_;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
