// ρ_1 = Σ_j Σ_nlm q_jnlm (1 − r_j² / R_n²)^8 r_j^l C_lm: multipoles that their neighbours induce in
// the pseudo-atoms, q_jnlm = Σ_sn' c A^s_n'lm(R_j) + Σ_k c B_klm (products.hpp).
//
// method.md, Eq. 19 to 21 and, for the polynomial of a column's height, Eq. 23.
//
// Lanes are neighbours where the sums A of an atom are made, and points where the density is. What
// scales norms and harmonics is part of the coefficients c.
#pragma once

#include "products.hpp"
#include "sums.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

// Terms z^k turn (x² + y²)^j, k + m + 2j = l: k slowest, j fastest and falling.
constexpr int terms(int degree) { return (degree + 1) * (degree + 2) * (degree + 3) / 6; }

// The harmonic that each term is a part of: its place among the sums, and its share in p_lm.
template <int DEGREE>
struct Terms {
  std::uint8_t place[terms(DEGREE)] = {};
  std::uint8_t degree[terms(DEGREE)] = {};
  float share[terms(DEGREE)] = {};
  constexpr Terms() {
    int at = 0;
    for (int k = 0; k <= DEGREE; ++k)
      for (int turn = 0; turn <= 2 * (DEGREE - k); ++turn)
        for (int m = order_of(turn), j = (DEGREE - k - m) / 2; j >= 0; --j, ++at) {
          const int l = k + m + 2 * j;
          const float scale = RECURRENCE.scale[l][m];
          place[at] = static_cast<std::uint8_t>(place_of(l, turn));
          degree[at] = static_cast<std::uint8_t>(l);
          share[at] = scale * scale * RECURRENCE.expansion[l][m][j];
        }
  }
};
template <int DEGREE>
inline constexpr Terms<DEGREE> TERMS;

// Columns of points that share what is loaded of an atom: AVX2 has no operand that repeats a number
// from memory, so each factor takes an instruction of its own.
constexpr int WIDE = LANES == 8 ? 2 : 1;
static_assert(GROUPS % (WIDE * TILE) == 0, "a tile is whole columns");

// Σ_lm q_lm h_lm of an atom in columns of points, h_lm the bare harmonics: the powers of z
// (method.md, Eq. 23).
template <int DEGREE, int COUNT>
__attribute__((always_inline)) inline void column(const float* factors, const Floats* across,
                                                  const Floats (*turns)[2 * DEGREE + 1],
                                                  Floats (*powers)[DEGREE + 1]) {
  int at = 0;
#pragma GCC unroll 9
  for (int k = 0; k <= DEGREE; ++k) {
#pragma GCC unroll 17
    for (int turn = 0; turn <= 2 * (DEGREE - k); ++turn) {
      const int last = (DEGREE - k - order_of(turn)) / 2;
      Floats sums[COUNT];
#pragma GCC unroll 2
      for (int w = 0; w < COUNT; ++w) sums[w] = splat(factors[at]);
      ++at;
#pragma GCC unroll 4
      for (int j = 0; j < last; ++j, ++at)
#pragma GCC unroll 2
        for (int w = 0; w < COUNT; ++w) sums[w] = sums[w] * across[w] + factors[at];
#pragma GCC unroll 2
      for (int w = 0; w < COUNT; ++w)
        powers[w][k] = turn == 0 ? sums[w] : powers[w][k] + turns[w][turn] * sums[w];
    }
  }
}

class Multipoles {
 public:
  struct Workspace {
    Neighbours around;
    Shells shells;
    Buffer<float> x, y, z;
    Buffer<Sums> sums;
    Products::Workspace products;
    static_assert(HANDFUL >= GROUPS, "factors of all groups of a tile");
    alignas(64) Factors factors[HANDFUL];
  };

