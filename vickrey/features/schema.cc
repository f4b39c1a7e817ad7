#include "vickrey/features/schema.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vickrey/base/status.h"

namespace vickrey::features {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::FeatureSchema;

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
    if (!dense && (field.buckets() == 1 || field.buckets() < 0)) {
      return fault("buckets", absl::StrCat(field.buckets(), " is out of range; it must be at least 2"));
    }
    if (field.embedding_width() < 0) {
      return fault("embedding_width", absl::StrCat(field.embedding_width(), " is negative"));
    }
  }
  const std::string id = SchemaId(proto);
  if (!proto.schema_id().empty() && proto.schema_id() != id) {
    return base::InvalidField("schema_id",
                              absl::StrCat("'", proto.schema_id(), "' is not the hash of these fields, ", id));
  }
  return absl::OkStatus();
}

void Append(std::string_view name, FeatureField::Side side, FeatureField::Kind kind, FeatureSchema* schema) {
  FeatureField& field = *schema->add_fields();
  field.set_name(std::string(name));
  field.set_side(side);
  field.set_kind(kind);
  if (kind == FeatureField::DENSE) {
    field.set_transform(FeatureField::NONE);
  } else {
    field.set_buckets(1 << 16);
    field.set_embedding_width(8);
  }
}

FeatureSchema Criteo() {
  FeatureSchema schema;
  for (int i = 1; i <= 13; ++i) {
    Append(absl::StrCat("I", i), FeatureField::AD, FeatureField::DENSE, &schema);
    schema.mutable_fields(i - 1)->set_transform(FeatureField::SIGNED_LOG1P);
  }
  for (int i = 1; i <= 26; ++i) Append(absl::StrCat("C", i), FeatureField::AD, FeatureField::CATEGORICAL, &schema);
  return schema;
}

FeatureSchema Outbrain() {
  FeatureSchema schema;
  for (const char* name : {"document_id", "platform", "geo_location"}) {
    Append(name, FeatureField::CONTEXT, FeatureField::CATEGORICAL, &schema);
  }
  Append("ad_id", FeatureField::AD, FeatureField::CATEGORICAL, &schema);
  return schema;
}

FeatureSchema Ipinyou() {
  FeatureSchema schema;
  for (const char* name : {"weekday", "hour", "useragent", "IP", "region", "city", "adexchange", "domain", "url",
                           "urlid", "slotid", "slotwidth", "slotheight", "slotvisibility", "slotformat"}) {
    Append(name, FeatureField::CONTEXT, FeatureField::CATEGORICAL, &schema);
  }
  Append("slotprice", FeatureField::CONTEXT, FeatureField::DENSE, &schema);
  schema.mutable_fields(schema.fields_size() - 1)->set_transform(FeatureField::SIGNED_LOG1P);
  Append("usertag", FeatureField::CONTEXT, FeatureField::BAG, &schema);
  for (const char* name : {"creative", "keypage", "advertiser"}) {
    Append(name, FeatureField::AD, FeatureField::CATEGORICAL, &schema);
  }
  return schema;
}

FeatureSchema OpenBandit() {
  FeatureSchema schema;
  for (int i = 0; i < 4; ++i) {
    Append(absl::StrCat("user_feature_", i), FeatureField::CONTEXT, FeatureField::CATEGORICAL, &schema);
  }
  Append("item_id", FeatureField::AD, FeatureField::CATEGORICAL, &schema);
  Append("affinity", FeatureField::AD, FeatureField::DENSE, &schema);
  Append("item_feature_0", FeatureField::AD, FeatureField::DENSE, &schema);
  for (int i = 1; i < 4; ++i) {
    Append(absl::StrCat("item_feature_", i), FeatureField::AD, FeatureField::CATEGORICAL, &schema);
  }
  return schema;
}

FeatureSchema Synthetic() {
  FeatureSchema schema;
  for (int i = 0; i < 4; ++i) Append(absl::StrCat("c", i), FeatureField::CONTEXT, FeatureField::DENSE, &schema);
  for (int i = 0; i < 8; ++i) Append(absl::StrCat("a", i), FeatureField::AD, FeatureField::DENSE, &schema);
  Append("segment", FeatureField::AD, FeatureField::DENSE, &schema);
  return schema;
}

FeatureSchema SyntheticTower() {
  FeatureSchema schema;
  for (int i = 0; i < 8; ++i) Append(absl::StrCat("c", i), FeatureField::CONTEXT, FeatureField::DENSE, &schema);
  for (int i = 0; i < 8; ++i) Append(absl::StrCat("a", i), FeatureField::AD, FeatureField::DENSE, &schema);
  return schema;
}

FeatureSchema SyntheticAds() {
  FeatureSchema schema;
  for (int i = 0; i < 4; ++i) Append(absl::StrCat("c", i), FeatureField::CONTEXT, FeatureField::DENSE, &schema);
  Append("ad", FeatureField::AD, FeatureField::CATEGORICAL, &schema);
  schema.mutable_fields(4)->set_buckets(64);
  return schema;
}

constexpr std::pair<std::string_view, FeatureSchema (*)()> kPresets[] = {
    {"criteo", &Criteo},
    {"ipinyou", &Ipinyou},
    {"open_bandit", &OpenBandit},
    {"outbrain", &Outbrain},
    {"synthetic", &Synthetic},
    {"synthetic_ads", &SyntheticAds},
    {"synthetic_tower", &SyntheticTower},
};

}  // namespace

bool IsId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == ':' || c == '-';
  });
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

absl::StatusOr<std::shared_ptr<const Schema>> Schema::Preset(std::string_view name) {
  std::string known;
  for (const auto& [preset, make] : kPresets) {
    if (preset == name) return Create(make());
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(preset));
  }
  return base::InvalidField("schema", absl::StrCat("'", std::string(name), "' is not known; known: ", known));
}

std::vector<std::string_view> Schema::PresetNames() {
  std::vector<std::string_view> names;
  for (const auto& [preset, make] : kPresets) names.push_back(preset);
  return names;
}

const Schema::Counts& Schema::counts(FeatureField::Side side) const {
  return side == FeatureField::CONTEXT ? context_ : ad_;
}

const Schema::Field* Schema::Find(FeatureField::Side side, std::string_view name) const {
  const auto found = index_.find(std::string(name));
  if (found == index_.end() || fields_[found->second].side != side) return nullptr;
  return &fields_[found->second];
}

}  // namespace vickrey::features
