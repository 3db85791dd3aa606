// A model at the points of a mesh, on a GPU: a thread for every point, or every column of points.
//
// There is no shared memory: the sums of a point are in registers. No thread knows of any other, but
// for the network's. All is single precision, but for the way from a centre to an atom, and the
// network's products, see there. The third lattice vector points along z, so that points of a column
// have x and y in common. Sizes are macros, compiled in for one model:
//
//   SPECIES                                    of the model
//   RADIAL, DEGREE, GROUP                      of the sums; radial functions of one launch
//   POLE_RADIAL, POLE_DEGREE                   of the multipoles; 0, 0 without
//   POLE_INDUCING                              n' of what induces them: POLE_RADIAL or two times that
//   INTERVALS                                  of the pseudo-atoms' splines; 0 without
//   FEATURES, WIDTH, BLOCKS, LAYERS            of the network
//   OUTPUTS                                    mean, raw deviation, rows of the form L
//
// Harmonics carry Ferrers' normalisation here, P_lm (cos, sin) mφ with P_mm = (2m − 1)!!, and
// `weights` is the square of what makes them Racah's: one factor for a product of two.

// A brick: 4 × 4 × COLUMN points. Neighbouring threads are 4 × 4 × 2 of them.
#define SIDE 4
#define COLUMN 8
#define POINTS (SIDE * SIDE * COLUMN)
#define MEMBERS ((DEGREE + 1) * (DEGREE + 1))
#define POLES ((POLE_DEGREE + 1) * (POLE_DEGREE + 1))
// Floats that the multipoles of one n take: whole vectors.
#define POLE_STRIDE ((POLES + 3) / 4 * 4)

// From a centre to an atom, Bohr; which atom it is.
struct __align__(16) Near {
  float x, y, z;
  int atom;
};

// Points of a box of the mesh and the bricks that cover it; steps between points along the lattice
// vectors, of which the third is along z, Bohr.
struct Box {
  int shape[3], bricks[3];
  float steps[9];
};

// P_lm = Σ_k terms[l][m][k] z^(l − m − 2k) (x² + y²)^k, and `weights`.
template <int L>
struct Legendre {
  float terms[L + 1][L + 1][L / 2 + 1], weights[L + 1][L + 1];

  __host__ __device__ constexpr Legendre() : terms(), weights() {
    double exact[L + 1][L + 1][L / 2 + 1] = {};
    double first = 1.0;
    for (int m = 0; m <= L; ++m) {
      if (m > 0) first *= 2 * m - 1;
      for (int l = m; l <= L; ++l) {
        for (int k = 0; 2 * k <= l - m; ++k) {
          double term = l == m ? first : (2 * l - 1) * exact[l - 1][m][k];
          if (l > m + 1)
            term -= (l + m - 1) * (exact[l - 2][m][k] + (k > 0 ? exact[l - 2][m][k - 1] : 0.0));
          exact[l][m][k] = l == m ? term : term / (l - m);
          terms[l][m][k] = static_cast<float>(exact[l][m][k]);
        }
        double ratio = m > 0 ? 2.0 : 1.0;
        for (int i = l - m + 1; i <= l + m; ++i) ratio /= i;
        weights[l][m] = static_cast<float>(ratio);
      }
    }
  }
};

template <int L>
__device__ constexpr Legendre<L> LEGENDRE{};

// h[l² + l ± m] = r^l P_lm (cos, sin) mφ.
template <int L>
__device__ inline void harmonics(float x, float y, float z, float square, float* h) {
  float cosine = 1.0f, sine = 0.0f, first = 1.0f;
#pragma unroll
  for (int m = 0; m <= L; ++m) {
    float before = 0.0f, here = first;
#pragma unroll
    for (int l = m; l <= L; ++l) {
      if (l > m) {
        const float next = (static_cast<float>(2 * l - 1) / (l - m)) * z * here -
                           (static_cast<float>(l + m - 1) / (l - m)) * square * before;
        before = here;
        here = next;
      }
      if (m > 0) h[l * l + l - m] = here * sine;
      h[l * l + l + m] = here * cosine;
    }
    const float turned = x * cosine - y * sine;
    sine = x * sine + y * cosine;
    cosine = turned;
    first *= 2 * m + 1;
  }
}

