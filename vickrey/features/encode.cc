#include "vickrey/features/encode.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/status.h"
#include "vickrey/features/fingerprint.h"

namespace vickrey::features {
namespace {

using google::protobuf::Value;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;

constexpr double kMaxExactWhole = 9007199254740992;  // 2^53

// Where a value stands, put together for errors only: the text costs as much as the value's encoding.
struct Place {
  std::string_view side;
  const std::string& name;
  int member = -1;  // of a bag

  std::string Text() const {
    return absl::StrCat(std::string(side), ".", name, member < 0 ? "" : absl::StrCat("[", member, "]"));
  }
};

absl::StatusOr<float> Dense(const Value& value, const Place& place) {
  if (value.kind_case() == Value::kStringValue && value.string_value() == "NaN") {
    return std::numeric_limits<float>::quiet_NaN();
  }
  if (value.kind_case() != Value::kNumberValue) {
    const std::string given = value.kind_case() == Value::kStringValue
                                  ? absl::StrCat("'", absl::CHexEscape(value.string_value().substr(0, 40)), "' ")
                                  : "";
    return base::InvalidField(place.Text(), absl::StrCat(given, "must be a number, or null for missing"));
  }
  const auto x = static_cast<float>(value.number_value());
  if (std::isinf(x)) {
    return base::InvalidField(place.Text(), absl::StrCat(value.number_value(), " is more than a float can hold"));
  }
  return x;
}

absl::StatusOr<uint64_t> Categorical(const Value& value, const Place& place) {
  std::string number;
  std::string_view text;
  if (value.kind_case() == Value::kStringValue) {
    text = value.string_value();
  } else if (value.kind_case() == Value::kNumberValue && std::abs(value.number_value()) < kMaxExactWhole &&
             std::trunc(value.number_value()) == value.number_value()) {
    text = number = absl::StrCat(static_cast<int64_t>(value.number_value()));
  } else {
    return base::InvalidField(place.Text(), "must be a text or a whole number below 2^53 in size, or null for missing");
  }
  if (text.size() > kMaxValueBytes) {
    return base::InvalidField(place.Text(),
                              absl::StrCat("has ", text.size(), " bytes; at most ", kMaxValueBytes, " are allowed"));
  }
  return Fingerprint(place.name, text);
}

absl::StatusOr<std::vector<uint64_t>> Bag(const Value& value, const Place& place) {
  if (value.kind_case() != Value::kListValue)
    return base::InvalidField(place.Text(), "must be a list, or null for empty");
  const auto& members = value.list_value().values();
  if (members.size() > kMaxBagValues) {
    return base::InvalidField(place.Text(),
                              absl::StrCat("has ", members.size(), " values; at most ", kMaxBagValues, " are allowed"));
  }
  std::vector<uint64_t> bag;
  for (int i = 0; i < members.size(); ++i) {
    ASSIGN_OR_RETURN(const uint64_t member, Categorical(members[i], {place.side, place.name, i}));
    bag.push_back(member);
  }
  return bag;
}

absl::Status UnknownField(const Schema& schema, FeatureField::Side side, const std::string& where) {
  std::vector<std::string> known;
  for (const Schema::Field& field : schema.fields()) {
    if (field.side == side) known.push_back(field.name);
  }
  return base::InvalidField(where, known.empty() ? "unknown field; this side of the schema has no fields"
                                                 : absl::StrCat("unknown field; known: ", absl::StrJoin(known, ", ")));
}

}  // namespace

absl::Status Encode(const Schema& schema, FeatureField::Side side, const google::protobuf::Struct& named,
                    std::string_view where, EncodedFeatures* encoded) {
  const Schema::Counts& counts = schema.counts(side);
  EncodedFeatures result;
  result.set_schema_id(schema.id());
  result.mutable_dense()->Resize(counts.dense, std::numeric_limits<float>::quiet_NaN());
  result.mutable_fingerprints()->Resize(counts.categorical, kMissing);
  std::vector<std::vector<uint64_t>> bags(counts.bag);
  for (const auto& [name, value] : named.fields()) {
    const Place place = {where, name};
    const Schema::Field* field = schema.Find(side, name);
    if (field == nullptr) return UnknownField(schema, side, place.Text());
    if (value.kind_case() == Value::kNullValue || value.kind_case() == Value::KIND_NOT_SET) continue;
    if (field->kind == FeatureField::DENSE) {
      ASSIGN_OR_RETURN(const float x, Dense(value, place));
      result.set_dense(field->position, x);
    } else if (field->kind == FeatureField::CATEGORICAL) {
      ASSIGN_OR_RETURN(const uint64_t fingerprint, Categorical(value, place));
      result.set_fingerprints(field->position, fingerprint);
    } else {
      ASSIGN_OR_RETURN(bags[field->position], Bag(value, place));
    }
  }
  for (const auto& bag : bags) {
    result.add_bag_lengths(static_cast<uint32_t>(bag.size()));
    result.mutable_bag_fingerprints()->Add(bag.begin(), bag.end());
  }
  *encoded = std::move(result);
  return absl::OkStatus();
}

absl::Status CheckEncoded(const Schema& schema, FeatureField::Side side, const EncodedFeatures& encoded,
                          std::string_view where) {
  const auto fault = [&](std::string_view array, const std::string& what) {
    return base::InvalidField(absl::StrCat(std::string(where), ".", std::string(array)), what);
  };
  if (encoded.schema_id() != schema.id()) {
    return fault("schema_id", absl::StrCat("'", encoded.schema_id(), "' is not the schema used here, ", schema.id()));
  }
  const Schema::Counts& counts = schema.counts(side);
  const auto check_length = [&](std::string_view array, int has, int64_t needs) {
    if (has == needs) return absl::OkStatus();
    return fault(array, absl::StrCat("has ", has, " entries; the schema needs ", needs));
  };
  RETURN_IF_ERROR(check_length("dense", encoded.dense_size(), counts.dense));
  RETURN_IF_ERROR(check_length("fingerprints", encoded.fingerprints_size(), counts.categorical));
  RETURN_IF_ERROR(check_length("bag_lengths", encoded.bag_lengths_size(), counts.bag));
  int64_t members = 0;
  for (int i = 0; i < encoded.bag_lengths_size(); ++i) {
    if (encoded.bag_lengths(i) > kMaxBagValues) {
      return fault(absl::StrCat("bag_lengths[", i, "]"),
                   absl::StrCat(encoded.bag_lengths(i), " is out of range; at most ", kMaxBagValues, " are allowed"));
    }
    members += encoded.bag_lengths(i);
  }
  RETURN_IF_ERROR(check_length("bag_fingerprints", encoded.bag_fingerprints_size(), members));
  for (int i = 0; i < encoded.dense_size(); ++i) {
    if (std::isinf(encoded.dense(i))) return fault(absl::StrCat("dense[", i, "]"), "is infinite; NaN means missing");
  }
  return absl::OkStatus();
}

}  // namespace vickrey::features
