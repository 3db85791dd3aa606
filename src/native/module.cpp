// The Python module: checks shapes, copies models, lets go of the interpreter while it computes.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "atoms.hpp"
#include "model.hpp"
#include "variants.hpp"

namespace nb = nanobind;

namespace rhocast {

Engine::~Engine() = default;

#define RHOCAST_DECLARE(isa)                \
  namespace isa {                           \
  Engine* make_engine(const Model& model);  \
  Peaks measure_peaks(double seconds);      \
  Divide divide;                            \
  }
RHOCAST_VARIANTS(RHOCAST_DECLARE)

namespace {

struct Variant {
  const char* name;
  bool supported;
  Engine* (*make)(const Model&);
  Peaks (*peaks)(double);
  Divide* divide;
};

#if defined(__x86_64__)
// Linux gives the matrix registers, which make a thread's state larger, to processes that ask.
bool may_use_amx() {
#if defined(__linux__)
  constexpr unsigned TILE_AND_BF16 = 1u << 24 | 1u << 22;
  constexpr int REQUEST_STATE = 0x1023, MATRIX_REGISTERS = 18;
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & TILE_AND_BF16) != TILE_AND_BF16) return false;
  static const bool given = syscall(SYS_arch_prctl, REQUEST_STATE, MATRIX_REGISTERS) == 0;
  return given;
#else
  return false;
#endif
}
#endif

bool supports(const std::string& name) {
  if (name == "generic") return true;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (name == "avx2") return avx2;
  if (name == "avx512") return avx512;
  const bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
  if (name == "avx512_bf16") return bf16;
  if (name == "amx_bf16") return bf16 && may_use_amx();
#endif
  return false;
}