// (1 − x² / R²)₊^8
__device__ inline float radial(float square, float inverse) {
  float value = fmaxf(1.0f - square * inverse, 0.0f);
  value *= value;
  value *= value;
  return value * value;
}

// Four at a time.
__device__ inline void load(const float* from, float* four) {
  const float4 v = *reinterpret_cast<const float4*>(from);
  four[0] = v.x;
  four[1] = v.y;
  four[2] = v.z;
  four[3] = v.w;
}

// ---- Who is near whom ---------------------------------------------------------------------------

// Counts the atoms of a chunk within reach of a centre; with `near`, also writes them.
__device__ inline int within(const double* centre, double reach, const double* atoms, int first,
                             int end, Near* near) {
  int count = 0;
  for (int atom = first; atom < end; ++atom) {
    const float x = static_cast<float>(atoms[3 * atom] - centre[0]);
    const float y = static_cast<float>(atoms[3 * atom + 1] - centre[1]);
    const float z = static_cast<float>(atoms[3 * atom + 2] - centre[2]);
    if (x * x + y * y + z * z < static_cast<float>(reach * reach)) {
      if (near != nullptr) near[count] = Near{x, y, z, atom};
      ++count;
    }
  }
  return count;
}

// counts[centre][chunk]; the bounds of chunk c are bounds[c] and bounds[c + 1]. Neighbouring threads
// look at the same atoms.
extern "C" __global__ void count_near(int n, const double* centres, double reach,
                                      const double* atoms, const int* bounds, int chunks,
                                      int* counts) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= n) return;
  const int centre = thread % (n / chunks), chunk = thread / (n / chunks);
  counts[centre * chunks + chunk] = within(centres + 3 * centre, reach, atoms, bounds[chunk],
                                           bounds[chunk + 1], nullptr);
}

// The same, written from starts[centre][chunk] on.
extern "C" __global__ void list_near(int n, const double* centres, double reach,
                                     const double* atoms, const int* bounds, int chunks,
                                     const int* starts, Near* near) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= n) return;
  const int centre = thread % (n / chunks), chunk = thread / (n / chunks);
  within(centres + 3 * centre, reach, atoms, bounds[chunk], bounds[chunk + 1],
         near + starts[centre * chunks + chunk]);
}

// ---- What neighbours induce in an atom ----------------------------------------------------------

#if POLE_RADIAL > 0

// moments[centre][n][species][l² + l ± m] of the atoms around an atom, `which`.
extern "C" __global__ void pole_moments(int n, const int* which, const Near* near,
                                        const int* starts, int chunks, const int* species_chunks,
                                        const float* inverses, float* moments) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= n) return;
  const int species = thread % SPECIES;
  const int k = thread / SPECIES % POLE_RADIAL;
  const int centre = thread / (SPECIES * POLE_RADIAL);
  const int* const own = starts + centre * chunks;
  const int itself = which[centre];
  const float inverse = inverses[k];
  float sums[POLES] = {};
  for (int i = own[species_chunks[species]]; i < own[species_chunks[species + 1]]; ++i) {
    const Near a = near[i];
    const float square = a.x * a.x + a.y * a.y + a.z * a.z;
    const float value = radial(square, inverse);
    if (value == 0.0f || a.atom == itself) continue;
    float h[POLES];
    harmonics<POLE_DEGREE>(a.x, a.y, a.z, square, h);
#pragma unroll
    for (int m = 0; m < POLES; ++m) sums[m] += value * h[m];
  }
#pragma unroll
  for (int m = 0; m < POLES; ++m) moments[thread * POLES + m] = sums[m];
}

