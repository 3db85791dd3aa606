// The network on tensor cores: method.md, Eq. 25 to 27, 30 and 31.

// x Φ(x), the exact GELU: method.md, Eq. 26.
__device__ inline float gelu(float x) {
  return x * normal_cdf(fminf(fmaxf(x, -NORMAL_CDF_END), NORMAL_CDF_END));
}

// The network's products are those of tensor cores, which take bfloat16. A number is the sum of two
// of these, to 2⁻¹⁷; of the four products of two such sums the smallest is left out, 2⁻¹⁶. The 32
// lanes of a warp take 16 points together, and lane 4 g + t holds
//
//   of 8 outputs, those of number 2 t and 2 t + 1, of point g, then of point g + 8;
//   of 16 inputs, those of number 2 t and 2 t + 1, of points g and g + 8, then 2 t + 8 and 2 t + 9:
//   twice 8 outputs are 16 inputs of the next layer where they are;
//   of the weights of 16 inputs and 8 outputs, those of the same inputs and output g.
//
// On a GPU a thread is a lane; a processor in its place is all of them.
#ifdef __CUDA_ARCH__
#define LANES 1
#else
#define LANES 32
#endif

// Lane of a thread's own number.
__device__ inline int lane_of(int own) { return threadIdx.x % 32 + own; }

// Inputs in steps of 16: pairs of numbers of bfloat16, and what these leave over.
template <int STEPS>
struct Inputs {
  unsigned high[STEPS][LANES][4], low[STEPS][LANES][4];
};

// Outputs in tiles of 8.
template <int TILES>
struct Outputs {
  float values[TILES][LANES][4];
};

// Rounded to bfloat16; what is no number stays none.
__device__ inline unsigned upper_half(float x) {
  return x == x ? (__float_as_uint(x) + 0x8000u) & 0xffff0000u : 0x7fc00000u;
}

__device__ inline void split(float x, float y, unsigned& high, unsigned& low) {
  const unsigned first = upper_half(x), second = upper_half(y);
  high = first >> 16 | second;
  low = upper_half(x - __uint_as_float(first)) >> 16 | upper_half(y - __uint_as_float(second));
}

// outputs += inputs × weights.
__device__ inline void multiply(const unsigned (*inputs)[4], const unsigned (*weights)[2],
                                float (*outputs)[4]) {
#ifdef __CUDA_ARCH__
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(outputs[0][0]), "+f"(outputs[0][1]), "+f"(outputs[0][2]), "+f"(outputs[0][3])
      : "r"(inputs[0][0]), "r"(inputs[0][1]), "r"(inputs[0][2]), "r"(inputs[0][3]),
        "r"(weights[0][0]), "r"(weights[0][1]));
#else
  const auto half = [](unsigned pair, int i) {
    return __uint_as_float(i == 0 ? pair << 16 : pair & 0xffff0000u);
  };
  for (int lane = 0; lane < LANES; ++lane)
    for (int at = 0; at < 4; ++at) {
      const int output = 2 * (lane % 4) + at % 2;
      for (int input = 0; input < 16; ++input) {
        const int t = input / 2 % 4, later = input / 8;
        outputs[lane][at] += half(inputs[lane / 4 * 4 + t][at / 2 + 2 * later], input % 2) *
                             half(weights[4 * output + t][later], input % 2);
      }
    }
#endif
}

// Adds up what the four lanes of a point hold.
__device__ inline void add_up(float (*values)[2]) {
#ifdef __CUDA_ARCH__
  for (int other = 1; other < 4; other *= 2)
    for (int half = 0; half < 2; ++half)
      values[0][half] += __shfl_xor_sync(0xffffffffu, values[0][half], other);
#else
  for (int lane = 0; lane < LANES; lane += 4)
    for (int half = 0; half < 2; ++half)
      for (int other = 1; other < 4; ++other) values[lane][half] += values[lane + other][half];
#endif
}

// A layer: bias, then the weights of each step and tile. Returns where the next layer's begin.
template <int STEPS, int TILES>
__device__ inline const uint4* dense(const Inputs<STEPS>& in, const uint4* layer,
                                     Outputs<TILES>& out) {
  const float* const bias = reinterpret_cast<const float*>(layer);
  layer += 2 * TILES;
#pragma unroll
  for (int tile = 0; tile < TILES; ++tile)
    for (int own = 0; own < LANES; ++own)
#pragma unroll
      for (int at = 0; at < 4; ++at)
        out.values[tile][own][at] = bias[8 * tile + 2 * (lane_of(own) % 4) + at % 2];
#pragma unroll
  for (int step = 0; step < STEPS; ++step)
#pragma unroll
    for (int tile = 0; tile < TILES; ++tile, layer += 32) {
      unsigned high[LANES][2], low[LANES][2];
      for (int own = 0; own < LANES; ++own) {
        const uint4 w = layer[lane_of(own)];
        high[own][0] = w.x;
        high[own][1] = w.y;
        low[own][0] = w.z;
        low[own][1] = w.w;
      }
      multiply(in.high[step], high, out.values[tile]);
      multiply(in.low[step], high, out.values[tile]);
      multiply(in.high[step], low, out.values[tile]);
    }
  return layer;
}

