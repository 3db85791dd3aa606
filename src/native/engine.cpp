// Everything for one instruction set: this file is compiled once for each of them. It computes
// method.md, Eq. 2, at the points of a block.

#include <ctime>

#include "baseline.hpp"
#include "division.hpp"
#include "invariants.hpp"
#include "multipoles.hpp"
#include "network.hpp"
#include "peaks.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

// CPU time of the stages, if somebody wants to know it; less what asking for it takes.
class Clock {
 public:
  explicit Clock(double* seconds) : seconds_(seconds) {
    if (!seconds_) return;
    constexpr int TIMES = 1000;
    const double start = now();
    for (int i = 0; i < TIMES; ++i) last_ = now();
    own_ = (last_ - start) / TIMES;
    last_ = now();
  }
  void lap(int stage) {
    if (!seconds_) return;
    const double time = now();
    seconds_[stage] += time - last_ - own_;
    last_ = time;
  }

 private:
  static double now() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec + 1e-9 * time.tv_nsec;
  }

  double* seconds_;
  double last_ = 0.0, own_ = 0.0;
};

struct Values {
  Floats mean[GROUPS] = {}, raw[GROUPS] = {}, squares[GROUPS] = {}, baseline[GROUPS] = {};
};

class Variant final : public Engine {
 public:
  explicit Variant(const Model& model)
      : species_(model.species), degree_(model.degree),
        features_(model.features), reach_(model.reaches[model.radial - 1]),
        has_form_(model.form.outputs > 0), has_baseline_(model.intervals > 0),
        target_std_(model.target_std), min_std_(model.min_std),
        fading_(model.fading_density), radial_(model.reaches, model.radial),
        network_(model), baseline_(model), multipoles_(model) {
    Scratch scratch(*this);
    for (int g = 0; g < GROUPS; ++g) {
      std::memset(static_cast<void*>(scratch.features), 0, features_ * sizeof(Floats));
      network_.take(scratch.features, g, scratch.network);
    }
    network_.run(scratch.network, vacuum_.mean, vacuum_.raw);
    if (has_form_) network_.spread(scratch.network, vacuum_.squares);
  }

  void evaluate(const Box& box, const Atoms& atoms, const Outputs& out) const override {
    switch (degree_) {
      case 0: return run<0>(box, atoms, out);
      case 1: return run<1>(box, atoms, out);
      case 2: return run<2>(box, atoms, out);
      case 3: return run<3>(box, atoms, out);
      case 4: return run<4>(box, atoms, out);
      case 5: return run<5>(box, atoms, out);
      case 6: return run<6>(box, atoms, out);
      case 7: return run<7>(box, atoms, out);
      default: return run<8>(box, atoms, out);
    }
  }

 private:
  struct Scratch {
    explicit Scratch(const Variant& v)
        : summation(v.radial_), sums(v.species_ * v.radial_.count), features(v.features_ + 1) {
      v.network_.prepare(network);
    }
    // For the descriptor, for the spherical pseudo-atoms, for their multipoles.
    Neighbours near[MAX_SPECIES], far[MAX_SPECIES], poles[MAX_SPECIES];
    Summation summation;
    Buffer<Sums> sums;
    Buffer<Floats> features;
    Workspace network;
    Baseline::Workspace baseline;
    Multipoles::Workspace multipoles;
  };

  template <int DEGREE>
  void run(const Box& box, const Atoms& atoms, const Outputs& out) const {
    const Tile tile(box.steps);
    Scratch scratch(*this);
    Clock clock(out.seconds);
    walk(
        box,
        [&](const double centre[3], const double half[3]) {
          gather(atoms, centre, half, scratch);
          clock.lap(GATHERING);
          for (int s = 0; multipoles_.any() && s < species_; ++s)
            multipoles_.induce(atoms, s, scratch.poles[s], scratch.multipoles);
          clock.lap(MULTIPOLES);
        },
        [&](const std::int64_t first[3], const float corner[3]) {
          compute<DEGREE>(tile, corner, first, box, atoms, out, scratch, clock);
        });
  }

  void gather(const Atoms& atoms, const double centre[3], const double half[3],
              Scratch& scratch) const {
    for (int s = 0; s < species_; ++s) {
      scratch.near[s].gather(atoms, s, centre, half, reach_);
      if (has_baseline_) scratch.far[s].gather(atoms, s, centre, half, baseline_.reach());
      if (multipoles_.any()) scratch.poles[s].gather(atoms, s, centre, half, multipoles_.reach());
    }
  }