// Best first.
std::vector<Variant> variants() {
  std::vector<Variant> all;
#define RHOCAST_LIST(isa) \
  all.push_back({#isa, supports(#isa), isa::make_engine, isa::measure_peaks, isa::divide});
  RHOCAST_VARIANTS(RHOCAST_LIST)
  return all;
}

Variant find(const std::string& name) {
  for (const Variant& variant : variants())
    if (variant.name == name && variant.supported) return variant;
  throw std::invalid_argument("no kernels for the instruction set '" + name + "' here");
}

using Vector = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Matrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Splines = nb::ndarray<const float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Numbers = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Places = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Steps = nb::ndarray<const double, nb::shape<3, 3>, nb::c_contig, nb::device::cpu>;

void expect(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

Layer layer(const Matrix& weight, const Vector& bias, std::size_t inputs) {
  expect(weight.shape(1) == inputs, "layers: the inputs of one are not the outputs of the last");
  expect(bias.shape(0) == weight.shape(0), "layers: expected one bias for each output");
  return {static_cast<int>(inputs), static_cast<int>(weight.shape(0)), weight.data(), bias.data()};
}

struct Evaluator {
  std::unique_ptr<Engine> engine;
};

// What the kernel reads without looking: every place lies where there is one.
void check_products(const Numbers& numbers, const Places& places, const Vector& weights,
                    const Numbers& degrees, const Splines& coefficients, std::size_t species,
                    std::size_t radial, std::size_t multipole_degrees) {
  const std::size_t sums = numbers.shape(0) * multipole_degrees * multipole_degrees;
  std::size_t results = 0;
  for (std::size_t k = 0; k < degrees.shape(0); ++k) {
    const std::int32_t l = degrees(k);
    expect(l >= 0 && l < static_cast<std::int32_t>(multipole_degrees), "products: wrong degree");
    expect(k == 0 || degrees(k - 1) <= l, "products: degrees have to rise");
    results += 2 * l + 1;
  }
  for (std::size_t f = 0; f < numbers.shape(0); ++f)
    expect(numbers(f) >= 0 && numbers(f) < static_cast<std::int32_t>(radial), "products: wrong n");
  expect(places.shape(0) == weights.shape(0) && places.shape(1) == 3,
         "products: expected three places for each weight");
  const auto below = [](std::int32_t place, std::size_t end) {
    return place >= 0 && static_cast<std::size_t>(place) < end;
  };
  for (std::size_t e = 0; e < weights.shape(0); ++e)
    expect(below(places(e, 0), sums) && below(places(e, 1), sums) && below(places(e, 2), results),
           "products: no such place");
  if (degrees.shape(0) > 0)
    expect(coefficients.shape(0) == species && coefficients.shape(1) == radial &&
               coefficients.shape(2) == degrees.shape(0),
           "products: expected coefficients (species, radial, products)");
}

void make_evaluator(
    Evaluator* self, const std::string& isa, int species, int degree, Vector reaches,
    Vector scale, Vector shift, std::vector<Matrix> weights, std::vector<Vector> biases,
    int layers_per_block, float target_std, float min_std, std::optional<Matrix> form_weight,
    std::optional<Vector> form_bias, float baseline_reach,
    Splines splines, float fading_density, Vector multipole_reaches,
    nb::ndarray<const float, nb::ndim<5>, nb::c_contig, nb::device::cpu> coefficients,
    float multipole_usual_sum, Numbers product_numbers, Places product_places,
    Vector product_weights, Numbers product_degrees, Splines product_coefficients) {
  expect(species >= 1 && species <= MAX_SPECIES, "species: too many");
  expect(degree >= 0 && degree <= MAX_DEGREE, "degree: expected 0 to 8");
  const std::size_t n = reaches.shape(0);
  expect(n >= 1 && n <= MAX_RADIAL, "reaches: too many");
  const std::size_t features = n + degree * n * (n + 1) / 2 + (species - 1) * n * (1 + degree);
  expect(scale.shape(0) == features && shift.shape(0) == features, "features: wrong number");
  expect(weights.size() >= 2 && weights.size() == biases.size(), "layers: too few");
  expect(splines.shape(0) == static_cast<std::size_t>(species) && splines.shape(2) == 4,
         "splines: expected (species, intervals, 4)");
  const std::size_t poles = multipole_reaches.shape(0), degrees = coefficients.shape(2);
  expect(poles <= MAX_RADIAL && degrees <= MAX_DEGREE + 1, "multipoles: too many");
  expect(coefficients.shape(0) == splines.shape(0) && coefficients.shape(1) == splines.shape(0) &&
             coefficients.shape(3) == poles &&
             coefficients.shape(4) == (multipole_usual_sum > 0.0f ? 2 * poles : poles),
         "multipoles: expected (species, species, degrees, radial, radial or twice as many)");
  check_products(product_numbers, product_places, product_weights, product_degrees,
                 product_coefficients, splines.shape(0), poles, degrees);
  std::vector<Layer> layers;
  std::size_t inputs = features;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    layers.push_back(layer(weights[i], biases[i], inputs));
    const bool last = i + 1 == weights.size();
    expect(i == 0 || last || weights[i].shape(0) == inputs, "layers: expected one width");
    expect(!last || weights[i].shape(0) == 2, "head: expected two outputs");
    inputs = weights[i].shape(0);
  }
  Model model{};
  model.species = species;
  model.radial = static_cast<int>(n);
  model.degree = degree;
  model.features = static_cast<int>(features);
  model.reaches = reaches.data();
  model.feature_scale = scale.data();
  model.feature_shift = shift.data();
  model.hidden_layers = static_cast<int>(layers.size()) - 1;
  model.layers_per_block = layers_per_block;
  model.hidden = layers.data();
  model.head = layers.back();
  if (form_weight) model.form = layer(*form_weight, form_bias.value(), model.head.inputs);
  model.target_std = target_std;
  model.min_std = min_std;
  model.intervals = static_cast<int>(splines.shape(1));
  model.baseline_reach = baseline_reach;
  model.splines = splines.data();
  model.fading_density = fading_density;
  model.multipole_radial = degrees ? static_cast<int>(poles) : 0;
  model.multipole_degree = static_cast<int>(degrees) - 1;
  model.multipole_reaches = multipole_reaches.data();
  model.multipole_coefficients = coefficients.data();
  model.multipole_usual_sum = multipole_usual_sum;
  model.product_radial = static_cast<int>(product_numbers.shape(0));
  model.product_terms = static_cast<int>(product_weights.shape(0));
  model.product_count = static_cast<int>(product_degrees.shape(0));
  model.product_numbers = product_numbers.data();
  model.product_places = reinterpret_cast<const std::int32_t(*)[3]>(product_places.data());
  model.product_weights = product_weights.data();
  model.product_degrees = product_degrees.data();
  model.product_coefficients = product_coefficients.data();
  new (self) Evaluator{std::unique_ptr<Engine>(find(isa).make(model))};
}

using Triple = std::array<std::int64_t, 3>;
using Field = nb::ndarray<float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

Box box_of(const Steps& steps, Triple start, Triple shape) {
  Box box;
  for (int i = 0; i < 3; ++i) {
    box.start[i] = start[i];
    box.shape[i] = shape[i];
    for (int k = 0; k < 3; ++k) box.steps[i][k] = steps(i, k);
  }
  return box;
}

void evaluate(const Evaluator& self, const Atoms& atoms, const Steps& steps, Triple start,
              Triple shape, std::optional<Field> mean, std::optional<Field> aleatoric,
              std::optional<Field> epistemic, std::optional<Field> baseline,
              std::optional<nb::ndarray<float, nb::ndim<4>, nb::c_contig, nb::device::cpu>> features,
              std::optional<nb::ndarray<double, nb::shape<STAGES>, nb::device::cpu>> seconds) {
  auto field = [&](auto& array) -> float* {
    if (!array) return nullptr;
    for (int i = 0; i < 3; ++i)
      expect(static_cast<std::int64_t>(array->shape(i)) == shape[i], "output: wrong shape");
    return array->data();
  };
  Outputs out;
  out.mean = field(mean);
  out.aleatoric = field(aleatoric);
  out.epistemic = field(epistemic);
  out.baseline = field(baseline);
  out.features = field(features);
  out.seconds = seconds ? seconds->data() : nullptr;
  const Box box = box_of(steps, start, shape);
  nb::gil_scoped_release release;
  self.engine->evaluate(box, atoms, out);
}

void divide(const std::string& isa, const Atoms& atoms, const Splines& splines, float reach,
            const Steps& steps,
            nb::ndarray<const float, nb::ndim<4>, nb::c_contig, nb::device::cpu> values,
            nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu> sums) {
  expect(splines.shape(0) <= MAX_SPECIES && splines.shape(2) == 4,
         "splines: expected (species, intervals, 4), not too many species");
  expect(splines.shape(0) == static_cast<std::size_t>(atoms.species()),
         "splines: expected one for each species of the atoms");
  expect(sums.shape(0) == values.shape(0) &&
             sums.shape(1) == static_cast<std::size_t>(atoms.count()),
         "sums: expected one for each row of the values and each atom");
  Model model{};
  model.species = atoms.species();
  model.intervals = static_cast<int>(splines.shape(1));
  model.baseline_reach = reach;
  model.splines = splines.data();
  const auto side = [&](int axis) { return static_cast<std::int64_t>(values.shape(axis)); };
  const Box box = box_of(steps, {0, 0, 0}, {side(1), side(2), side(3)});
  const Variant variant = find(isa);
  nb::gil_scoped_release release;
  variant.divide(model, box, atoms, values.data(), static_cast<int>(side(0)), sums.data());
}

}  // namespace
}  // namespace rhocast

