#include "vickrey/log/table_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"

namespace vickrey::log {

absl::Status TableReader::Start(std::vector<std::string> names) {
  names_ = std::move(names);
  if (!names_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool more, csv_.Next(&names_));
  if (!more) return absl::InvalidArgumentError("the file is empty; its first row must name the columns");
  if (names_[0].starts_with("\xef\xbb\xbf")) names_[0].erase(0, 3);  // a byte-order mark
  return absl::OkStatus();
}

absl::StatusOr<size_t> TableReader::Find(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end() && std::find(found + 1, names_.end(), name) != names_.end()) {
    return base::InvalidField(name, "there are two such columns");
  }
  if (found != names_.end()) return static_cast<size_t>(found - names_.begin());
  return base::InvalidField(name, absl::StrCat("there is no such column; there are: ",
                                               base::ValidUtf8(absl::StrJoin(names_, ", ").substr(0, 400))));
}

absl::StatusOr<bool> TableReader::Next(absl::Status* fault) {
  const auto more = csv_.Next(&row_);
  if (!more.ok() && !absl::IsInvalidArgument(more.status())) return more.status();
  if (more.ok() && !*more) return false;
  ++rows_;
  *fault = more.status();
  if (more.ok() && row_.size() != names_.size()) {
    *fault = absl::InvalidArgumentError(absl::StrCat("has ", row_.size(), " columns; the header has ", names_.size()));
  }
  return true;
}

}  // namespace vickrey::log
