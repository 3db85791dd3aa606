// Dense layers on the matrix registers of AMX: 16 outputs, 32 inputs in bfloat16 and 16 points at a
// time. Their sums are float.
#pragma once

#include "dense.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

#if defined(__AMX_BF16__)

// Rows of a register, and pairs of inputs in each.
constexpr int SIDE = 16;
static_assert(SIDE == LANES && GROUPS == COLUMNS, "a register holds the sums of a group of points");

// The matrix registers are this thread's own while one of these lives.
class MatrixRegisters {
 public:
  MatrixRegisters() {
    struct {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t bytes[16] = {};
      std::uint8_t rows[16] = {};
    } shapes;
    for (int i = 0; i < 8; ++i) {
      shapes.bytes[i] = 4 * SIDE;
      shapes.rows[i] = SIDE;
    }
    asm volatile("ldtilecfg %0" ::"m"(shapes));  // _tile_loadconfig tells GCC 12 of 8 bytes alone
  }
  MatrixRegisters(const MatrixRegisters&) = delete;
  MatrixRegisters& operator=(const MatrixRegisters&) = delete;
  ~MatrixRegisters() { _tile_release(); }
};

// As `Dense`, whose inputs it reads: pairs of them, up to a multiple of SIDE.
class MatrixDense {
 public:
  void assign(const Layer& layer) {
    steps_ = ((layer.inputs + 1) / 2 + SIDE - 1) / SIDE;
    panels_ = (layer.outputs + SIDE - 1) / SIDE;
    weights_.resize(panels_ * steps_ * SIDE * SIDE);
    bias_.resize(panels_ * SIDE);
    for (int m = 0; m < layer.outputs; ++m) {
      bias_[m] = layer.bias[m];
      const float* row = layer.weight + static_cast<std::int64_t>(m) * layer.inputs;
      for (int k = 0; 2 * k < layer.inputs; ++k) {
        const int block = m / SIDE * steps_ + k / SIDE;
        weights_[(block * SIDE + m % SIDE) * SIDE + k % SIDE] = pair_of(row, k, layer.inputs);
      }
    }
  }

  template <class Take>
  void run(const Activation* inputs, Take&& take) const {
    // A panel ahead: what the registers have written can be read only after a while.
    Floats products[2][GROUPS][SIDE];
    multiply(0, inputs, products[0]);
    for (int panel = 0; panel < panels_; ++panel) {
      if (panel + 1 < panels_) multiply(panel + 1, inputs, products[(panel + 1) % 2]);
      const auto& here = products[panel % 2];
#pragma GCC unroll 4
      for (int row = 0; row < SIDE; row += ROWS) {
        Floats sums[ROWS][COLUMNS];
#pragma GCC unroll 4
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
          for (int c = 0; c < COLUMNS; ++c)
            sums[r][c] = here[c][row + r] + bias_[panel * SIDE + row + r];
        take(panel * SIDE + row, 0, sums);
      }
    }
  }

 private:
  void multiply(int panel, const Activation* inputs, Floats out[GROUPS][SIDE]) const {
    const float* weights = weights_ + panel * steps_ * SIDE * SIDE;
    constexpr int STRIDE = GROUPS * sizeof(Activation);
    asm volatile("" ::: "memory");  // the loads below do not tell what they read
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int k = 0; k < steps_; ++k, weights += SIDE * SIDE, inputs += SIDE * GROUPS) {
      _tile_loadd(4, weights, 4 * SIDE);
      _tile_loadd(5, inputs, STRIDE);
      _tile_dpbf16ps(0, 4, 5);
      _tile_loadd(6, inputs + 1, STRIDE);
      _tile_dpbf16ps(1, 4, 6);
      _tile_loadd(7, inputs + 2, STRIDE);
      _tile_dpbf16ps(2, 4, 7);
      _tile_loadd(5, inputs + 3, STRIDE);
      _tile_dpbf16ps(3, 4, 5);
    }
    _tile_stored(0, out[0], sizeof(Floats));
    _tile_stored(1, out[1], sizeof(Floats));
    _tile_stored(2, out[2], sizeof(Floats));
    _tile_stored(3, out[3], sizeof(Floats));
  }

  int steps_ = 0, panels_ = 0;
  Buffer<float> weights_, bias_;
};

// A layer close to single precision: each number is a sum of two in bfloat16, a product is three of
// four products, right to 2⁻¹⁵ (method.md, Eq. 30). Inputs are the high halves, the low ones and the high ones again.
class SplitDense : public MatrixDense {
 public:
  void assign(const Layer& layer) {
    const int part = 2 * pairs(layer.inputs);
    Buffer<float> weights(static_cast<std::size_t>(layer.outputs) * 3 * part);
    for (int m = 0; m < layer.outputs; ++m)
      for (int k = 0; k < layer.inputs; ++k) {
        const float weight = layer.weight[static_cast<std::int64_t>(m) * layer.inputs + k];
        float* const row = weights + static_cast<std::int64_t>(m) * 3 * part + k;
        row[0] = row[part] = rounded(weight);
        row[2 * part] = weight - row[0];
      }
    MatrixDense::assign({3 * part, layer.outputs, weights, layer.bias});
  }

  static int rows(int inputs) { return 3 * pairs(inputs); }
  // The number after the last value is to be zero.
  static void lay_out(const Floats* values, int count, Activation* out) {
    const int part = pairs(count) * GROUPS;
    for (int k = 0; k < count; k += 2, out += GROUPS) {
      const Floats even = high(values[k]), odd = high(values[k + 1]);
      out[0] = out[2 * part] = pack(even, odd);
      out[part] = pack(values[k] - even, values[k + 1] - odd);
    }
  }

 private:
  static int pairs(int inputs) { return (inputs + 1) / 2; }
  static float rounded(float x) {
    const std::uint32_t bits = to_bf16(x) << 16;
    std::memcpy(&x, &bits, 4);
    return x;
  }
  static Floats high(Floats x) { return (Floats)((Ints)x & ~0xffff); }
};

using FirstLayer = SplitDense;
using HiddenLayer = MatrixDense;
constexpr int PADDING = SIDE;  // rows read past a layer's inputs, or written past its outputs

#else

struct MatrixRegisters {};
using FirstLayer = Dense<1>;
using HiddenLayer = Dense<PAIR>;
constexpr int PADDING = ROWS;

#endif

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
