#include "atoms.hpp"

#include <algorithm>
#include <cmath>

namespace rhocast {

namespace {

constexpr double SIDE_BOHR = 6.0;

std::int64_t bin_of(double x, double side) { return static_cast<std::int64_t>(std::floor(x / side)); }

}  // namespace

// Bins lie at multiples of their side, wherever the atoms are: a brick meets its neighbours in the
// same order, and sums them to the same last bit, however large the part of the cell that was given.
Atoms::Atoms(const double* positions, const std::int32_t* species, std::int64_t count,
             int n_species)
    : side_(SIDE_BOHR), bins_(n_species), positions_(3 * count) {
  std::int64_t before = 0;
  for (int s = 0; s < n_species; ++s) {
    Bins& bins = bins_[s];
    std::vector<std::int64_t> chosen;
    for (std::int64_t i = 0; i < count; ++i)
      if (species[i] == s) chosen.push_back(i);
    std::int64_t total = 1;
    for (int k = 0; k < 3; ++k) {
      double low = 0.0, high = 0.0;
      for (std::size_t j = 0; j < chosen.size(); ++j) {
        const double x = positions[3 * chosen[j] + k];
        low = j ? std::min(low, x) : x;
        high = j ? std::max(high, x) : x;
      }
      bins.lower[k] = bin_of(low, side_);
      bins.counts[k] = bin_of(high, side_) - bins.lower[k] + 1;
      total *= bins.counts[k];
    }
    std::vector<std::int64_t> place(chosen.size());
    bins.starts.assign(total + 1, 0);
    bins.starts[0] = before;
    for (std::size_t j = 0; j < chosen.size(); ++j) {
      std::int64_t flat = 0;
      for (int k = 0; k < 3; ++k)
        flat = flat * bins.counts[k] + bin_of(positions[3 * chosen[j] + k], side_) - bins.lower[k];
      place[j] = flat;
      ++bins.starts[flat + 1];
    }
    for (std::int64_t b = 0; b < total; ++b) bins.starts[b + 1] += bins.starts[b];
    std::vector<std::int64_t> next(bins.starts.begin(), bins.starts.end() - 1);
    for (std::size_t j = 0; j < chosen.size(); ++j)
      std::copy_n(positions + 3 * chosen[j], 3, positions_.data() + 3 * next[place[j]]++);
    before += static_cast<std::int64_t>(chosen.size());
  }
}

const double* Atoms::position(std::int32_t which) const {
  return positions_.data() + 3 * static_cast<std::int64_t>(which);
}

void Atoms::remember(const std::int32_t* which, std::int64_t count, std::int64_t each,
                     WorkOut work_out, void* context) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::size_t atoms = positions_.size() / 3;
  known_.resize(atoms);
  multipoles_.resize(atoms * each);
  for (std::int64_t i = 0; i < count; ++i) {
    if (known_[which[i]]) continue;
    known_[which[i]] = 1;
    work_out(context, which[i], multipoles_.data() + which[i] * each);
  }
}

const float* Atoms::multipoles() const { return multipoles_.data(); }

std::int64_t Atoms::gather(int species, const double centre[3], const double half[3], double reach,
                           const Found& found) const {
  const Bins& bins = bins_[species];
  std::int64_t low[3], high[3];
  for (int k = 0; k < 3; ++k) {
    low[k] = std::max<std::int64_t>(bin_of(centre[k] - half[k] - reach, side_) - bins.lower[k], 0);
    high[k] = std::min(bin_of(centre[k] + half[k] + reach, side_) - bins.lower[k] + 1,
                       bins.counts[k]);
  }
  std::int64_t count = 0;
  for (std::int64_t i = low[0]; i < high[0]; ++i)
    for (std::int64_t j = low[1]; j < high[1]; ++j) {
      if (low[2] >= high[2]) continue;
      const std::int64_t row = (i * bins.counts[1] + j) * bins.counts[2];
      const std::int64_t end = bins.starts[row + high[2]];
      for (std::int64_t a = bins.starts[row + low[2]]; a < end; ++a) {
        double offset[3], square = 0.0;
        for (int k = 0; k < 3; ++k) {
          offset[k] = positions_[3 * a + k] - centre[k];
          const double outside = std::max(std::abs(offset[k]) - half[k], 0.0);
          square += outside * outside;
        }
        const std::int64_t at = std::min(count, found.capacity - 1);
        found.x[at] = static_cast<float>(offset[0]);
        found.y[at] = static_cast<float>(offset[1]);
        found.z[at] = static_cast<float>(offset[2]);
        found.which[at] = static_cast<std::int32_t>(a);
        count += square < reach * reach;  // no branch: it would be a coin toss
      }
    }
  return count;
}

}  // namespace rhocast
