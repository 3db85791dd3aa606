// Vectors of floats as wide as the instruction set that this file is compiled for.
//
// Everything here has internal linkage: were two variants to share one inline function, the linker
// could keep the one that needs the newer processor.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16, REGISTERS = 32;
#elif defined(__AVX2__)
constexpr int LANES = 8, REGISTERS = 16;
#elif defined(__aarch64__)
constexpr int LANES = 4, REGISTERS = 32;
#else
constexpr int LANES = 4, REGISTERS = 16;
#endif
#if defined(__AVX512BF16__)
constexpr bool BF16 = true;
#else
constexpr bool BF16 = false;
#endif

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef std::int32_t Ints __attribute__((vector_size(4 * LANES)));

inline Floats splat(float x) { return x - Floats{}; }

inline Floats load(const float* p) {
  Floats v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline Floats max(Floats a, Floats b) {
#if defined(__AVX512F__)
  return (Floats)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Floats)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}

inline Floats min(Floats a, Floats b) {
#if defined(__AVX512F__)
  return (Floats)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Floats)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return a < b ? a : b;
#endif
}

inline Floats sqrt(Floats a) {
#if defined(__AVX512F__)
  return (Floats)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX2__)
  return (Floats)_mm256_sqrt_ps((__m256)a);
#else
  for (int i = 0; i < LANES; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
#endif
}

// x − origin for each x, rounded once.
inline Floats offset(const double* x, double origin) {
#if defined(__AVX512F__)
  const __m512d o = _mm512_set1_pd(origin);
  const __m256 low = _mm512_cvtpd_ps(_mm512_sub_pd(_mm512_loadu_pd(x), o));
  const __m256 high = _mm512_cvtpd_ps(_mm512_sub_pd(_mm512_loadu_pd(x + 8), o));
  return (Floats)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
#elif defined(__AVX2__)
  const __m256d o = _mm256_set1_pd(origin);
  const __m128 low = _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_loadu_pd(x), o));
  const __m128 high = _mm256_cvtpd_ps(_mm256_sub_pd(_mm256_loadu_pd(x + 4), o));
  return (Floats)_mm256_set_m128(high, low);
#else
  Floats offsets;
  for (int i = 0; i < LANES; ++i) offsets[i] = static_cast<float>(x[i] - origin);
  return offsets;
#endif
}

// The same, in a register for whatever comes next: else what several products share would be read
// from memory for each of them.
inline Floats held(Floats a) {
#if defined(__AVX512F__)
  asm("" : "+v"(a));
#elif defined(__x86_64__)
  asm("" : "+x"(a));
#endif
  return a;
}

// A bit for each lane that is not 0 but −1, as comparisons give.
inline std::uint32_t bits(Ints a) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)a);
#elif defined(__AVX2__)
  return _mm256_movemask_ps((__m256)a);
#else
  std::uint32_t all = 0;
  for (int i = 0; i < LANES; ++i) all |= (a[i] & 1u) << i;
  return all;
#endif
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// Lanes whose bits are set, first those; for every set of bits.
struct Packing {
  std::uint8_t lanes[256][8] = {};
  constexpr Packing() {
    for (int set = 0; set < 256; ++set)
      for (int lane = 0, at = 0; lane < 8; ++lane)
        if (set >> lane & 1) lanes[set][at++] = static_cast<std::uint8_t>(lane);
  }
};
inline constexpr Packing PACKING;
#endif

// Writes first + lane for each lane whose bit is set to out, where there is room for a vector;
// returns how many there are. No branch: which bits are set nobody can foresee.
inline int pack_lanes(std::int32_t first, std::uint32_t set, std::int32_t* out) {
#if defined(__AVX512F__)
  const __m512i all = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i lanes = _mm512_maskz_compress_epi32(static_cast<__mmask16>(set), all);
  _mm512_storeu_si512(out, _mm512_add_epi32(lanes, _mm512_set1_epi32(first)));
#elif defined(__AVX2__)
  std::int64_t packed;
  std::memcpy(&packed, PACKING.lanes[set], sizeof packed);
  const __m256i lanes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(packed));
  _mm256_storeu_si256((__m256i*)out, _mm256_add_epi32(lanes, _mm256_set1_epi32(first)));
