#include "vickrey/base/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vickrey::base {
namespace {

constexpr char kFieldPayload[] = "vickrey.field";
constexpr char kLinePayload[] = "vickrey.line";

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::Status InvalidField(std::string_view field, std::string_view message) {
  absl::Status status = absl::InvalidArgumentError(absl::StrCat(View(field), ": ", View(message)));
  status.SetPayload(kFieldPayload, absl::Cord(View(field)));
  return status;
}

std::optional<std::string> FieldOf(const absl::Status& status) {
  auto payload = status.GetPayload(kFieldPayload);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

absl::Status AboutField(const absl::Status& status, std::string_view field) {
  if (status.ok()) return status;
  absl::Status about = status;
  about.SetPayload(kFieldPayload, absl::Cord(View(field)));
  return about;
}

absl::Status AtLine(const absl::Status& status, int64_t line) {
  if (status.ok()) return status;
  absl::Status at = status;
  at.SetPayload(kLinePayload, absl::Cord(absl::StrCat(line)));
  return at;
}

std::optional<int64_t> LineOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kLinePayload);
  int64_t line = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &line)) return std::nullopt;
  return line;
}

absl::Status Annotate(const absl::Status& status, std::string_view prefix) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(View(prefix), ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kGood;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return kBadInput;
    case absl::StatusCode::kDataLoss:
      return kCheckFailed;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    default:
      return kEnvironment;
  }
}

}  // namespace vickrey::base
