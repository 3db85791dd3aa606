// Dense layers on one tile of points: lanes are points, layers are small matrix products.
#pragma once

#include "geometry.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

// Outputs × vectors of points whose sums are held in registers: of AVX2's 16 registers 12, two hold
// inputs and one a weight.
constexpr int ROWS = LANES == 8 ? 6 : 4, COLUMNS = REGISTERS == 32 ? 4 : 2;

// What a layer reads: GROUPS vectors for each input, or in bfloat16 for each pair of inputs, the
// even one in the lower half of a lane.
constexpr int PAIR = BF16 ? 2 : 1;
using Activation = Floats;

#if defined(__AVX512BF16__)
inline Floats pack(Floats even, Floats odd) {
  const __m512i order = _mm512_set_epi16(
      31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
      23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512bh halves = _mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
  return (Floats)_mm512_permutexvar_epi16(order, (__m512i)halves);
}
#endif

// Adds the products of a pair of inputs (bfloat16) or of one input (float).
template <int INPUTS>
inline Floats multiply_add(Floats sum, Activation inputs, float weights) {
#if defined(__AVX512BF16__)
  if constexpr (INPUTS == 2)
    return (Floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)inputs,
                                    (__m512bh)_mm512_set1_ps(weights));
#endif
  return sum + inputs * weights;
}

inline std::uint32_t to_bf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// Inputs 2k and 2k + 1 of a row, as `pack` lays them out.
inline float pair_of(const float* row, int k, int inputs) {
  const std::uint32_t low = to_bf16(row[2 * k]);
  const std::uint32_t high = 2 * k + 1 < inputs ? to_bf16(row[2 * k + 1]) : 0;
  const std::uint32_t both = low | high << 16;
  float bits;
  std::memcpy(&bits, &both, 4);
  return bits;
}

// Weights in the order in which `run` meets them: ROWS outputs for one (pair of) input(s).
template <int INPUTS>
class Dense {
 public:
  Dense() = default;
  explicit Dense(const Layer& layer) { assign(layer); }

  void assign(const Layer& layer) {
    depth_ = rows(layer.inputs);
    panels_ = (layer.outputs + ROWS - 1) / ROWS;
    weights_.resize(panels_ * depth_ * ROWS);
    bias_.resize(panels_ * ROWS);
    for (int m = 0; m < layer.outputs; ++m) {
      bias_[m] = layer.bias[m];
      const float* row = layer.weight + static_cast<std::int64_t>(m) * layer.inputs;
      for (int k = 0; k < depth_; ++k)
        weights_[(m / ROWS * depth_ + k) * ROWS + m % ROWS] =
            INPUTS == 1 ? row[k] : pair_of(row, k, layer.inputs);
    }
  }

  // Rows of what `run` reads, for so many inputs, and one group of a layer's inputs among them.
  static int rows(int inputs) { return (inputs + INPUTS - 1) / INPUTS; }
  static void lay_out(const Floats* values, int count, Activation* out) {
    static_assert(INPUTS == 1, "pairs are laid out by the layer before");
    for (int k = 0; k < count; ++k) out[k * GROUPS] = values[k];
  }

  // Calls take(first output, first group, sums[ROWS][COLUMNS]).
  template <class Take>
  void run(const Activation* inputs, Take&& take) const {
    for (int panel = 0; panel < panels_; ++panel) {
      const float* const weights = weights_ + panel * depth_ * ROWS;
      for (int group = 0; group < GROUPS; group += COLUMNS) {
        Floats sums[ROWS][COLUMNS];
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
          for (int c = 0; c < COLUMNS; ++c) sums[r][c] = splat(bias_[panel * ROWS + r]);
        const Activation* column = inputs + group;
        const float* weight = weights;
        for (int k = 0; k < depth_; ++k, column += GROUPS, weight += ROWS) {
#pragma GCC unroll 6
          for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
            for (int c = 0; c < COLUMNS; ++c)
              sums[r][c] = multiply_add<INPUTS>(sums[r][c], column[c], weight[r]);
        }
        take(panel * ROWS, group, sums);
      }
    }
  }

 private:
  int depth_ = 0, panels_ = 0;
  Buffer<float> weights_, bias_;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
