// B_k,lm = Σ weight T_a T_b: products of two sums T over an atom's neighbours of all species, and the
// multipoles q_nlm = Σ_k c_nk B_klm that they induce.
//
// method.md, Eq. 20b. Sums and results are those of bare harmonics; the weights hold what scales
// them.
#pragma once

#include "harmonics.hpp"

namespace rhocast {
namespace RHOCAST_ISA {
namespace {

class Products {
 public:
  struct Workspace {
    Buffer<float> sums, values;
    float induced[MAX_RADIAL * HARMONICS];
  };

  explicit Products(const Model& model)
      : count_(model.product_count), radial_(model.multipole_radial), factors_(model.product_radial),
        harmonics_((model.multipole_degree + 1) * (model.multipole_degree + 1)) {
    if (!any()) return;
    for (int f = 0; f < factors_; ++f) factor_of_[model.product_numbers[f]] = f + 1;
    terms_.resize(model.product_terms);
    for (int e = 0; e < model.product_terms; ++e) {
      const std::int32_t* const places = model.product_places[e];
      terms_[e] = {places[0], places[1], places[2], model.product_weights[e]};
    }
    degrees_.copy(model.product_degrees, count_);
    for (int k = 0; k < count_; ++k) values_ += 2 * degrees_[k] + 1;
    coefficients_.copy(model.product_coefficients, std::size_t(model.species) * radial_ * count_);
  }

  bool any() const { return count_ > 0; }

  void begin(Workspace& work) const {
    const std::size_t size = static_cast<std::size_t>(factors_) * harmonics_;
    if (work.sums.size() < size) work.sums.resize(size);
    if (work.values.size() < static_cast<std::size_t>(values_)) work.values.resize(values_);
    std::memset(work.sums, 0, size * sizeof(float));
  }

  // Adds the sums of one species, of the radial function n, to those of all.
  void add(int n, const float* sums, Workspace& work) const {
    if (factor_of_[n] == 0) return;
    float* const own = work.sums + (factor_of_[n] - 1) * harmonics_;
    for (int m = 0; m < harmonics_; ++m) own[m] += sums[m];
  }

  // Works out q (n, harmonics) of an atom of this species.
  void induce(int species, Workspace& work) const {
    float* const values = work.values;
    std::memset(values, 0, values_ * sizeof(float));
    for (std::size_t e = 0; e < terms_.size(); ++e) {
      const Term& term = terms_[e];
      values[term.result] += term.weight * work.sums[term.first] * work.sums[term.second];
    }
    std::memset(work.induced, 0, radial_ * harmonics_ * sizeof(float));
    for (int n = 0; n < radial_; ++n) {
      const float* const c = coefficients_ + (species * radial_ + n) * count_;
      const float* value = values;
      for (int k = 0; k < count_; ++k) {
        const int l = degrees_[k];
        float* const q = work.induced + n * harmonics_ + l * l;
        for (int m = 0; m <= 2 * l; ++m) q[m] += c[k] * *value++;
      }
    }
  }

 private:
  struct Term {
    std::int32_t first, second, result;
    float weight;
  };

  int count_, radial_, factors_, harmonics_, values_ = 0;
  int factor_of_[MAX_RADIAL] = {};  // of each n, its number among the factors and one; 0: none
  Buffer<Term> terms_;
  Buffer<std::int32_t> degrees_;
  Buffer<float> coefficients_;
};

}  // namespace
}  // namespace RHOCAST_ISA
}  // namespace rhocast
