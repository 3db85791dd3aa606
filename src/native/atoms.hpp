// Atoms sorted into cubic bins, for the search around bricks of mesh points.
#pragma once

#include <cstdint>
#include <vector>

namespace rhocast {

class Atoms {
 public:
  // positions (count, 3), Bohr; species (count), each below n_species. Images are the caller's.
  Atoms(const double* positions, const std::int32_t* species, std::int64_t count, int n_species);

  // Writes the vectors from `centre` to the atoms of a species within reach of a box (half sides
  // `half`) around it to x, y, z, which hold `capacity`; returns how many there are, and a caller
  // whose room they do not leave a place in comes again. Their order depends on the atoms alone.
  std::int64_t gather(int species, const double centre[3], const double half[3], double reach,
                      float* x, float* y, float* z, std::int64_t capacity) const;

 private:
  struct Bins {
    std::int64_t lower[3], counts[3];
    std::vector<std::int64_t> starts;
    std::vector<double> positions;
  };
  double side_;
  std::vector<Bins> bins_;
};

}  // namespace rhocast
