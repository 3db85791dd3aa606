// The network on one tile of points: lanes are points, layers are small matrix products.
//
// Where the processor multiplies bfloat16 (AVX512_BF16), activations and weights of the layers after
// the first are rounded to it and sums are float; elsewhere all is float. Features, the first layer,
// the residual stream and the head are always float.
#pragma once

#include "geometry.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

// Outputs × vectors of points whose sums are held in registers.
constexpr int ROWS = 4, COLUMNS = REGISTERS == 32 ? 4 : 2;

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

// x Φ(x), the exact GELU.
inline Floats gelu(Floats x) {
  if constexpr (BF16) {
    // Φ(x) − 1/2 as a polynomial that meets 1/2 at the ends; 5e-4 beside bfloat16's 4e-3 |x|.
    const Floats c = min(max(x, splat(-3.7f)), splat(3.7f));
    const Floats u = c * c;
    Floats p = splat(-4.8995281e-7f);
    p = p * u + 2.6887921e-5f;
    p = p * u - 6.1748916e-4f;
    p = p * u + 7.8486111e-3f;
    p = p * u - 6.2587462e-2f;
    p = p * u + 3.9647484e-1f;
    return x * (c * p + 0.5f);
  } else {
    // Likewise, in v = 2 (c / 5)² − 1, which keeps its digits; 1e-5.
    const Floats c = min(max(x, splat(-5.0f)), splat(5.0f));
    const Floats v = c * c * 0.08f - 1.0f;
    Floats p = splat(2.24140230e-03f);
    p = p * v - 6.26588096e-03f;
    p = p * v + 7.09729646e-03f;
    p = p * v - 8.35182487e-03f;
    p = p * v + 1.54923384e-02f;
    p = p * v - 2.42021673e-02f;
    p = p * v + 3.17604453e-02f;
    p = p * v - 4.03219535e-02f;
    p = p * v + 5.14863745e-02f;
    p = p * v - 7.03003557e-02f;
    p = p * v + 1.41364325e-01f;
    return x * (c * p + 0.5f);
  }
}

// Weights in the order in which `run` meets them: ROWS outputs for one (pair of) input(s).
template <int INPUTS>
class Dense {
 public:
  Dense() = default;
  explicit Dense(const Layer& layer) { assign(layer); }

  void assign(const Layer& layer) {
    depth_ = (layer.inputs + INPUTS - 1) / INPUTS;
    outputs_ = layer.outputs;
    panels_ = (layer.outputs + ROWS - 1) / ROWS;
    weights_.resize(panels_ * depth_ * ROWS);
    bias_.resize(panels_ * ROWS);
    for (int m = 0; m < layer.outputs; ++m) {
      bias_[m] = layer.bias[m];
      const float* row = layer.weight + static_cast<std::int64_t>(m) * layer.inputs;
      for (int k = 0; k < depth_; ++k)
        weights_[(m / ROWS * depth_ + k) * ROWS + m % ROWS] = packed(row, k, layer.inputs);
    }
  }

  int outputs() const { return outputs_; }