NB_MODULE(_native, m) {
  using namespace rhocast;
  nb::class_<Atoms>(m, "Atoms")
      .def("__init__",
           [](Atoms* self,
              nb::ndarray<const double, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu> positions,
              nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> species,
              int n_species) {
             expect(positions.shape(0) == species.shape(0), "species: expected one for each atom");
             new (self) Atoms(positions.data(), species.data(), positions.shape(0), n_species);
           },
           nb::arg("positions"), nb::arg("species"), nb::arg("n_species"));
  nb::class_<Evaluator>(m, "Evaluator")
      .def("__init__", &make_evaluator, nb::kw_only(), nb::arg("isa"), nb::arg("species"),
           nb::arg("degree"), nb::arg("reaches"), nb::arg("scale"), nb::arg("shift"),
           nb::arg("weights"), nb::arg("biases"), nb::arg("layers_per_block"),
           nb::arg("target_std"), nb::arg("min_std"),
           nb::arg("form_weight").none(), nb::arg("form_bias").none(), nb::arg("baseline_reach"),
           nb::arg("splines"), nb::arg("fading_density"), nb::arg("multipole_reaches"),
           nb::arg("multipole_coefficients"), nb::arg("multipole_usual_sum"),
           nb::arg("product_numbers"), nb::arg("product_places"), nb::arg("product_weights"),
           nb::arg("product_degrees"), nb::arg("product_coefficients"))
      .def("evaluate", &evaluate, nb::arg("atoms"), nb::kw_only(), nb::arg("steps"),
           nb::arg("start"), nb::arg("shape"), nb::arg("mean").none() = nb::none(),
           nb::arg("aleatoric").none() = nb::none(), nb::arg("epistemic").none() = nb::none(),
           nb::arg("baseline").none() = nb::none(), nb::arg("features").none() = nb::none(),
           nb::arg("seconds").none() = nb::none());
  m.def("divide", &divide, nb::arg("isa"), nb::arg("atoms"), nb::kw_only(), nb::arg("splines"),
        nb::arg("reach"), nb::arg("steps"), nb::arg("values"), nb::arg("sums"));
  m.def("supported", [] {
    std::vector<std::string> names;
    for (const Variant& variant : variants())
      if (variant.supported) names.push_back(variant.name);
    return names;
  });
  m.def("measure_peaks", [](const std::string& isa, double seconds) {
    const Peaks peaks = find(isa).peaks(seconds);
    return std::array<double, 2>{peaks.fp32, peaks.bf16};
  });
}