template <int TILES>
__device__ inline void activate(Outputs<TILES>& outputs) {
#pragma unroll
  for (int tile = 0; tile < TILES; ++tile)
    for (int own = 0; own < LANES; ++own)
#pragma unroll
      for (int at = 0; at < 4; ++at)
        outputs.values[tile][own][at] = gelu(outputs.values[tile][own][at]);
}

// Outputs as inputs of the next layer.
template <int STEPS>
__device__ inline void pass(const Outputs<2 * STEPS>& outputs, Inputs<STEPS>& inputs) {
#pragma unroll
  for (int step = 0; step < STEPS; ++step)
    for (int own = 0; own < LANES; ++own)
#pragma unroll
      for (int at = 0; at < 4; ++at) {
        const float* const pair = outputs.values[2 * step + at / 2][own] + 2 * (at % 2);
        split(pair[0], pair[1], inputs.high[step][own][at], inputs.low[step][own][at]);
      }
}

// Fields at the points of bricks from first_brick on; `layer` is the first one of all. Warps are
// whole: 16 divides the points.
extern "C" __global__ void __launch_bounds__(POINTS)
    run_network(int n, const Box* box_at, int first_brick, const float* features, int n_points,
                const uint4* layer, float target_std, float min_std, float* density,
                float* aleatoric, float* epistemic) {
  constexpr int ENTRY = (FEATURES + 15) / 16, STEPS = (WIDTH + 15) / 16, EXIT = (OUTPUTS + 7) / 8;
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= n || threadIdx.x % LANES != 0) return;
  const int first_point = thread / 32 * 16;
  Inputs<ENTRY> entry;
#pragma unroll
  for (int step = 0; step < ENTRY; ++step)
    for (int own = 0; own < LANES; ++own)
#pragma unroll
      for (int at = 0; at < 4; ++at) {
        const int feature = 16 * step + 2 * (lane_of(own) % 4) + at / 2 * 8;
        const float* const here =
            features + feature * n_points + first_point + lane_of(own) / 4 + at % 2 * 8;
        const float x = feature < FEATURES ? here[0] : 0.0f;
        const float y = feature + 1 < FEATURES ? here[n_points] : 0.0f;
        split(x, y, entry.high[step][own][at], entry.low[step][own][at]);
      }
  // What enters and leaves blocks.
  Outputs<2 * STEPS> stream;
  layer = dense(entry, layer, stream);
  activate(stream);
  Inputs<STEPS> in;
  for (int block = 0; block < BLOCKS; ++block) {
    Outputs<2 * STEPS> out;
#pragma unroll
    for (int i = 0; i < LAYERS; ++i) {
      pass(i == 0 ? stream : out, in);
      layer = dense(in, layer, out);
      activate(out);
    }
#pragma unroll
    for (int tile = 0; tile < 2 * STEPS; ++tile)
      for (int own = 0; own < LANES; ++own)
#pragma unroll
        for (int at = 0; at < 4; ++at) stream.values[tile][own][at] += out.values[tile][own][at];
  }
  Outputs<EXIT> found;
  pass(stream, in);
  dense(in, layer, found);
  float variance[LANES][2];
  for (int own = 0; own < LANES; ++own)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      variance[own][half] = 0.0f;
#pragma unroll
      for (int tile = 0; tile < EXIT; ++tile) {
        const float* const pair = found.values[tile][own] + 2 * half;
        if (tile > 0 || lane_of(own) % 4 > 0)
          variance[own][half] += pair[0] * pair[0] + pair[1] * pair[1];
      }
    }
  add_up(variance);
  for (int own = 0; own < LANES; ++own) {
    if (lane_of(own) % 4 > 0) continue;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int point = first_point + lane_of(own) / 4 + 8 * half;
      const Place place(point % POINTS);
      const int brick = first_brick + point / POINTS;
      const int at = in_box(*box_at, brick, place.i, place.j, place.k);
      if (at < 0) continue;
      const float* const pair = found.values[0][own] + 2 * half;
      density[at] = pair[0];
      if (aleatoric != nullptr) {
        const float softplus = fmaxf(pair[1], 0.0f) + log1pf(expf(-fabsf(pair[1])));
        aleatoric[at] = target_std * (softplus + min_std);
      }
      if (epistemic != nullptr) epistemic[at] = sqrtf(variance[own][half]);
    }
  }
}
