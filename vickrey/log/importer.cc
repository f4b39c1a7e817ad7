#include "vickrey/log/importer.h"

#include "absl/strings/str_cat.h"

namespace vickrey::log {

std::string ImportOptions::AuctionId(int64_t row) const { return absl::StrCat(file_digest.substr(0, 12), "-", row); }

}  // namespace vickrey::log
