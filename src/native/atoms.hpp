// Atoms sorted into cubic bins, for the search around bricks of mesh points.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

namespace rhocast {

// Where found atoms are written: vectors to them, and which they are.
struct Found {
  float *x, *y, *z;
  std::int32_t* which;
  std::int64_t capacity;
};

class Atoms {
 public:
  // positions (count, 3), Bohr; species (count), each below n_species. Images are the caller's.
  Atoms(const double* positions, const std::int32_t* species, std::int64_t count, int n_species);

  // Nothing here is inline: a kernel may hand no function of its own to the linker.

  // Of an atom as `gather` numbers them: by species, then by bins.
  const double* position(std::int32_t which) const;

  // Writes the atoms of a species within reach of a box (half sides `half`) around `centre`, as seen
  // from there; returns how many there are, and a caller whose room they do not leave a place in
  // comes again. Their order depends on the atoms alone.
  std::int64_t gather(int species, const double centre[3], const double half[3], double reach,
                      const Found& found) const;

  // Has the multipoles, `each` numbers, of those of these atoms worked out that nobody has asked for
  // yet. Threads may ask at the same time; what one has asked for stays.
  using WorkOut = void (*)(void* context, std::int32_t which, float* out);
  void remember(const std::int32_t* which, std::int64_t count, std::int64_t each, WorkOut work_out,
                void* context) const;

  // Of all atoms; those of some may be unknown.
  const float* multipoles() const;

 private:
  struct Bins {
    std::int64_t lower[3], counts[3];
    std::vector<std::int64_t> starts;
  };
  double side_;
  std::vector<Bins> bins_;
  std::vector<double> positions_;
  mutable std::mutex mutex_;
  mutable std::vector<char> known_;
  mutable std::vector<float> multipoles_;
};

}  // namespace rhocast
