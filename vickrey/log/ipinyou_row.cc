#include "vickrey/log/ipinyou_row.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "vickrey/base/status.h"
#include "vickrey/log/line_reader.h"

namespace vickrey::log {

const std::array<std::string_view, IpinyouRow::kTestColumns>& IpinyouRow::Names() {
  static constexpr std::array<std::string_view, kTestColumns> kNames = {
      "click",     "weekday",    "hour",           "bidid",      "timestamp",    "logtype",  "ipinyouid", "useragent",
      "IP",        "region",     "city",           "adexchange", "domain",       "url",      "urlid",     "slotid",
      "slotwidth", "slotheight", "slotvisibility", "slotformat", "slotprice",    "creative", "bidprice",  "payprice",
      "keypage",   "advertiser", "usertag",        "nclick",     "nconversation"};
  return kNames;
}

absl::Status IpinyouRow::Split(std::string_view line) {
  SplitLine(line, '\t', &values_);
  if (values_.size() == kColumns || values_.size() == kTestColumns) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("has ", values_.size(), " columns; ", kColumns, " or ", kTestColumns, " are expected"));
}

absl::StatusOr<int64_t> IpinyouRow::Whole(size_t column, int64_t max) const {
  int64_t number = 0;
  const std::string_view text = values_[column];
  if (absl::SimpleAtoi({text.data(), text.size()}, &number) && number >= 0 && number <= max) return number;
  return Fault(column, absl::StrCat("a whole number from 0 to ", max));
}

absl::StatusOr<int64_t> IpinyouRow::TimeMicros() const {
  const std::string text(values_[kTimestamp]);
  absl::Time time;
  int millis = 0;
  if (text.size() == 17 && text.find_first_not_of("0123456789") == std::string::npos &&
      absl::SimpleAtoi(text.substr(14), &millis) &&
      absl::ParseTime("%E4Y%m%d%H%M%S", text.substr(0, 14), absl::FixedTimeZone(kUtcOffsetSeconds), &time, nullptr)) {
    return absl::ToUnixMicros(time + absl::Milliseconds(millis));
  }
  return Fault(kTimestamp, "a time such as 20131022135101295");
}

absl::Status IpinyouRow::Fault(size_t column, std::string_view what) const {
  return base::InvalidField(Names()[column],
                            absl::StrCat("column ", column + 1, ": '", std::string(values_[column].substr(0, 60)),
                                         "' is not ", std::string(what)));
}

}  // namespace vickrey::log
