#include "atoms.hpp"

#include <algorithm>
#include <cmath>

namespace rhocast {

namespace {

constexpr double SIDE_BOHR = 6.0;

// Atoms that a vector read from the last one's place may hold beside it.
constexpr std::int64_t MARGIN = 15;

std::int64_t bin_of(double x) { return static_cast<std::int64_t>(std::floor(x / SIDE_BOHR)); }

}  // namespace

// Bins lie at multiples of their side, wherever the atoms are: a brick meets its neighbours in the
// same order, and sums them to the same last bit, however large the part of the cell that was given.
Atoms::Atoms(const double* positions, const std::int32_t* species, std::int64_t count,
             int n_species)
    : bins_(n_species), starts_(n_species), order_(count) {
  for (auto& axis : axes_) axis.resize(count + MARGIN);
  std::int64_t before = 0;
  for (int s = 0; s < n_species; ++s) {
    Bins& bins = bins_[s];
    bins.side = SIDE_BOHR;
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
      bins.lower[k] = bin_of(low);
      bins.counts[k] = bin_of(high) - bins.lower[k] + 1;
      total *= bins.counts[k];
    }
    std::vector<std::int64_t> place(chosen.size());
    std::vector<std::int64_t>& starts = starts_[s];
    starts.assign(total + 1, 0);
    starts[0] = before;
    for (std::size_t j = 0; j < chosen.size(); ++j) {
      std::int64_t flat = 0;
      for (int k = 0; k < 3; ++k)
        flat = flat * bins.counts[k] + bin_of(positions[3 * chosen[j] + k]) - bins.lower[k];
      place[j] = flat;
      ++starts[flat + 1];
    }
    for (std::int64_t b = 0; b < total; ++b) starts[b + 1] += starts[b];
    std::vector<std::int64_t> next(starts.begin(), starts.end() - 1);
    for (std::size_t j = 0; j < chosen.size(); ++j) {
      const std::int64_t to = next[place[j]]++;
      for (int k = 0; k < 3; ++k) axes_[k][to] = positions[3 * chosen[j] + k];
      order_[to] = static_cast<std::int32_t>(chosen[j]);
    }
    bins.starts = starts.data();
    before += static_cast<std::int64_t>(chosen.size());
  }
}

Bins Atoms::bins(int species) const { return bins_[species]; }

std::int64_t Atoms::count() const { return static_cast<std::int64_t>(order_.size()); }

int Atoms::species() const { return static_cast<int>(bins_.size()); }

const std::int32_t* Atoms::order() const { return order_.data(); }

const double* Atoms::axis(int k) const { return axes_[k].data(); }

void Atoms::remember(const std::int32_t* which, std::int64_t count, std::int64_t each,
                     WorkOut work_out, void* context) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::size_t atoms = axes_[0].size() - MARGIN;
  known_.resize(atoms);
  if (!multipoles_) multipoles_.reset(new float[atoms * each]);  // memory that few will touch
  for (std::int64_t i = 0; i < count; ++i) {
    if (known_[which[i]]) continue;
    known_[which[i]] = 1;
    work_out(context, which[i], multipoles_.get() + which[i] * each);
  }
}

const float* Atoms::multipoles() const { return multipoles_.get(); }

}  // namespace rhocast