// poles[atom][n][l² + l ± m] = Σ_n' Σ_s coefficients[kind][l][n][n'][s] moments[centre][n'][s][…];
// those of the second half of n' times how far the atoms around are from the usual.
extern "C" __global__ void induce(int n, const int* which, const int* kinds, const float* moments,
                                  const float* coefficients, float usual_sum, float* poles) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= n) return;
  const int member = thread % POLES;
  const int k = thread / POLES % POLE_RADIAL;
  const int centre = thread / (POLES * POLE_RADIAL);
  int l = 0;
  while ((l + 1) * (l + 1) <= member) ++l;
  const int turn = member - l * l - l;
  constexpr int many = POLE_RADIAL * SPECIES;
  const int atom = which[centre];
  const float* const row =
      coefficients +
      ((kinds[atom] * (POLE_DEGREE + 1) + l) * POLE_RADIAL + k) * POLE_INDUCING * SPECIES;
  const float* const own = moments + centre * many * POLES;
  float sum = 0.0f;
  for (int i = 0; i < many; ++i) sum += row[i] * own[i * POLES + member];
#if POLE_INDUCING > POLE_RADIAL
  float around = 0.0f, more = 0.0f;
  for (int s = 0; s < SPECIES; ++s) around += own[(many - SPECIES + s) * POLES];
  for (int i = 0; i < many; ++i) more += row[many + i] * own[i * POLES + member];
  sum += (around / usual_sum - 1.0f) * more;
#endif
  poles[(atom * POLE_RADIAL + k) * POLE_STRIDE + member] =
      sum * LEGENDRE<POLE_DEGREE>.weights[l][turn < 0 ? -turn : turn];
}

#endif

// ---- Points -------------------------------------------------------------------------------------

// A point's place within its brick.
struct Place {
  int i, j, k;
  __device__ explicit Place(int point)
      : i(point / 8 % 4), j(point / 2 % 4), k(point / 32 * 2 + point % 2) {}
};

// Where a point of a brick is in the box, in C order; -1 where it sticks out.
__device__ inline int in_box(const Box& box, int brick, int i, int j, int k) {
  const int x = brick / (box.bricks[1] * box.bricks[2]) * SIDE + i;
  const int y = brick / box.bricks[2] % box.bricks[1] * SIDE + j;
  const int z = brick % box.bricks[2] * COLUMN + k;
  const bool inside = x < box.shape[0] && y < box.shape[1] && z < box.shape[2];
  return inside ? (x * box.shape[1] + y) * box.shape[2] + z : -1;
}

// From the centre of a brick to one of its points.
__device__ inline float offset(const Box& box, int axis, int i, int j, int k) {
  return (i - 0.5f * (SIDE - 1)) * box.steps[axis] + (j - 0.5f * (SIDE - 1)) * box.steps[3 + axis] +
         (k - 0.5f * (COLUMN - 1)) * box.steps[6 + axis];
}

// sums[n][l² + l ± m][point] of the atoms of one species, in chunks from `first` to `end`, for
// GROUP radial functions. Points are those of bricks from first_brick on.
extern "C" __global__ void __launch_bounds__(POINTS)
    sum_atoms(int n, const Box* box_at, int first_brick, const Near* near, const int* starts,
              int chunks, int first, int end, const float* inverses, int n_radial, float* sums) {
  const int point = blockIdx.x * blockDim.x + threadIdx.x;
  if (point >= n) return;
  const Box& box = *box_at;
  const Place place(point % POINTS);
  const float x0 = offset(box, 0, place.i, place.j, place.k);
  const float y0 = offset(box, 1, place.i, place.j, place.k);
  const float z0 = offset(box, 2, place.i, place.j, place.k);
  const int* const own = starts + (first_brick + point / POINTS) * chunks;
  float inverse[GROUP], total[GROUP][MEMBERS] = {};
#pragma unroll
  for (int k = 0; k < GROUP; ++k) inverse[k] = inverses[k < n_radial ? k : n_radial - 1];
  for (int i = own[first]; i < own[end]; ++i) {
    const Near a = near[i];
    const float x = a.x - x0, y = a.y - y0, z = a.z - z0;
    const float square = x * x + y * y + z * z;
    if (square * inverse[GROUP - 1] >= 1.0f) continue;
    float h[MEMBERS];
    harmonics<DEGREE>(x, y, z, square, h);
#pragma unroll
    for (int k = 0; k < GROUP; ++k) {
      const float value = radial(square, inverse[k]);
      if (value > 0.0f) {
#pragma unroll
        for (int m = 0; m < MEMBERS; ++m) total[k][m] += value * h[m];
      }
    }
  }
#pragma unroll
  for (int k = 0; k < GROUP; ++k)
    if (k < n_radial)
#pragma unroll
      for (int m = 0; m < MEMBERS; ++m) sums[(k * MEMBERS + m) * n + point] = total[k][m];
}