  explicit Multipoles(const Model& model)
      : species_(model.species), degree_(model.multipole_degree),
        usual_sum_(model.multipole_usual_sum), radial_(model.multipole_reaches, model.multipole_radial),
        products_(model) {
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
    const int each = radial_.count * terms(degree_);
    atoms.remember(which.which, which.count, each, work_out, &context);
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

  // How many n' there are.
  int inducing() const { return usual_sum_ > 0.0f ? 2 * radial_.count : radial_.count; }

  // Repeats the coefficients (species, species, l, n, n') for all terms: (species, species, n', n,
  // terms).
  template <int DEGREE>
  void arrange(const float* coefficients) {
    const int n = radial_.count, pairs = species_ * species_;
    coefficients_.resize(pairs * inducing() * n * terms(DEGREE));
    float* out = coefficients_;
    for (int pair = 0; pair < pairs; ++pair, coefficients += (DEGREE + 1) * n * inducing())
      for (int other = 0; other < inducing(); ++other)
        for (int k = 0; k < n; ++k)
          for (int t = 0; t < terms(DEGREE); ++t) {
            const int row = TERMS<DEGREE>.degree[t] * n + k;
            *out++ = TERMS<DEGREE>.share[t] * coefficients[row * inducing() + other];
          }
  }

  template <int DEGREE>
  void induce_one(const Atoms& atoms, int species, std::int32_t atom, float* out,
                  Workspace& work) const {
    constexpr int SIZE = terms(DEGREE);
    const double place[3] = {atoms.axis(0)[atom], atoms.axis(1)[atom], atoms.axis(2)[atom]};
    const double nothing[3] = {0.0, 0.0, 0.0};
    const int n = radial_.count;
    float sums[HARMONICS + LANES], moments[SIZE], times_deviation[MAX_RADIAL * SIZE] = {};
    float around = 0.0f;
    std::memset(out, 0, n * SIZE * sizeof(float));
    if (products_.any()) products_.begin(work.products);
    for (int s = 0; s < species_; ++s) {
      work.around.gather(atoms, s, place, nothing, reach());
      sum<DEGREE>(work);
      const float* c = coefficients_ + (species * species_ + s) * inducing() * n * SIZE;
      for (int other = 0; other < n; ++other) {
        sum_each(work.sums[other], (DEGREE + 1) * (DEGREE + 1), sums);
        if (s == species) sums[0] -= 1.0f;  // of the atom itself
        if (products_.any()) products_.add(other, sums, work.products);
        for (int t = 0; t < SIZE; ++t) moments[t] = sums[TERMS<DEGREE>.place[t]];
        add<SIZE>(c + other * n * SIZE, moments, out);
        if (usual_sum_ > 0.0f) add<SIZE>(c + (n + other) * n * SIZE, moments, times_deviation);
      }
      around += sums[0];
    }
    if (products_.any()) add_products<DEGREE>(species, out, work.products);
    if (usual_sum_ == 0.0f) return;
    const float deviation = around / usual_sum_ - 1.0f;
    for (int i = 0; i < n * SIZE; ++i) out[i] += deviation * times_deviation[i];
  }

  template <int DEGREE>
  void add_products(int species, float* out, Products::Workspace& work) const {
    constexpr int SIZE = terms(DEGREE);
    products_.induce(species, work);
    for (int k = 0; k < radial_.count; ++k) {
      const float* const q = work.induced + k * (DEGREE + 1) * (DEGREE + 1);
      for (int t = 0; t < SIZE; ++t)
        out[k * SIZE + t] += TERMS<DEGREE>.share[t] * q[TERMS<DEGREE>.place[t]];
    }
  }

  // Adds the products of coefficients (n, terms) and moments (terms).
  template <int SIZE>
  void add(const float* coefficients, const float* moments, float* out) const {
    for (int k = 0; k < radial_.count; ++k)
      for (int t = 0; t < SIZE; ++t)
        out[k * SIZE + t] += coefficients[k * SIZE + t] * moments[t];
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
    const std::int64_t each = radial_.count * terms(DEGREE);
    work.shells.sort(radial_, near, centre, tile.tile_half);
    int shortest = 0;
    for (int i = 0; i < work.shells.reached[radial_.count - 1]; ++i) {
      while (work.shells.reached[shortest] <= i) ++shortest;
      const int a = work.shells.order[i];
      const float at[3] = {near.x[a] - corner[0], near.y[a] - corner[1], near.z[a] - corner[2]};
      const float* const own = multipoles + near.which[a] * each;
      for (int g = 0; g < GROUPS; g += tile.upright ? WIDE * TILE : 1)
        if (tile.upright)
          add_columns<DEGREE, TILE, WIDE>(own, shortest, at, tile.groups + g, densities + g);
        else
          add_columns<DEGREE, 1, 1>(own, shortest, at, tile.groups + g, densities + g);
    }
  }

  // Adds an atom, from the n on that reach, to COUNT columns of HEIGHT groups of points above each
  // other.
  template <int DEGREE, int HEIGHT, int COUNT>
  __attribute__((noinline)) void add_columns(const float* factors, int shortest, const float at[3],
                                             const Group* groups, Floats* densities) const {
    Floats across[COUNT], turns[COUNT][2 * DEGREE + 1], powers[COUNT][DEGREE + 1];
    Floats heights[COUNT][HEIGHT], squares[COUNT][HEIGHT];
#pragma GCC unroll 2
    for (int w = 0; w < COUNT; ++w) {
      const Group* const own = groups + w * HEIGHT;
      const Floats x = at[0] - own->x, y = at[1] - own->y;
      across[w] = x * x + y * y;
      if constexpr (DEGREE > 0) take_turns<DEGREE>(x, y, turns[w]);
#pragma GCC unroll 4
      for (int g = 0; g < HEIGHT; ++g) {
        heights[w][g] = at[2] - own[g].z;
        squares[w][g] = across[w] + heights[w][g] * heights[w][g];
      }
    }
    for (int n = shortest; n < radial_.count; ++n) {
      column<DEGREE, COUNT>(factors + n * terms(DEGREE), across, turns, powers);
#pragma GCC unroll 2
      for (int w = 0; w < COUNT; ++w)
#pragma GCC unroll 4
        for (int g = 0; g < HEIGHT; ++g) {
          Floats sum = powers[w][DEGREE];
#pragma GCC unroll 8
          for (int k = DEGREE - 1; k >= 0; --k) sum = sum * heights[w][g] + powers[w][k];
          densities[w * HEIGHT + g] += radial_(n, squares[w][g]) * sum;
        }
    }
  }

  int species_, degree_;
  float usual_sum_;
  Radial radial_;
  Products products_;
  Buffer<float> coefficients_;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
