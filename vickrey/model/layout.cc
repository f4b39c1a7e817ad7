#include "vickrey/model/layout.h"

#include <algorithm>
#include <bit>
#include <span>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/model/architecture.h"
#include "vickrey/model/matrix.h"

namespace vickrey::model {
namespace {

using vickrey::storage::v1::ModelSpec;
using vickrey::v1::FeatureField;

constexpr int64_t kMaxParameters = int64_t{1} << 32;

absl::Status CheckTable(const FeatureField& field) {
  if (field.buckets() < 2 || field.buckets() > features::kMaxBuckets) {
    return base::InvalidField(
        absl::StrCat("schema.", field.name(), ".buckets"),
        absl::StrCat(field.buckets(), " is out of range; 2 to ", features::kMaxBuckets, " are allowed"));
  }
  return absl::OkStatus();
}

// Whether tensors of these shapes have more than kMaxParameters values, with the rows that packing adds to a matrix.
bool IsTooLarge(const std::vector<TensorSpec>& tensors) {
  int64_t parameters = 0;
  for (const TensorSpec& tensor : tensors) {
    int64_t count = 1;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      const int64_t size = i == 0 && tensor.shape.size() > 1 ? PackedMatrix::Padded(tensor.shape[i]) : tensor.shape[i];
      if (size > 0 && count > kMaxParameters / size) return true;
      count *= size;
    }
    parameters += count;
    if (parameters > kMaxParameters) return true;
  }
  return false;
}

// By the exponents, without a branch for each: the check of a gigabyte of tables is a part of loading it.
bool AllFinite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000;
  constexpr size_t kAtATime = 4096;
  for (size_t begin = 0; begin < values.size(); begin += kAtATime) {
    uint32_t faults = 0;
    for (const float value : values.subspan(begin, std::min(kAtATime, values.size() - begin))) {
      faults |= static_cast<uint32_t>((std::bit_cast<uint32_t>(value) & kExponent) == kExponent);
    }
    if (faults != 0) return false;
  }
  return true;
}

absl::Status CheckFrozen(const FeatureField& field) {
  if (field.transform() == FeatureField::STANDARDIZE && !(field.has_mean() && field.has_deviation())) {
    return base::InvalidField(absl::StrCat("schema.", field.name(), ".mean"),
                              "is required, with deviation, for STANDARDIZE: training fills them in");
  }
  return absl::OkStatus();
}

absl::Status CheckWidth(const FeatureField& field, const Architecture& architecture, int width) {
  if (width >= 1 && width <= features::kMaxWidth) return absl::OkStatus();
  return base::InvalidField(
      absl::StrCat("schema.", field.name(), ".embedding_width"),
      absl::StrCat(width, " is out of range; ", std::string(architecture.name), " needs 1 to ", features::kMaxWidth));
}

// What an architecture does not read must not be there.
absl::Status CheckUnread(const ModelSpec& spec, const Architecture& architecture) {
  for (const auto& [field, value, read] : {std::tuple("cross_layers", spec.cross_layers(), architecture.crosses),
                                           {"cross_rank", spec.cross_rank(), architecture.crosses},
                                           {"attention_layers", spec.attention_layers(), architecture.attends},
                                           {"attention_heads", spec.attention_heads(), architecture.attends},
                                           {"attention_width", spec.attention_width(), architecture.attends},
                                           {"field_width", spec.field_width(), architecture.attends}}) {
    if (value != 0 && !read) {
      return base::InvalidField(field, absl::StrCat("is not read by '", spec.architecture(), "'"));
    }
  }
  return absl::OkStatus();
}

// Adds a table to the last arena of its side if they go together, else to a new one.
void AddTable(TableInput table, int width, std::string_view side_name, SideInputs* side) {
  int64_t& of_kind = table.bag() ? side->bags : side->singles;
  if (side->arenas.empty() || side->arenas.back().width != width || side->arenas.back().bags != table.bag()) {
    side->arenas.push_back({.parameter = absl::StrCat("arena.", std::string(side_name), ".", side->arenas.size()),
                            .width = width,
                            .bags = table.bag(),
                            .first = of_kind});
  }
  ++of_kind;
  Arena& arena = side->arenas.back();
  table.first_row = arena.rows;
  arena.rows += table.buckets;
  arena.tables.push_back(std::move(table));
}

