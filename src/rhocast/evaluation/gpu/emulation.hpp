// What CUDA's compiler brings along, for the C++ compiler: the kernels follow this file.
//
// A launch is a loop over all threads, one after the other. LAUNCHABLE(kernel) leaves the address of
// that loop, a function of the kernel's own parameters, in the variable launch_kernel.
#include <cmath>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct Index {
  unsigned x;
};
static thread_local Index threadIdx, blockIdx;
static const Index blockDim{THREADS};

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

static unsigned __float_as_uint(float x) {
  unsigned y;
  std::memcpy(&y, &x, 4);
  return y;
}

static float __uint_as_float(unsigned x) {
  float y;
  std::memcpy(&y, &x, 4);
  return y;
}

template <auto kernel>
struct Launch;

template <class... Parameters, void (*kernel)(int, Parameters...)>
struct Launch<kernel> {
  static void run(int threads, Parameters... arguments) {
    for (int i = 0; i < threads; ++i) {
      blockIdx.x = i / THREADS;
      threadIdx.x = i % THREADS;
      kernel(threads, arguments...);
    }
  }
};

#define LAUNCHABLE(kernel)          \
  extern "C" {                      \
  auto launch_##kernel = &Launch<kernel>::run; \
  }
