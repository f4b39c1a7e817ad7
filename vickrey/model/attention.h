#ifndef VICKREY_MODEL_ATTENTION_H_
#define VICKREY_MODEL_ATTENTION_H_

#include <cstdint>
#include <string>

#include "vickrey/model/matrix.h"
#include "vickrey/model/tensors.h"

namespace vickrey::model {

// A layer of multi-head self-attention over the fields of a candidate, natively. With q, k and v the products of a
// field's row with the parts of PREFIX.query, PREFIX.key and PREFIX.value that are head h's,
//
//   mixed_m^h = sum over n of softmax over n of (q_m^h . k_n^h) v_n^h
//   y_m = ReLU([mixed_m^1, ..., mixed_m^H] + PREFIX.residual x_m)
//
// In two steps, so that what several candidates share is projected once: Project makes the rows of q, k, v and the
// residual, for any fields; Attend mixes those of one candidate. Immutable, so thread-safe.
class AttentionLayer {
 public:
  // Takes the tensors PREFIX.query, .key, .value and .residual, (heads x width, inputs) each.
  AttentionLayer(const std::string& prefix, int64_t heads, const TensorViews& file);

  // Floats in a row of y.
  int64_t outputs() const { return heads_ * width_; }
  // Floats in a row of projections.
  int64_t projected() const { return projections_.padded(); }

  // Of `rows` fields, whose rows lie one behind the other: (rows, projected()).
  void Project(const float* fields, int64_t rows, float* projections) const;

  // Some of a candidate's fields, by their projections.
  struct Fields {
    const float* rows = nullptr;
    int64_t count = 0;
  };
  // y of one candidate, (fields, outputs()): of `first` and then of `second`, which see each other. `scratch`:
  // ScratchFor(first.count + second.count) floats, aligned to 64 bytes.
  void Attend(const Fields& first, const Fields& second, float* scratch, float* y) const;
  int64_t ScratchFor(int64_t fields) const;

 private:
  // The keys of a head as panels of (width, kPanel), its values as panels of (fields, kPanel).
  void PackKeys(const Fields& fields, int64_t head, int64_t place, float* panels) const;
  void PackValues(const Fields& fields, int64_t head, int64_t place, int64_t all, float* panels) const;

  const int64_t heads_;
  int64_t width_;
  PackedMatrix projections_;  // query, key, value and residual, one below the other
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_ATTENTION_H_
