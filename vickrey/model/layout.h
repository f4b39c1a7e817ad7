// What a network reads and which tensors it is made of: one answer for training and for serving.
#ifndef VICKREY_MODEL_LAYOUT_H_
#define VICKREY_MODEL_LAYOUT_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"
#include "vickrey/model/tensors.h"
#include "vickrey/storage/v1/artifact.pb.h"

namespace vickrey::model {

// A dense field: two inputs, its transformed value (0 where missing) and whether it is missing (1 or 0).
struct DenseInput {
  vickrey::v1::FeatureField::Transform transform;
  int position = 0;                // in EncodedFeatures::dense
  double mean = 0, deviation = 1;  // of STANDARDIZE
};

// A field that is looked up in a table of `buckets` rows: a categorical one, a bag, which is the mean of its members'
// rows, zeros where it is empty, or a number by the quantile that it falls into.
struct TableInput {
  enum class Of { kFingerprint, kBag, kNumber };
  std::string tensor;  // its name in the file, "table.FIELD"
  int64_t buckets = 2;
  features::Bucketing bucketing{2};  // of its fingerprints into `buckets`
  Of of = Of::kFingerprint;
  bool bag() const { return of == Of::kBag; }
  int position = 0;               // in EncodedFeatures::fingerprints, bag_lengths or dense
  std::vector<float> boundaries;  // of a number's buckets, increasing
  int64_t first_row = 0;          // in its arena
};

// Tables next to each other in the schema, with rows of one width, in one piece of memory while they are trained: one
// parameter, and one look-up for all of them.
struct Arena {
  std::string parameter;  // its name in training
  int width = 0;          // of a row
  bool bags = false;      // all of them are bags, or none
  int64_t first = 0;      // how many of the side's tables of this kind come before
  int64_t rows = 0;       // of all tables
  std::vector<TableInput> tables;

  int64_t columns() const { return static_cast<int64_t>(tables.size()) * width; }
};

// One side of the schema.
struct SideInputs {
  std::vector<DenseInput> dense;
  std::vector<Arena> arenas;  // in the schema's order
  int64_t singles = 0;        // tables of which each row has exactly one member
  int64_t bags = 0;           // the others

  int64_t dense_width() const { return 2 * static_cast<int64_t>(dense.size()); }
  // Dense inputs, then the row of every table.
  int64_t width() const;
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
  // Parameters, tensors or arenas, in which together, all others as they are, the logit is linear: the difference of
  // two networks that differ in them alone is a network of the same architecture.
  std::vector<std::string> output_parameters;
};

// Calls f(arena) for each, the context's first.
template <typename F>
void ForEachArena(const Layout& layout, F f) {
  for (const SideInputs* side : {&layout.context, &layout.ad}) {
    for (const Arena& arena : side->arenas) f(arena);
  }
}

// INVALID_ARGUMENT naming the field: an architecture that is not known (the message lists those that are), hidden,
// cross or attention layers that it does not take, STANDARDIZE without its numbers, a network that is too large.
absl::StatusOr<Layout> MakeLayout(const vickrey::storage::v1::ModelSpec& spec, const features::Schema& schema);

// The inputs alone, as every architecture reads them, for a schema that is frozen; arenas and tensors are those of
// none.
absl::StatusOr<Layout> MakeInputs(const features::Schema& schema);

// DATA_LOSS unless `tensors` are exactly those of the layout, all values finite.
absl::Status CheckTensors(const Layout& layout, const TensorViews& file);

// The tables' tensors, the context's first, starting normal with a deviation; for the architectures.
void AddTables(double deviation, Layout* layout);

// Names of the tensors that are tables, which the native scorers read where they lie; they copy all others.
std::set<std::string> TableTensors(const Layout& layout);

// The layout's tensors at the start of training, a function of `seed`.
TensorFile StartTensors(const Layout& layout, uint64_t seed);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_LAYOUT_H_
