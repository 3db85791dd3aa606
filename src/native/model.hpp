// What the kernels compute with: plain data, shared by the variants for all instruction sets.
#pragma once

#include <cstdint>

namespace rhocast {

// Mesh points are computed in tiles of 4 × 4 × 4, neighbours are gathered for 2 × 2 × 2 tiles.
constexpr int TILE = 4;
constexpr int TILE_POINTS = TILE * TILE * TILE;
constexpr int TILES_PER_BRICK = 2;
constexpr int MAX_DEGREE = 8;
constexpr int MAX_SPECIES = 8;
constexpr int MAX_RADIAL = 16;

struct Layer {
  int inputs, outputs;
  const float* weight;  // (outputs, inputs)
  const float* bias;    // (outputs)
};

// All arrays belong to the caller while an engine is made; the engine keeps its own copies.
struct Model {
  int species, radial, degree, features;
  const float* reaches;        // (radial): where the radial functions end, rising, Bohr
  const float* feature_scale;  // (features): from products of bare sums to what the network reads
  const float* feature_shift;  // (features)

  int hidden_layers, layers_per_block;
  const Layer* hidden;
  Layer head;  // 2 outputs: mean, and the deviation before softplus
  Layer form;  // √(sum of squares of the outputs) is the epistemic deviation; no outputs: none
  float target_std, min_std;

  int intervals;  // of the baseline's radial splines; 0: no baseline
  float baseline_reach;
  const float* splines;  // (species, intervals, 4): powers of the place within an interval
  float fading_density;  // e/Bohr³: the correction fades where the baseline is lower; 0: nowhere

  // Of the baseline's multipoles, l = 0 … multipole_degree; multipole_radial = 0: none.
  int multipole_radial, multipole_degree;
  const float* multipole_reaches;  // (multipole_radial): rising, Bohr
  // (species of the atom, of its neighbours, l, n, n'): from bare sums to factors of bare
  // functions. With multipole_usual_sum n' goes on: what multiplies the bare sums times d, how far
  // the sum of the longest reach, l = 0, is from that, in units of it.
  const float* multipole_coefficients;
  float multipole_usual_sum;  // 0: there is no d

  // Products of two sums over all species; no products: product_count = 0. Each has a degree l and
  // 2 l + 1 numbers, l rising. A term is weight · sum · sum; its places are those of both sums in
  // (product_radial, harmonics) and that of the number it is added to.
  int product_radial, product_terms, product_count;
  const std::int32_t* product_numbers;    // (product_radial): n of the sums
  const std::int32_t (*product_places)[3];  // (product_terms)
  const float* product_weights;           // (product_terms)
  const std::int32_t* product_degrees;    // (product_count)
  const float* product_coefficients;      // (species, n, product_count): to factors of bare functions
};

// Part of a mesh: the points (start + i) · steps for all i below shape.
struct Box {
  double steps[3][3];
  std::int64_t start[3], shape[3];
};

// What CPU time is spent on.
enum Stage { GATHERING, SUMS, INVARIANTS, NETWORK, BASELINE, MULTIPOLES, STAGES };

// What is asked for; null for what is not. Each (shape), C order; features (points, features).
struct Outputs {
  float *mean = nullptr, *aleatoric = nullptr, *epistemic = nullptr;
  float *features = nullptr, *baseline = nullptr;
  double* seconds = nullptr;  // CPU time of the stages, in their order; added to
};

class Atoms;

class Engine {
 public:
  virtual ~Engine();  // defined once, not inline: no variant may hand its own to the linker
  virtual void evaluate(const Box&, const Atoms&, const Outputs&) const = 0;
};

// Adds to sums (rows, atoms) what of values (rows, box.shape) belongs to each atom. Of the model, its
// pseudo-atoms without multipoles are looked at: the species and all of `baseline`.
using Divide = void(const Model& free_atoms, const Box&, const Atoms&, const float* values, int rows,
                    double* sums);

// GFLOP/s of multiply-adds that never leave the registers.
struct Peaks {
  double fp32, bf16;  // bf16 is 0 where there is no such instruction
};

}  // namespace rhocast
