// Polynomials in place of functions, of vectors (src/native) and of floats (the CUDA kernels).
//
// src/native/polynomials.py writes this file and measures the bounds: change it there.
#pragma once

#if defined(__CUDACC__)
#define RHOCAST_DEVICE __device__
#else
#define RHOCAST_DEVICE
#endif

// Beyond these |x| Φ counts as 0 or 1.
constexpr float NORMAL_CDF_END = 5.0f, NORMAL_CDF_SHORT_END = 3.7f;

// 2^x for |x| ≤ 1/2; relative error; to 4e-07.
template <class T>
RHOCAST_DEVICE inline T exp2_near_zero(T x) {
  const T v = x;
  T p = v * 0.0013362886f + 0.0096751931f;
  p = p * v + 0.055504437f;
  p = p * v + 0.24022125f;
  p = p * v + 0.69314716f;
  p = p * v + 1.0f;
  return p;
}

// log(1 + x) for 0 ≤ x ≤ 1; to 2e-07.
template <class T>
RHOCAST_DEVICE inline T log1p_to_one(T x) {
  const T v = x;
  T p = v * 0.0051622639f - 0.029226953f;
  p = p * v + 0.077780242f;
  p = p * v - 0.13626496f;
  p = p * v + 0.19089838f;
  p = p * v - 0.24839564f;
  p = p * v + 0.33318902f;
  p = p * v - 0.49999514f;
  p = p * v + 0.99999998f;
  return p * x;
}

// Φ(x) for |x| ≤ NORMAL_CDF_END, exact at the ends; error times |x|; to 1e-05.
template <class T>
RHOCAST_DEVICE inline T normal_cdf(T x) {
  const T v = x * x * 0.08f - 1.0f;
  T p = v * 0.0022414023f - 0.00626588096f;
  p = p * v + 0.00709729646f;
  p = p * v - 0.00835182487f;
  p = p * v + 0.0154923384f;
  p = p * v - 0.0242021673f;
  p = p * v + 0.0317604453f;
  p = p * v - 0.0403219535f;
  p = p * v + 0.0514863745f;
  p = p * v - 0.0703003557f;
  p = p * v + 0.141364325f;
  return x * p + 0.5f;
}

// Φ(x) for |x| ≤ NORMAL_CDF_SHORT_END, exact at the ends; error times |x|; to 5e-04.
template <class T>
RHOCAST_DEVICE inline T normal_cdf_short(T x) {
  const T v = x * x;
  T p = v * -4.8995281e-07f + 2.6887921e-05f;
  p = p * v - 0.00061748916f;
  p = p * v + 0.0078486111f;
  p = p * v - 0.062587462f;
  p = p * v + 0.39647484f;
  return x * p + 0.5f;
}
