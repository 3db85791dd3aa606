// Multiply-adds on registers alone: what no kernel can surpass.
#pragma once

#include <ctime>

#include "amx.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

constexpr int CHAINS = REGISTERS == 32 ? 20 : 12;  // more than latency times throughput

// Runs step(sums) in batches for about `seconds` of CPU time; the best rate of a batch, GFLOP/s.
template <class Step>
inline double best_rate(double seconds, double flop_per_step, Step step) {
  constexpr int STEPS = 200000;
  Floats sums[CHAINS] = {};
  double best = 0.0, spent = 0.0;
  while (spent < seconds) {
    timespec start, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    for (int i = 0; i < STEPS; ++i) step(sums);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    const double time = (end.tv_sec - start.tv_sec) + 1e-9 * (end.tv_nsec - start.tv_nsec);
    const double rate = 1e-9 * STEPS * flop_per_step / time;
    best = rate > best ? rate : best;
    spent += time;
  }
  volatile float sink = 0.0f;  // so that the sums are wanted
  for (int i = 0; i < CHAINS; ++i) sink = sink + sums[i][0];
  return best;
}

inline double fp32_peak(double seconds) {
  volatile float one = 0.999f;
  const Floats a = splat(one), b = splat(one * 1e-3f);
  return best_rate(seconds, 2.0 * CHAINS * LANES, [=](Floats(&sums)[CHAINS]) {
#pragma GCC unroll 20
    for (int i = 0; i < CHAINS; ++i) sums[i] = sums[i] * a + b;
  });
}

inline double bf16_peak(double seconds) {
#if defined(__AMX_BF16__)
  const MatrixRegisters registers;
  return best_rate(seconds, 4.0 * 2 * SIDE * SIDE * 2 * SIDE, [](Floats(&)[CHAINS]) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 6);
    _tile_dpbf16ps(2, 4, 7);
    _tile_dpbf16ps(3, 4, 5);
  });
#elif defined(__AVX512BF16__)
  volatile float one = 1.0f;
  const __m512bh a = (__m512bh)_mm512_set1_ps(one);
  return best_rate(seconds, 4.0 * CHAINS * LANES, [=](Floats(&sums)[CHAINS]) {
#pragma GCC unroll 20
    for (int i = 0; i < CHAINS; ++i) sums[i] = (Floats)_mm512_dpbf16_ps((__m512)sums[i], a, a);
  });
#else
  return seconds * 0.0;
#endif
}

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