  template <int DEGREE>
  void compute(const Tile& tile, const float corner[3], const std::int64_t first[3],
               const Box& box, const Atoms& atoms, const Outputs& out, Scratch& scratch,
               Clock& clock) const {
    Values values = vacuum_;
    bool any = false;
    for (int g = 0; g < GROUPS; ++g) {
      for (int s = 0; s < species_; ++s)
        any |= scratch.summation.template run<DEGREE>(scratch.near[s], tile.groups[g], corner, tile.half,
                                               scratch.sums + s * radial_.count);
      clock.lap(SUMS);
      invariants<DEGREE>(scratch.sums, species_, radial_.count, scratch.features);
      network_.take(scratch.features, g, scratch.network);
      if (out.features) write_features(tile.groups[g], first, box, out.features, scratch);
      clock.lap(INVARIANTS);
    }
    if (any && (out.mean || out.aleatoric || out.epistemic)) {
      network_.run(scratch.network, values.mean, values.raw);
      if (out.epistemic && has_form_) network_.spread(scratch.network, values.squares);
      clock.lap(NETWORK);
    }
    for (int s = 0; has_baseline_ && s < species_; ++s)
      baseline_.add(s, scratch.far[s], tile, corner, scratch.baseline, values.baseline);
    clock.lap(BASELINE);
    for (int s = 0; multipoles_.any() && s < species_; ++s)
      multipoles_.add(atoms, scratch.poles[s], tile, corner, values.baseline, scratch.multipoles);
    clock.lap(MULTIPOLES);
    write(tile, first, box, out, values);
    clock.lap(BASELINE);
  }

  void write(const Tile& tile, const std::int64_t first[3], const Box& box,
             const Outputs& out, const Values& values) const {
    for (int g = 0; g < GROUPS; ++g) {
      const Group& group = tile.groups[g];
      scatter(group, first, box, values.baseline[g], out.baseline);
      if (out.mean)
        scatter(group, first, box, faded(values.mean[g], values.baseline[g]) + values.baseline[g],
                out.mean);
      if (out.aleatoric)
        scatter(group, first, box, target_std_ * (softplus(values.raw[g]) + min_std_),
                out.aleatoric);
      if (out.epistemic && has_form_)
        scatter(group, first, box, sqrt(values.squares[g]), out.epistemic);
    }
  }

  // What is left of a correction where the baseline is low (method.md, Eq. 27b).
  Floats faded(Floats correction, Floats baseline) const {
    if (fading_ == 0.0f) return correction;
    const Floats t = min(max(baseline / fading_, Floats{}), splat(1.0f));
    return correction * (t * t * t * (10.0f + t * (6.0f * t - 15.0f)));
  }

  static void scatter(const Group& group, const std::int64_t first[3], const Box& box,
                      Floats values, float* out) {
    if (!out) return;
    std::int64_t at;
    for (int lane = 0; lane < LANES; ++lane)
      if (place_in(box, first, group.i[lane], at)) out[at] = values[lane];
  }

  void write_features(const Group& group, const std::int64_t first[3], const Box& box,
                      float* out, const Scratch& scratch) const {
    std::int64_t at;
    for (int lane = 0; lane < LANES; ++lane)
      if (place_in(box, first, group.i[lane], at))
        for (int k = 0; k < features_; ++k) out[at * features_ + k] = scratch.features[k][lane];
  }

  int species_, degree_, features_;
  float reach_;
  bool has_form_, has_baseline_;
  float target_std_, min_std_, fading_;
  Radial radial_;
  Network network_;
  Baseline baseline_;
  Multipoles multipoles_;
  Values vacuum_;  // where no atom is near
};

}  // namespace

Engine* make_engine(const Model& model) { return new Variant(model); }

void divide(const Model& free_atoms, const Box& box, const Atoms& atoms, const float* values, int rows,
            double* sums) {
  Division(free_atoms, box).run(atoms, values, rows, sums);
}

Peaks measure_peaks(double seconds) { return {fp32_peak(seconds), bf16_peak(seconds)}; }

}  // namespace RHOCAST_ISA
}  // namespace rhocast