#else
  for (int lane = 0, at = 0; lane < LANES; ++lane) {
    out[at] = first + lane;
    at += set >> lane & 1;
  }
#endif
  return __builtin_popcount(set);
}

// Writes the lanes of values whose bits are set to out, likewise.
inline void pack_values(Floats values, std::uint32_t set, float* out) {
#if defined(__AVX512F__)
  _mm512_storeu_ps(out, _mm512_maskz_compress_ps(static_cast<__mmask16>(set), (__m512)values));
#elif defined(__AVX2__)
  std::int64_t packed;
  std::memcpy(&packed, PACKING.lanes[set], sizeof packed);
  const __m256i lanes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(packed));
  _mm256_storeu_ps(out, _mm256_permutevar8x32_ps((__m256)values, lanes));
#else
  for (int lane = 0, at = 0; lane < LANES; ++lane) {
    out[at] = values[lane];
    at += set >> lane & 1;
  }
#endif
}

// The sum of all lanes, by halves.
inline float sum_of(Floats lanes) {
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

// The sums of all lanes of each vector; `out` has room for a vector after them.
inline void sum_each(const Floats* vectors, int count, float* out) {
#if defined(__AVX512F__)
  for (int first = 0; first < count; first += LANES) {
    // Halves are added while vectors are put together, two by two.
    const auto at = [&](int i) { return (__m512)(first + i < count ? vectors[first + i] : Floats{}); };
    __m512 fours[4], pairs[2];
    for (int i = 0; i < 4; ++i) {
      const __m512 a = at(4 * i), b = at(4 * i + 1), c = at(4 * i + 2), d = at(4 * i + 3);
      const __m512d ab = (__m512d)_mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
      const __m512d cd = (__m512d)_mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
      fours[i] = _mm512_add_ps((__m512)_mm512_unpacklo_pd(ab, cd), (__m512)_mm512_unpackhi_pd(ab, cd));
    }
    const auto halves = [](__m512 a, __m512 b) {
      return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    };
    for (int i = 0; i < 2; ++i) pairs[i] = halves(fours[2 * i], fours[2 * i + 1]);
    _mm512_storeu_ps(out + first, halves(pairs[0], pairs[1]));
  }
#else
  for (int i = 0; i < count; ++i) out[i] = sum_of(vectors[i]);
#endif
}

inline Floats abs(Floats a) { return (Floats)((Ints)a & 0x7fffffff); }

#include "polynomials.h"

// 2^x for −126 ≤ x ≤ 0.
inline Floats exp2(Floats x) {
  const Floats shifted = x + 12582912.0f;  // 1.5 · 2^23: the sum's last bits hold x, rounded
  const Floats power = exp2_near_zero(x - (shifted - 12582912.0f));
  return (Floats)((Ints)power + ((Ints)shifted << 23));
}

constexpr float LOG2_E = 1.44269504f;

// log(1 + e^x).
inline Floats softplus(Floats x) {
  return max(x, Floats{}) + log1p_to_one(exp2(max(abs(x) * -LOG2_E, splat(-126.0f))));
}

// Memory that starts at a cache line; a vector of the standard library would not stay internal.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size) { resize(size); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  // Contents are zero afterwards.
  void resize(std::size_t size) {
    std::free(data_);
    const std::size_t bytes = (size * sizeof(T) + 63) / 64 * 64 + 64;
    data_ = static_cast<T*>(std::aligned_alloc(64, bytes));
    if (!data_) std::abort();
    std::memset(static_cast<void*>(data_), 0, bytes);
    size_ = size;
  }
  // Contents stay.
  void grow(std::size_t size) {
    Buffer before;
    before.data_ = data_;
    data_ = nullptr;
    const std::size_t kept = size_;
    resize(size);
    std::memcpy(static_cast<void*>(data_), before.data_, kept * sizeof(T));
  }
  void copy(const T* source, std::size_t size) {
    resize(size);
    std::memcpy(data_, source, size * sizeof(T));
  }
  std::size_t size() const { return size_; }
  operator T*() { return data_; }
  operator const T*() const { return data_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
