// The network (method.md, Eq. 25 to 27) on one tile of points: lanes are points, layers are small
// matrix products.
//
// Where the processor multiplies bfloat16 (AVX512_BF16, AMX), activations and weights of the layers
// after the first are rounded to it and sums are float; elsewhere all is float. Features, the first
// layer, the residual stream and the head are always float, with AMX the first layer to 2⁻¹⁵:
// method.md, Eq. 29 and 30.
#pragma once

#include "amx.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

inline Floats within(Floats x, float end) { return min(max(x, splat(-end)), splat(end)); }

// x Φ(x), the exact GELU (method.md, Eq. 26). The short polynomial's error stands beside that of
// rounding to bfloat16, 4e-3 |x|.
inline Floats gelu(Floats x) {
  if constexpr (BF16) return x * normal_cdf_short(within(x, NORMAL_CDF_SHORT_END));
  return x * normal_cdf(within(x, NORMAL_CDF_END));
}

// What one tile passes through the network in; a network itself is read by many threads.
struct Workspace {
  MatrixRegisters registers;
  Buffer<Activation> input, first, second;
  Buffer<Floats> residual;
  const Activation* last = nullptr;  // of the hidden layers' outputs, for `Network::spread`
};

class Network {
 public:
  explicit Network(const Model& model)
      : features_(model.features), width_(model.head.inputs), count_(model.hidden_layers),
        per_block_(model.layers_per_block), layers_(new HiddenLayer[model.hidden_layers - 1]) {
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
    work.input.resize((FirstLayer::rows(features_) + PADDING) * GROUPS);
    for (auto* buffer : {&work.first, &work.second, &work.residual})
      buffer->resize((width_ + PADDING) * GROUPS);
  }

  // Normalises the features of one group in place; room for one more follows them, and it is zero.
  void take(Floats* features, int group, Workspace& work) const {
    for (int k = 0; k < features_; ++k) features[k] = features[k] * scale_[k] + shift_[k];
    FirstLayer::lay_out(features, features_, work.input + group);
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
  template <bool ADD, class Kind>
  static void layer(const Kind& dense, const Activation* in, Activation* out, Floats* residual) {
    dense.run(in, [=](int row, int group, Floats(&sums)[ROWS][COLUMNS]) {
#pragma GCC unroll 6
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
  FirstLayer first_;
  HiddenLayer* layers_;  // all but the first
  HiddenLayer form_;
  Buffer<float> scale_, shift_, head_, head_bias_;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
