#include "vickrey/log/feature_writer.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/base/utf8.h"
#include "vickrey/features/fingerprint.h"

namespace vickrey::log {

FeatureWriter::FeatureWriter(std::shared_ptr<const features::Schema> schema, bool encode)
    : schema_(std::move(schema)), encode_(encode) {
  for (const features::Schema::Field& field : schema_->fields()) fingerprinters_.emplace_back(field.name);
}

void FeatureWriter::Start(vickrey::v1::FeatureField::Side side, vickrey::v1::Features* features) {
  side_ = side;
  features_ = features;
  if (!encode_) {
    features_->mutable_named();
    return;
  }
  const features::Schema::Counts& counts = schema_->counts(side);
  encoded_ = features_->mutable_encoded();
  encoded_->set_schema_id(schema_->id());
  encoded_->mutable_dense()->Resize(counts.dense, std::numeric_limits<float>::quiet_NaN());
  encoded_->mutable_fingerprints()->Resize(counts.categorical, features::kMissing);
  bags_.resize(static_cast<size_t>(counts.bag));
  for (auto& bag : bags_) bag.clear();
}

absl::Status FeatureWriter::Number(size_t field, double value) {
  const features::Schema::Field& to = schema_->fields()[field];
  if (!std::isfinite(static_cast<float>(value))) {
    return base::InvalidField(to.name, absl::StrCat(value, " is not a number that a float holds"));
  }
  if (encode_) {
    encoded_->set_dense(to.position, static_cast<float>(value));
  } else {
    (*features_->mutable_named()->mutable_fields())[to.name].set_number_value(value);
  }
  return absl::OkStatus();
}

absl::Status FeatureWriter::CheckText(const features::Schema::Field& field, std::string_view value) const {
  if (!base::IsUtf8(value)) return base::InvalidField(field.name, "is not UTF-8");
  if (value.size() <= features::kMaxValueBytes) return absl::OkStatus();
  return base::InvalidField(
      field.name, absl::StrCat("has ", value.size(), " bytes; at most ", features::kMaxValueBytes, " are allowed"));
}

absl::Status FeatureWriter::Text(size_t field, std::string_view value) {
  const features::Schema::Field& to = schema_->fields()[field];
  RETURN_IF_ERROR(CheckText(to, value));
  if (encode_) {
    encoded_->set_fingerprints(to.position, fingerprinters_[field](value));
  } else {
    (*features_->mutable_named()->mutable_fields())[to.name].set_string_value(value.data(), value.size());
  }
  return absl::OkStatus();
}

absl::Status FeatureWriter::Member(size_t field, std::string_view value) {
  const features::Schema::Field& to = schema_->fields()[field];
  RETURN_IF_ERROR(CheckText(to, value));
  const auto check = [&](size_t members) {
    if (members < features::kMaxBagValues) return absl::OkStatus();
    return base::InvalidField(to.name, absl::StrCat("has more than ", features::kMaxBagValues, " values"));
  };
  if (encode_) {
    auto& bag = bags_[static_cast<size_t>(to.position)];
    RETURN_IF_ERROR(check(bag.size()));
    bag.push_back(fingerprinters_[field](value));
  } else {
    auto& list = *(*features_->mutable_named()->mutable_fields())[to.name].mutable_list_value();
    RETURN_IF_ERROR(check(static_cast<size_t>(list.values_size())));
    list.add_values()->set_string_value(value.data(), value.size());
  }
  return absl::OkStatus();
}

void FeatureWriter::Finish() {
  if (!encode_) return;
  for (const auto& bag : bags_) {
    encoded_->add_bag_lengths(static_cast<uint32_t>(bag.size()));
    encoded_->mutable_bag_fingerprints()->Add(bag.begin(), bag.end());
  }
}

}  // namespace vickrey::log