#if INTERVALS > 0

// Adds the pseudo-atoms to the densities of a column. splines[species][interval] are the powers of
// the place within an interval, zero in the last one.
extern "C" __global__ void __launch_bounds__(POINTS)
    add_baseline(int n, const Box* box_at, int first_brick, const Near* near, const int* starts,
                 int chunks, const int* species_chunks, const float4* splines,
                 float inverse_interval, float cutoff_square, const float* inverses,
                 const float* poles, float* density) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= n) return;
  const Box& box = *box_at;
  const int brick = first_brick + column / (SIDE * SIDE);
  const int i = column / SIDE % SIDE, j = column % SIDE;
  const float x0 = offset(box, 0, i, j, 0), y0 = offset(box, 1, i, j, 0);
  const float z0 = offset(box, 2, i, j, 0), step = box.steps[8];
  float sums[COLUMN] = {};
  const int* const own = starts + brick * chunks;
  for (int species = 0; species < SPECIES; ++species) {
    const float4* const spline = splines + species * (INTERVALS + 1);
    for (int at = own[species_chunks[species]]; at < own[species_chunks[species + 1]]; ++at) {
      const Near a = near[at];
      const float x = a.x - x0, y = a.y - y0, z = a.z - z0;
      const float aside = x * x + y * y;
      const float away = fmaxf(fmaxf(z - (COLUMN - 1) * step, -z), 0.0f);
      const float nearest = aside + away * away;
      if (nearest < cutoff_square) {
#pragma unroll
        for (int p = 0; p < COLUMN; ++p) {
          const float height = z - p * step;
          const float t = sqrtf(aside + height * height) * inverse_interval;
          const int interval = t < INTERVALS ? static_cast<int>(t) : INTERVALS;
          const float4 c = spline[interval];
          const float u = t - interval;
          sums[p] += c.x + u * (c.y + u * (c.z + u * c.w));
        }
      }
#if POLE_RADIAL > 0
      if (nearest * inverses[POLE_RADIAL - 1] >= 1.0f) continue;
      // (x + iy)^m, and the powers of x² + y².
      float cosines[POLE_DEGREE + 1], sines[POLE_DEGREE + 1], powers[POLE_DEGREE / 2 + 1];
      cosines[0] = powers[0] = 1.0f;
      sines[0] = 0.0f;
#pragma unroll
      for (int m = 1; m <= POLE_DEGREE; ++m) {
        cosines[m] = x * cosines[m - 1] - y * sines[m - 1];
        sines[m] = x * sines[m - 1] + y * cosines[m - 1];
      }
#pragma unroll
      for (int k = 1; k <= POLE_DEGREE / 2; ++k) powers[k] = aside * powers[k - 1];
      for (int k = POLE_RADIAL - 1; k >= 0 && nearest * inverses[k] < 1.0f; --k) {
        // Σ_lm of this column is a polynomial in z.
        float q[POLE_STRIDE];
#pragma unroll
        for (int four = 0; four < POLE_STRIDE; four += 4)
          load(poles + (a.atom * POLE_RADIAL + k) * POLE_STRIDE + four, q + four);
        float terms[POLE_DEGREE + 1] = {};
#pragma unroll
        for (int l = 0; l <= POLE_DEGREE; ++l)
#pragma unroll
          for (int m = 0; m <= l; ++m) {
            const int middle = l * l + l;
            float turned = q[middle + m] * cosines[m];
            if (m > 0) turned += q[middle - m] * sines[m];
#pragma unroll
            for (int s = 0; 2 * s <= l - m; ++s)
              terms[l - m - 2 * s] += turned * (LEGENDRE<POLE_DEGREE>.terms[l][m][s] * powers[s]);
          }
#pragma unroll
        for (int p = 0; p < COLUMN; ++p) {
          const float height = z - p * step;
          float value = terms[POLE_DEGREE];
#pragma unroll
          for (int power = POLE_DEGREE - 1; power >= 0; --power)
            value = value * height + terms[power];
          sums[p] += radial(aside + height * height, inverses[k]) * value;
        }
      }
#endif
    }
  }
