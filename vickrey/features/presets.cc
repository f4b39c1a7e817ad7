// The schemas that come with the program: those of the importers and of the synthetic markets.
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"

namespace vickrey::features {
namespace {

using vickrey::v1::FeatureField;
using vickrey::v1::FeatureSchema;

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

// Rows of tables: a power of two, at least 16 for each value where the values are few and known, so that hardly any two
// share a row (the tests look at those that are known), and 2^17 or 2^18 where they are too many for that.
struct TableField {
  const char* name;
  FeatureField::Kind kind;
  int64_t buckets;
  int32_t width;
};

void AppendTables(FeatureField::Side side, std::initializer_list<TableField> tables, FeatureSchema* schema) {
  for (const TableField& table : tables) {
    Append(table.name, side, table.kind, schema);
    FeatureField& field = *schema->mutable_fields(schema->fields_size() - 1);
    field.set_buckets(table.buckets);
    field.set_embedding_width(table.width);
  }
}

FeatureSchema Outbrain() {
  FeatureSchema schema;
  AppendTables(FeatureField::CONTEXT,
               {{"document_id", FeatureField::CATEGORICAL, 1 << 18, 8},    // about a million
                {"platform", FeatureField::CATEGORICAL, 1 << 10, 4},       // 3
                {"geo_location", FeatureField::CATEGORICAL, 1 << 16, 8}},  // 3,000
               &schema);
  AppendTables(FeatureField::AD, {{"ad_id", FeatureField::CATEGORICAL, 1 << 18, 8}}, &schema);  // half a million
  return schema;
}

FeatureSchema Ipinyou() {
  FeatureSchema schema;
  AppendTables(FeatureField::CONTEXT,
               {{"weekday", FeatureField::CATEGORICAL, 1 << 10, 4},         // 7
                {"hour", FeatureField::CATEGORICAL, 1 << 10, 4},            // 24
                {"useragent", FeatureField::CATEGORICAL, 1 << 12, 8},       // system and browser: some 50
                {"IP", FeatureField::CATEGORICAL, 1 << 18, 8},              // without its last byte
                {"region", FeatureField::CATEGORICAL, 1 << 12, 8},          // 35
                {"city", FeatureField::CATEGORICAL, 1 << 13, 8},            // 370
                {"adexchange", FeatureField::CATEGORICAL, 1 << 10, 4},      // 5
                {"domain", FeatureField::CATEGORICAL, 1 << 17, 8},          // tens of thousands
                {"url", FeatureField::CATEGORICAL, 1 << 18, 8},             // millions
                {"urlid", FeatureField::CATEGORICAL, 1 << 12, 8},           // hardly ever given
                {"slotid", FeatureField::CATEGORICAL, 1 << 17, 8},          // some 100,000
                {"slotwidth", FeatureField::CATEGORICAL, 1 << 11, 4},       // 20
                {"slotheight", FeatureField::CATEGORICAL, 1 << 10, 4},      // 15
                {"slotvisibility", FeatureField::CATEGORICAL, 1 << 12, 4},  // a dozen
                {"slotformat", FeatureField::CATEGORICAL, 1 << 10, 4}},     // 4
               &schema);
  // An amount, often 0 and up to some hundreds: the logarithm keeps 0 apart from a low floor, and needs no statistics.
  Append("slotprice", FeatureField::CONTEXT, FeatureField::DENSE, &schema);
  schema.mutable_fields(schema.fields_size() - 1)->set_transform(FeatureField::SIGNED_LOG1P);
  AppendTables(FeatureField::CONTEXT, {{"usertag", FeatureField::BAG, 1 << 13, 8}}, &schema);  // 70
  AppendTables(FeatureField::AD,
               {{"creative", FeatureField::CATEGORICAL, 1 << 13, 8},     // 130
                {"keypage", FeatureField::CATEGORICAL, 1 << 12, 8},      // some dozens
                {"advertiser", FeatureField::CATEGORICAL, 1 << 10, 4}},  // 9
               &schema);
  return schema;
}

FeatureSchema OpenBandit() {
  FeatureSchema schema;
  AppendTables(FeatureField::CONTEXT,
               {{"user_feature_0", FeatureField::CATEGORICAL, 1 << 10, 4},   // 4
                {"user_feature_1", FeatureField::CATEGORICAL, 1 << 10, 4},   // 6
                {"user_feature_2", FeatureField::CATEGORICAL, 1 << 10, 4},   // 10
                {"user_feature_3", FeatureField::CATEGORICAL, 1 << 10, 4}},  // 10
               &schema);
  AppendTables(FeatureField::AD, {{"item_id", FeatureField::CATEGORICAL, 1 << 14, 8}}, &schema);  // 80
  Append("affinity", FeatureField::AD, FeatureField::DENSE, &schema);                             // a count, mostly 0
  schema.mutable_fields(schema.fields_size() - 1)->set_transform(FeatureField::SIGNED_LOG1P);
  Append("item_feature_0", FeatureField::AD, FeatureField::DENSE, &schema);  // of a scale that nobody says
  schema.mutable_fields(schema.fields_size() - 1)->set_transform(FeatureField::STANDARDIZE);
  AppendTables(FeatureField::AD,
               {{"item_feature_1", FeatureField::CATEGORICAL, 1 << 10, 4},   // 7
                {"item_feature_2", FeatureField::CATEGORICAL, 1 << 12, 4},   // some 20
                {"item_feature_3", FeatureField::CATEGORICAL, 1 << 10, 4}},  // 5
               &schema);
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

}  // namespace vickrey::features