  // Calls take(first output, first group, sums[ROWS][COLUMNS]).
  template <class Take>
  void run(const Activation* inputs, Take&& take) const {
    for (int panel = 0; panel < panels_; ++panel) {
      const float* const weights = weights_ + panel * depth_ * ROWS;
      for (int group = 0; group < GROUPS; group += COLUMNS) {
        Floats sums[ROWS][COLUMNS];
#pragma GCC unroll 4
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
          for (int c = 0; c < COLUMNS; ++c) sums[r][c] = splat(bias_[panel * ROWS + r]);
        const Activation* column = inputs + group;
        const float* weight = weights;
        for (int k = 0; k < depth_; ++k, column += GROUPS, weight += ROWS) {
#pragma GCC unroll 4
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
  static float packed(const float* row, int k, int inputs) {
    if constexpr (INPUTS == 1) return row[k];
    const std::uint32_t low = to_bf16(row[2 * k]);
    const std::uint32_t high = 2 * k + 1 < inputs ? to_bf16(row[2 * k + 1]) : 0;
    const std::uint32_t both = low | high << 16;
    float bits;
    std::memcpy(&bits, &both, 4);
    return bits;
  }

  int depth_ = 0, outputs_ = 0, panels_ = 0;
  Buffer<float> weights_, bias_;
};

// What one tile passes through the network in; a network itself is read by many threads.
struct Workspace {
  Buffer<Activation> input, first, second;
  Buffer<Floats> residual;
  const Activation* last = nullptr;  // of the hidden layers' outputs, for `Network::spread`
};

class Network {
 public:
  explicit Network(const Model& model)
      : features_(model.features), width_(model.head.inputs), count_(model.hidden_layers),
        per_block_(model.layers_per_block), layers_(new Dense<PAIR>[model.hidden_layers - 1]) {
    scale_.copy(model.feature_scale, features_);
    shift_.copy(model.feature_shift, features_);
    first_.assign(model.hidden[0]);
    for (int i = 1; i < count_; ++i) layers_[i - 1].assign(model.hidden[i]);
    head_.copy(model.head.weight, 2 * width_);
    head_bias_.copy(model.head.bias, 2);
    form_.assign(model.form);
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  ~Network() { delete[] layers_; }

  void prepare(Workspace& work) const {
    work.input.resize(features_ * GROUPS);
    for (auto* buffer : {&work.first, &work.second, &work.residual})
      buffer->resize((width_ + ROWS) * GROUPS);
  }

  // Normalises the features of one group in place.
  void take(Floats* features, int group, Workspace& work) const {
    for (int k = 0; k < features_; ++k) {
      features[k] = features[k] * scale_[k] + shift_[k];
      work.input[k * GROUPS + group] = features[k];
    }
  }

  // Hidden layers and head: the normalised mean and the raw deviation.
  void run(Workspace& work, Floats mean[GROUPS], Floats raw[GROUPS]) const {
    Activation *in = work.first, *out = work.second;
    Floats* const residual = work.residual;
    layer<false>(first_, work.input, in, residual);
    for (int i = 1; i < count_; ++i) {
      if (i % per_block_ == 0)
        layer<true>(layers_[i - 1], in, out, residual);
      else
        layer<false>(layers_[i - 1], in, out, nullptr);
      Activation* const swapped = in;
      in = out;
      out = swapped;
    }
    work.last = in;
    for (int g = 0; g < GROUPS; ++g) {
      mean[g] = splat(head_bias_[0]);
      raw[g] = splat(head_bias_[1]);
    }
    for (int m = 0; m < width_; ++m)
      for (int g = 0; g < GROUPS; ++g) {
        mean[g] += residual[m * GROUPS + g] * head_[m];
        raw[g] += residual[m * GROUPS + g] * head_[width_ + m];
      }
  }

  // Sum of squares of the form's outputs on the last hidden layer, after `run`.
  void spread(const Workspace& work, Floats squares[GROUPS]) const {
    for (int g = 0; g < GROUPS; ++g) squares[g] = Floats{};
    form_.run(work.last, [&](int, int group, Floats(&sums)[ROWS][COLUMNS]) {
      for (int r = 0; r < ROWS; ++r)
        for (int c = 0; c < COLUMNS; ++c) squares[group + c] += sums[r][c] * sums[r][c];
    });
  }

 private:
  // From rows of floats, `stride` groups apart, to (pairs of) inputs.
  static void store(const Floats* rows, int depth, int stride, Activation* out) {
    for (int k = 0; k < depth; ++k) {
#if defined(__AVX512BF16__)
      out[k * GROUPS] = pack(rows[2 * k * stride], rows[(2 * k + 1) * stride]);
#else
      out[k * GROUPS] = rows[k * stride];
#endif
    }
  }

  // GELU of a dense layer; with ADD the residual stream is added to it. The result becomes the
  // residual stream where there is one to write.
  template <bool ADD, int INPUTS>
  static void layer(const Dense<INPUTS>& dense, const Activation* in, Activation* out, Floats* residual) {
    dense.run(in, [=](int row, int group, Floats(&sums)[ROWS][COLUMNS]) {
#pragma GCC unroll 4
      for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
        for (int c = 0; c < COLUMNS; ++c) {
          sums[r][c] = gelu(sums[r][c]);
          if (!residual) continue;
          Floats& stream = residual[(row + r) * GROUPS + group + c];
          stream = ADD ? stream + sums[r][c] : sums[r][c];
          sums[r][c] = stream;
        }
#pragma GCC unroll 4
      for (int c = 0; c < COLUMNS; ++c)
        store(&sums[0][c], ROWS / PAIR, COLUMNS, out + row / PAIR * GROUPS + group + c);
    });
  }

  int features_, width_, count_, per_block_;
  Dense<1> first_;
  Dense<PAIR>* layers_;  // all but the first
  Dense<PAIR> form_;
  Buffer<float> scale_, shift_, head_, head_bias_;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