#pragma unroll
  for (int p = 0; p < COLUMN; ++p) {
    const int at = in_box(box, brick, i, j, p);
    if (at >= 0) density[at] += sums[p];
  }
}

#endif

// ---- Network ------------------------------------------------------------------------------------

// x Φ(x), the exact GELU; 1e-5. The polynomial of src/native/network.hpp: this file stands alone.
__device__ inline float gelu(float x) {
  const float c = fminf(fmaxf(x, -5.0f), 5.0f);
  const float v = c * c * 0.08f - 1.0f;
  float p = 2.24140230e-03f;
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

// The sums of all species at a point, and those of one.
struct Sums {
  const float* values;
  int n_points, point;

  __device__ float own(int species, int k, int member) const {
    return values[((species * RADIAL + k) * MEMBERS + member) * n_points + point];
  }

  __device__ float total(int k, int member) const {
    float sum = own(0, k, member);
#pragma unroll
    for (int species = 1; species < SPECIES; ++species) sum += own(species, k, member);
    return sum;
  }
};

// Calls take(feature, value) for every feature, in the order of `rhocast.descriptors.smooth`.
template <class Take>
__device__ inline void for_each_feature(const Sums& sums, const Take& take) {
  constexpr int pairs = RADIAL * (RADIAL + 1) / 2;
  int pair = RADIAL;
  for (int k = 0; k < RADIAL; ++k) {
    float here[MEMBERS];
#pragma unroll
    for (int m = 0; m < MEMBERS; ++m) here[m] = sums.total(k, m);
    take(k, here[0]);
    // With itself and all further ones, then with what tells each species but the last.
    for (int other = k; other < RADIAL + SPECIES - 1; ++other) {
      const int species = other - RADIAL;
      float products[DEGREE + 1];
#pragma unroll
      for (int l = 0; l <= DEGREE; ++l) {
        float sum = 0.0f;
#pragma unroll
        for (int m = -l; m <= l; ++m) {
          const int member = l * l + l + m;
          float value;
          if (species < 0)
            value = sums.total(other, member);
          else
            value = sums.own(species, k, member) - here[member] * (1.0f / SPECIES);
          if (l == 0)
            sum = value;
          else
            sum += LEGENDRE<DEGREE>.weights[l][m < 0 ? -m : m] * here[member] * value;
        }
        products[l] = sum;
      }
      const int contrast = RADIAL + DEGREE * pairs + species * RADIAL * (DEGREE + 1);
      if (species >= 0) take(contrast + k, products[0]);
#pragma unroll
      for (int l = 1; l <= DEGREE; ++l)
        take(species < 0 ? pair + (l - 1) * pairs : contrast + l * RADIAL + k, products[l]);
      if (species < 0) ++pair;
    }
  }
}

// features[feature][point], normalised.
extern "C" __global__ void __launch_bounds__(POINTS)
    make_features(int n, const float* sums, const float* scale, const float* shift,
                  float* features) {
  const int point = blockIdx.x * blockDim.x + threadIdx.x;
  if (point >= n) return;
  for_each_feature(Sums{sums, n, point}, [&](int feature, float value) {
    features[feature * n + point] = value * scale[feature] + shift[feature];
  });
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
