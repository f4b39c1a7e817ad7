#include "vickrey/features/schema.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/status.h"

namespace vickrey::features {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::FeatureSchema;

// Reports what is wrong with a field: key and reason -> status.
using Fault = absl::FunctionRef<absl::Status(std::string_view key, const std::string& what)>;

absl::Status CheckStandardize(const FeatureField& field, Fault fault) {
  if (field.transform() != FeatureField::STANDARDIZE) {
    if (field.has_mean()) return fault("mean", "is given; only fields with the transform STANDARDIZE have one");
    if (field.has_deviation())
      return fault("deviation", "is given; only fields with the transform STANDARDIZE have one");
    return absl::OkStatus();
  }
  if (field.has_mean() && !field.has_deviation()) return fault("deviation", "is missing; `mean` is given beside it");
  if (field.has_deviation() && !field.has_mean()) return fault("mean", "is missing; `deviation` is given beside it");
  if (!std::isfinite(field.mean())) return fault("mean", absl::StrCat(field.mean(), " is not a finite number"));
  if (field.has_deviation() && (!std::isfinite(field.deviation()) || field.deviation() <= 0)) {
    return fault("deviation", absl::StrCat(field.deviation(), " is out of range; it must be finite and above 0"));
  }
  return absl::OkStatus();
}

absl::Status CheckBucketize(const FeatureField& field, Fault fault) {
  if (field.transform() != FeatureField::BUCKETIZE) {
    if (field.boundaries().empty()) return absl::OkStatus();
    return fault("boundaries", "are given; only fields with the transform BUCKETIZE have them");
  }
  if (field.buckets() != 0 && (field.buckets() < 3 || field.buckets() > kMaxBucketizeRows)) {
    return fault("buckets", absl::StrCat(field.buckets(), " is out of range for BUCKETIZE; 3 to ", kMaxBucketizeRows,
                                         " are allowed, one of them for missing values"));
  }
  const int64_t allowed = std::max<int64_t>(0, field.buckets() - 2);
  if (field.boundaries_size() > allowed) {
    return fault("boundaries", absl::StrCat("has ", field.boundaries_size(), " entries; at most ", allowed,
                                            " are allowed, `buckets` (", field.buckets(), ") - 2"));
  }
  for (int i = 0; i < field.boundaries_size(); ++i) {
    const double boundary = field.boundaries(i);
    const std::string key = absl::StrCat("boundaries[", i, "]");
    if (!std::isfinite(boundary)) return fault(key, absl::StrCat(boundary, " is not a finite number"));
    if (i > 0 && boundary <= field.boundaries(i - 1)) {
      return fault(key, absl::StrCat(base::ShortestDecimal(boundary), " must be greater than the one before, ",
                                     base::ShortestDecimal(field.boundaries(i - 1))));
    }
  }
  return absl::OkStatus();
}

// The transform of a field, and what was frozen of it.
absl::Status CheckTransform(const FeatureField& field, Fault fault) {
  if (!FeatureField::Transform_IsValid(field.transform())) {
    return fault("transform", absl::StrCat(static_cast<int>(field.transform()), " is not known"));
  }
  // NONE may stand at any field: it does in schemas that are printed.
  if (field.kind() != FeatureField::DENSE && field.transform() > FeatureField::NONE) {
    return fault("transform",
                 absl::StrCat(FeatureField::Transform_Name(field.transform()), " is for DENSE fields only"));
  }
  RETURN_IF_ERROR(CheckStandardize(field, fault));
  return CheckBucketize(field, fault);
}

absl::Status Check(const FeatureSchema& proto) {
  if (proto.fields().empty() || proto.fields_size() > kMaxFields) {
    return base::InvalidField("fields",
                              absl::StrCat("has ", proto.fields_size(), " entries; 1 to ", kMaxFields, " are allowed"));
  }
  std::unordered_map<std::string_view, int> seen;
  for (int i = 0; i < proto.fields_size(); ++i) {
    const FeatureField& field = proto.fields(i);
    const auto fault = [i](std::string_view key, const std::string& what) {
      return base::InvalidField(absl::StrCat("fields[", i, "].", std::string(key)), what);
    };
    if (!IsId(field.name())) {
      return fault("name", absl::StrCat("'", field.name(), "' is not 1 to 128 characters of [A-Za-z0-9._:-]"));
    }
    if (const auto [other, first] = seen.emplace(field.name(), i); !first) {
      return fault("name", absl::StrCat("'", field.name(), "' is the name of fields[", other->second, "] already"));
    }
    if (field.side() != FeatureField::CONTEXT && field.side() != FeatureField::AD) {
      return fault("side", "must be CONTEXT or AD");
    }
    const bool dense = field.kind() == FeatureField::DENSE;
    if (!dense && field.kind() != FeatureField::CATEGORICAL && field.kind() != FeatureField::BAG) {
      return fault("kind", "must be DENSE, CATEGORICAL or BAG");
    }
    if ((!dense && field.buckets() == 1) || field.buckets() < 0 || field.buckets() > kMaxBuckets) {
      return fault("buckets",
                   absl::StrCat(field.buckets(), " is out of range; it must be at least 2 and at most ", kMaxBuckets));
    }
    if (field.embedding_width() < 0 || field.embedding_width() > kMaxWidth) {
      return fault("embedding_width", absl::StrCat(field.embedding_width(),
                                                   " is out of range; it must be at least 0 and "
                                                   "at most ",
                                                   kMaxWidth));
    }
    RETURN_IF_ERROR(CheckTransform(field, fault));
  }
  const std::string id = SchemaId(proto);
  if (!proto.schema_id().empty() && proto.schema_id() != id) {
    return base::InvalidField("schema_id",
                              absl::StrCat("'", proto.schema_id(), "' is not the hash of these fields, ", id));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == ':' || c == '-';
  });
}

