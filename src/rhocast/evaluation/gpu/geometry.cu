// A model at the points of a mesh, on a GPU: a thread for every point, or every column of points.
//
// The first of four files that are compiled as one: geometry.cu (what the others share, and who is
// near whom), features.cu, baseline.cu, network.cu. docs/method.md holds the
// equations.
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
// Harmonics carry Ferrers' normalisation here (method.md, Eq. 7), P_lm (cos, sin) mφ with
// P_mm = (2m − 1)!!. `weights` is the square of the factor that turns them into Racah's: a product
// of two harmonics takes it once.

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

// (1 − x² / R²)₊^8: method.md, Eq. 8.
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

// ---- Who is near whom ---------------------------------------------------------------------------

// Counts the atoms of a batch within reach of a centre; with `near`, also writes them.
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

// counts[centre][batch]; the bounds of batch c are bounds[c] and bounds[c + 1]. Neighbouring threads
// look at the same atoms.
extern "C" __global__ void count_near(int n, const double* centres, double reach,
                                      const double* atoms, const int* bounds, int batches,
                                      int* counts) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= n) return;
  const int centre = thread % (n / batches), batch = thread / (n / batches);
  counts[centre * batches + batch] = within(centres + 3 * centre, reach, atoms, bounds[batch],
                                           bounds[batch + 1], nullptr);
}

// The same, written from starts[centre][batch] on.
extern "C" __global__ void list_near(int n, const double* centres, double reach,
                                     const double* atoms, const int* bounds, int batches,
                                     const int* starts, Near* near) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= n) return;
  const int centre = thread % (n / batches), batch = thread / (n / batches);
  within(centres + 3 * centre, reach, atoms, bounds[batch], bounds[batch + 1],
         near + starts[centre * batches + batch]);
}