TableInput TableOf(const FeatureField& field, int position) {
  return {.tensor = absl::StrCat("table.", field.name()),
          .buckets = field.buckets(),
          .bucketing = features::Bucketing(field.buckets()),
          .of = field.kind() == FeatureField::DENSE ? TableInput::Of::kNumber
                : field.kind() == FeatureField::BAG ? TableInput::Of::kBag
                                                    : TableInput::Of::kFingerprint,
          .position = position,
          .boundaries = {field.boundaries().begin(), field.boundaries().end()}};
}

// A layout with inputs and nothing else. `width_of`: of the rows of a field's table.
template <typename F>
absl::StatusOr<Layout> InputsOf(const features::Schema& schema, F width_of) {
  Layout layout;
  for (int i = 0; i < schema.proto().fields_size(); ++i) {
    const FeatureField& field = schema.proto().fields(i);
    const bool context = field.side() == FeatureField::CONTEXT;
    SideInputs& side = context ? layout.context : layout.ad;
    const int position = schema.fields()[i].position;
    if (field.kind() == FeatureField::DENSE && field.transform() != FeatureField::BUCKETIZE) {
      RETURN_IF_ERROR(CheckFrozen(field));
      side.dense.push_back({field.transform(), position, field.mean(), field.has_deviation() ? field.deviation() : 1});
      continue;
    }
    RETURN_IF_ERROR(CheckTable(field));
    ASSIGN_OR_RETURN(const int width, width_of(field));
    AddTable(TableOf(field, position), width, context ? "context" : "ad", &side);
  }
  return layout;
}

}  // namespace

int64_t SideInputs::width() const {
  int64_t width = dense_width();
  for (const Arena& arena : arenas) width += arena.columns();
  return width;
}

absl::StatusOr<Layout> MakeInputs(const features::Schema& schema) {
  return InputsOf(schema, [](const FeatureField&) { return absl::StatusOr<int>(1); });
}

absl::StatusOr<Layout> MakeLayout(const ModelSpec& spec, const features::Schema& schema) {
  ASSIGN_OR_RETURN(const Architecture* architecture, FindArchitecture(spec.architecture()));
  RETURN_IF_ERROR(CheckUnread(spec, *architecture));
  ASSIGN_OR_RETURN(Layout layout, InputsOf(schema, [&](const FeatureField& field) -> absl::StatusOr<int> {
                     const int width = architecture->table_width(spec, field);
                     RETURN_IF_ERROR(CheckWidth(field, *architecture, width));
                     return width;
                   }));
  RETURN_IF_ERROR(architecture->complete(spec, &layout));
  if (IsTooLarge(layout.tensors)) {
    return base::InvalidField("model", absl::StrCat("has more than ", kMaxParameters, " parameters"));
  }
  return layout;
}

void AddTables(double deviation, Layout* layout) {
  ForEachArena(*layout, [&](const Arena& arena) {
    for (const TableInput& table : arena.tables) {
      layout->tensors.push_back({.name = table.tensor,
                                 .shape = {table.buckets, arena.width},
                                 .start = deviation > 0 ? TensorSpec::Start::kNormal : TensorSpec::Start::kZero,
                                 .scale = deviation});
    }
  });
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
    if (!AllFinite(found->second.values)) {
      return absl::DataLossError(absl::StrCat("tensor '", spec.name, "' holds a value that is not finite"));
    }
  }
  return absl::OkStatus();
}

std::set<std::string> TableTensors(const Layout& layout) {
  std::set<std::string> names;
  ForEachArena(layout, [&](const Arena& arena) {
    for (const TableInput& table : arena.tables) names.insert(table.tensor);
  });
  return names;
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
