// Sums over the atoms around a point (method.md, Eq. 10), and the features that the network reads
// (method.md, Eq. 11 to 13).

// sums[n][l² + l ± m][point] of the atoms of one species, in batches from `first` to `end`, for
// GROUP radial functions. Points are those of bricks from first_brick on.
extern "C" __global__ void __launch_bounds__(POINTS)
    sum_atoms(int n, const Box* box_at, int first_brick, const Near* near, const int* starts,
              int batches, int first, int end, const float* inverses, int n_radial, float* sums) {
  const int point = blockIdx.x * blockDim.x + threadIdx.x;
  if (point >= n) return;
  const Box& box = *box_at;
  const Place place(point % POINTS);
  const float x0 = offset(box, 0, place.i, place.j, place.k);
  const float y0 = offset(box, 1, place.i, place.j, place.k);
  const float z0 = offset(box, 2, place.i, place.j, place.k);
  const int* const own = starts + (first_brick + point / POINTS) * batches;
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