FeatureSchema ForFile(FeatureSchema proto) {
  for (FeatureField& field : *proto.mutable_fields()) {
    if (field.transform() == FeatureField::TRANSFORM_UNSPECIFIED) field.set_transform(FeatureField::NONE);
  }
  return proto;
}

std::string SchemaId(const FeatureSchema& proto) {
  std::string text;
  for (const FeatureField& field : proto.fields()) {
    absl::StrAppend(&text, field.name(), "\x1f", FeatureField::Kind_Name(field.kind()), "\x1f",
                    FeatureField::Side_Name(field.side()), "\x1e");
  }
  return absl::StrFormat("%016x", XXH64(text.data(), text.size(), /*seed=*/0));
}

Schema::Schema(FeatureSchema proto) : proto_(std::move(proto)) {
  for (const FeatureField& field : proto_.fields()) {
    Counts& counts = field.side() == FeatureField::CONTEXT ? context_ : ad_;
    int& count = field.kind() == FeatureField::DENSE         ? counts.dense
                 : field.kind() == FeatureField::CATEGORICAL ? counts.categorical
                                                             : counts.bag;
    index_[field.name()] = fields_.size();
    fields_.push_back({field.name(), field.side(), field.kind(), count++});
  }
}

absl::StatusOr<std::shared_ptr<const Schema>> Schema::Create(FeatureSchema proto) {
  RETURN_IF_ERROR(Check(proto));
  proto.set_schema_id(SchemaId(proto));
  return std::shared_ptr<const Schema>(new Schema(std::move(proto)));
}

const Schema::Counts& Schema::counts(FeatureField::Side side) const {
  return side == FeatureField::CONTEXT ? context_ : ad_;
}

const Schema::Field* Schema::Find(FeatureField::Side side, std::string_view name) const {
  const auto found = index_.find(absl::string_view(name.data(), name.size()));
  if (found == index_.end() || fields_[found->second].side != side) return nullptr;
  return &fields_[found->second];
}

}  // namespace vickrey::features
