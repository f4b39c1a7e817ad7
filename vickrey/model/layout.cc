#include "vickrey/model/layout.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/model/architecture.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;
using vickrey::v1::FeatureField;

constexpr int64_t kMaxParameters = int64_t{1} << 32;

absl::Status CheckTable(const FeatureField& field) {
  if (field.buckets() < 2 || field.buckets() > kMaxParameters) {
    return base::InvalidField(absl::StrCat("schema.", field.name(), ".buckets"),
                              absl::StrCat(field.buckets(), " is out of range; 2 to ", kMaxParameters, " are allowed"));
  }
  return absl::OkStatus();
}

// Whether tensors of these shapes have more than kMaxParameters values.
bool IsTooLarge(const std::vector<TensorSpec>& tensors) {
  int64_t parameters = 0;
  for (const TensorSpec& tensor : tensors) {
    int64_t count = 1;
    for (const int64_t size : tensor.shape) {
      if (size > 0 && count > kMaxParameters / size) return true;
      count *= size;
    }
    parameters += count;
    if (parameters > kMaxParameters) return true;
  }
  return false;
}

absl::Status CheckTransform(const FeatureField& field) {
  if (field.transform() == FeatureField::STANDARDIZE || field.transform() == FeatureField::BUCKETIZE) {
    return base::InvalidField(absl::StrCat("schema.", field.name(), ".transform"),
                              absl::StrCat(FeatureField::Transform_Name(field.transform()),
                                           " is not part of this version; NONE and SIGNED_LOG1P are"));
  }
  return absl::OkStatus();
}

}  // namespace

int SideInputs::width() const {
  int width = dense_width();
  for (const TableInput& table : tables) width += table.width;
  return width;
}

absl::StatusOr<Layout> MakeLayout(const ModelSpec& spec, const features::Schema& schema) {
  ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(spec.architecture()));
  Layout layout;
  for (int i = 0; i < schema.proto().fields_size(); ++i) {
    const FeatureField& field = schema.proto().fields(i);
    SideInputs& side = field.side() == FeatureField::CONTEXT ? layout.context : layout.ad;
    const int position = schema.fields()[i].position;
    if (field.kind() == FeatureField::DENSE) {
      RETURN_IF_ERROR(CheckTransform(field));
      side.dense.push_back({field.transform(), position});
      continue;
    }
    RETURN_IF_ERROR(CheckTable(field));
    side.tables.push_back({.tensor = absl::StrCat("table.", field.name()),
                           .buckets = field.buckets(),
                           .width = field.embedding_width(),
                           .bag = field.kind() == FeatureField::BAG,
                           .position = position});
  }
  RETURN_IF_ERROR(architecture->complete(spec, &layout));
  if (IsTooLarge(layout.tensors)) {
    return base::InvalidField("model", absl::StrCat("has more than ", kMaxParameters, " parameters"));
  }
  return layout;
}

absl::Status CheckTensors(const Layout& layout, const TensorViews& file) {
  if (file.tensors.size() != layout.tensors.size()) {
    return absl::DataLossError(
        absl::StrCat("has ", file.tensors.size(), " tensors; the network needs ", layout.tensors.size()));
  }
  for (const TensorSpec& spec : layout.tensors) {
    const auto found = file.tensors.find(spec.name);
    if (found == file.tensors.end()) return absl::DataLossError(absl::StrCat("has no tensor '", spec.name, "'"));
    if (found->second.shape != spec.shape) {
      return absl::DataLossError(absl::StrCat("tensor '", spec.name, "' has the shape [",
                                              absl::StrJoin(found->second.shape, ", "), "]; the network needs [",
                                              absl::StrJoin(spec.shape, ", "), "]"));
    }
    for (const float value : found->second.values) {
      if (!std::isfinite(value)) {
        return absl::DataLossError(absl::StrCat("tensor '", spec.name, "' holds a value that is not finite"));
      }
    }
  }
  return absl::OkStatus();
}

TensorFile StartTensors(const Layout& layout, uint64_t seed) {
  TensorFile file;
  for (size_t i = 0; i < layout.tensors.size(); ++i) {
    const TensorSpec& spec = layout.tensors[i];
    base::RandomStream random(seed, base::StreamId("model.start"), i);
    Tensor tensor{.shape = spec.shape, .values = std::vector<float>(CountOf(spec.shape))};
    if (spec.start == TensorSpec::Start::kUniform) {
      for (float& value : tensor.values) value = static_cast<float>(spec.scale * (2 * random.Uniform() - 1));
    } else if (spec.start == TensorSpec::Start::kNormal) {
      for (float& value : tensor.values) value = static_cast<float>(spec.scale * random.Normal());
    } else if (spec.start == TensorSpec::Start::kConstant) {
      std::fill(tensor.values.begin(), tensor.values.end(), static_cast<float>(spec.scale));
    }
    file.tensors.emplace(spec.name, std::move(tensor));
  }
  return file;
}

}  // namespace vickrey::model
