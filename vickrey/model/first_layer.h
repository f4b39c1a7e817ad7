#ifndef VICKREY_MODEL_FIRST_LAYER_H_
#define VICKREY_MODEL_FIRST_LAYER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "vickrey/model/batch.h"
#include "vickrey/model/groups.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/matrix.h"

namespace vickrey::model {

// A layer on the inputs of both sides, natively:
//
//   y = PREFIX.context x_context + PREFIX.ad x_ad + bias
//
// The context's part is computed once for an auction; each candidate's sum goes on from there.
// Immutable, so thread-safe.
class FirstLayer {
 public:
  // Takes the tensors PREFIX.context and PREFIX.ad. `bias` may be empty, for none.
  FirstLayer(const std::string& prefix, std::span<const float> bias, const TensorViews& file);

  // Floats in a row of results.
  int64_t padded() const { return ad_.padded(); }

  // The context's part of `rows` auctions, whose inputs lie one behind the other: (rows, padded()).
  void Context(const float* inputs, int64_t rows, float* shared) const;
  // Of candidates [begin, end) of a batch, whose inputs lie one behind the other: (end - begin, padded()). `shared` is
  // the context's part of the group's auctions. At most kMostRows candidates.
  void Ads(const Batch& batch, const Group& group, int64_t begin, int64_t end, const float* inputs, const float* shared,
           bool relu, float* out) const;

 private:
  PackedMatrix context_, ad_;
  std::vector<float> bias_;
};

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_FIRST_LAYER_H_
