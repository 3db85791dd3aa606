// Atoms sorted by species, then into cubic bins, for the search around bricks of mesh points.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace rhocast {

// Bins of one species along each axis, the first of them `lower` sides from the origin. The atoms of
// a bin, in C order, are starts[bin] … starts[bin + 1] − 1: those of a row along z follow each other.
struct Bins {
  double side;  // Bohr
  std::int64_t lower[3], counts[3];
  const std::int64_t* starts;
};

class Atoms {
 public:
  // positions (count, 3), Bohr; species (count), each below n_species. Images are the caller's.
  Atoms(const double* positions, const std::int32_t* species, std::int64_t count, int n_species);

  // Nothing here is inline: a kernel may hand no function of its own to the linker.

  Bins bins(int species) const;

  std::int64_t count() const;
  int species() const;

  // For each atom, sorted as above, where it stands in the arrays that all were given in.
  const std::int32_t* order() const;

  // Coordinates of all atoms along an axis, Bohr, and room for a vector after them.
  const double* axis(int k) const;

  // Has the multipoles, `each` numbers, of those of these atoms worked out that nobody has asked for
  // yet. Threads may ask at the same time; what one has asked for stays.
  using WorkOut = void (*)(void* context, std::int32_t which, float* out);
  void remember(const std::int32_t* which, std::int64_t count, std::int64_t each, WorkOut work_out,
                void* context) const;

  // Of all atoms; those of some may be unknown.
  const float* multipoles() const;

 private:
  std::vector<Bins> bins_;
  std::vector<std::vector<std::int64_t>> starts_;
  std::vector<double> axes_[3];
  std::vector<std::int32_t> order_;
  mutable std::mutex mutex_;
  mutable std::vector<char> known_;
  mutable std::unique_ptr<float[]> multipoles_;
};

}  // namespace rhocast
