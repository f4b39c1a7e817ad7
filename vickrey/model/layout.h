// What a network reads and which tensors it is made of: one answer for training and for serving.
#ifndef VICKREY_MODEL_LAYOUT_H_
#define VICKREY_MODEL_LAYOUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/features/schema.h"
#include "vickrey/model/tensors.h"
#include "vickrey/storage/v1/artifact.pb.h"

namespace vickrey::model {

// A dense field: two inputs, its transformed value (0 where missing) and whether it is missing (1 or 0).
struct DenseInput {
  vickrey::v1::FeatureField::Transform transform;
  int position = 0;  // in EncodedFeatures::dense
};

// A categorical or bag field: a table of `buckets` rows. A bag is the mean of its members' rows, zeros where it is
// empty.
struct TableInput {
  std::string tensor;  // its name in the file, "table.FIELD"
  int64_t buckets = 0;
  int width = 0;     // of a row
  bool bag = false;  // else exactly one member
  int position = 0;  // in EncodedFeatures::fingerprints or bag_lengths
};

// One side of the schema.
struct SideInputs {
  std::vector<DenseInput> dense;
  std::vector<TableInput> tables;  // in the schema's order

  int dense_width() const { return 2 * static_cast<int>(dense.size()); }
  // Dense inputs, then every table's row.
  int width() const;
};

// A tensor and how it starts.
struct TensorSpec {
  enum class Start {
    kZero,
    kUniform,   // in (-scale, scale)
    kNormal,    // with mean 0 and deviation `scale`
    kConstant,  // `scale`
  };
  std::string name;
  std::vector<int64_t> shape;
  Start start = Start::kZero;
  double scale = 0;
};

struct Layout {
  SideInputs context, ad;
  std::vector<TensorSpec> tensors;
  std::string output_bias;  // the tensor of one value that is added to every logit
  // In these together, all others as they are, the logit is linear: the difference of two networks that differ in them
  // alone is a network of the same architecture.
  std::vector<std::string> output_tensors;
};

// INVALID_ARGUMENT naming the field: an architecture that is not known (the message lists those that are), hidden
// layers that it does not take, a transform that this version does not have, a network that is too large.
absl::StatusOr<Layout> MakeLayout(const vickrey::storage::v1::ModelSpec& spec, const features::Schema& schema);

// DATA_LOSS unless `tensors` are exactly those of the layout, all values finite.
absl::Status CheckTensors(const Layout& layout, const TensorViews& file);

// The layout's tensors at the start of training, a function of `seed`.
TensorFile StartTensors(const Layout& layout, uint64_t seed);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_LAYOUT_H_
