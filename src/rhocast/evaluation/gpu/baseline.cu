// Pseudo-atoms, and the multipoles that neighbours induce in them: method.md, Eq. 16 to 23.

#if POLE_RADIAL > 0

// moments[centre][n][species][l² + l ± m] of the atoms around an atom, `which`.
extern "C" __global__ void pole_moments(int n, const int* which, const Near* near,
                                        const int* starts, int batches, const int* species_batches,
                                        const float* inverses, float* moments) {
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= n) return;
  const int species = thread % SPECIES;
  const int k = thread / SPECIES % POLE_RADIAL;
  const int centre = thread / (SPECIES * POLE_RADIAL);
  const int* const own = starts + centre * batches;
  const int itself = which[centre];
  const float inverse = inverses[k];
  float sums[POLES] = {};
  for (int i = own[species_batches[species]]; i < own[species_batches[species + 1]]; ++i) {
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

// poles[atom][n][l² + l ± m] = Σ_n' Σ_s coefficients[kind][l][n][n'][s] moments[centre][n'][s][…],
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

#if INTERVALS > 0

// Adds the pseudo-atoms to the corrections of a column, which fade where they are low. splines[species][interval] are the powers of
// the place within an interval, zero in the last one.
extern "C" __global__ void __launch_bounds__(POINTS)
    add_baseline(int n, const Box* box_at, int first_brick, const Near* near, const int* starts,
                 int batches, const int* species_batches, const float4* splines,
                 float inverse_interval, float cutoff_square, const float* inverses,
                 const float* poles, float inverse_fading, float* density) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= n) return;
  const Box& box = *box_at;
  const int brick = first_brick + column / (SIDE * SIDE);
  const int i = column / SIDE % SIDE, j = column % SIDE;
  const float x0 = offset(box, 0, i, j, 0), y0 = offset(box, 1, i, j, 0);
  const float z0 = offset(box, 2, i, j, 0), step = box.steps[8];
  float sums[COLUMN] = {};
  const int* const own = starts + brick * batches;
  for (int species = 0; species < SPECIES; ++species) {
    const float4* const spline = splines + species * (INTERVALS + 1);
    for (int at = own[species_batches[species]]; at < own[species_batches[species + 1]]; ++at) {
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
    if (at < 0) continue;
    if (inverse_fading > 0.0f) {
      const float t = fminf(fmaxf(sums[p] * inverse_fading, 0.0f), 1.0f);
      density[at] *= t * t * t * (10.0f + t * (6.0f * t - 15.0f));
    }
    density[at] += sums[p];
  }
}

#endif
