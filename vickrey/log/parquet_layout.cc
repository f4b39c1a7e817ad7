#include "vickrey/log/parquet_layout.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::log {
namespace {

using google::protobuf::Value;
using vickrey::v1::Features;
using Kind = ParquetLayout::Kind;

void ObserveSide(const Features& features, ParquetLayout::Side* side) {
  if (features.has_encoded()) side->encoded = true;
  if (!features.has_named()) return;
  side->named = true;
  for (const auto& [name, value] : features.named().fields()) {
    if (side->fields.size() > ParquetLayout::kMaxColumns) return;  // no field gets a column; memory stays bounded
    const Kind kind = ParquetLayout::KindOf(value);
    const auto [it, added] = side->fields.emplace(name, kind);
    if (!added && it->second != kind) it->second = Kind::kJson;
  }
}

absl::Status SideHolds(const ParquetLayout::Side& side, const std::string& at, const Features& features) {
  const auto fault = [&](const std::string& what) {
    return absl::FailedPreconditionError(absl::StrCat(at, what, " is not as in the records that were observed"));
  };
  if (features.has_encoded() && !side.encoded) return fault(", encoded,");
  if (!features.has_named()) return absl::OkStatus();
  if (!side.named) return fault("");
  if (side.AsJson()) return absl::OkStatus();
  for (const auto& [name, value] : features.named().fields()) {
    const auto it = side.fields.find(name);
    if (it == side.fields.end() || (it->second != Kind::kJson && it->second != ParquetLayout::KindOf(value))) {
      return fault(absl::StrCat(".", name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

Kind ParquetLayout::KindOf(const Value& value) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return Kind::kNumber;
    case Value::kStringValue:
      return Kind::kText;
    case Value::kListValue:
      for (const Value& member : value.list_value().values()) {
        if (!member.has_string_value()) return Kind::kJson;
      }
      return Kind::kTexts;
    default:
      return Kind::kJson;
  }
}

void ParquetLayout::Observe(const vickrey::v1::LoggedAuction& record) {
  ObserveSide(record.auction().context(), &context_);
  for (const auto& candidate : record.auction().candidates()) ObserveSide(candidate.features(), &candidate_);
}

absl::Status ParquetLayout::Holds(const vickrey::v1::LoggedAuction& record) const {
  RETURN_IF_ERROR(SideHolds(context_, "context", record.auction().context()));
  for (int i = 0; i < record.auction().candidates_size(); ++i) {
    RETURN_IF_ERROR(
        SideHolds(candidate_, absl::StrCat("candidates[", i, "].features"), record.auction().candidates(i).features()));
  }
  return absl::OkStatus();
}

}  // namespace vickrey::log
