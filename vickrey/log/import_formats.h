#ifndef VICKREY_LOG_IMPORT_FORMATS_H_
#define VICKREY_LOG_IMPORT_FORMATS_H_

#include <istream>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/log/importer.h"

namespace vickrey::log {

// A kind of file, and which of the options mean something for it.
struct ImportFormat {
  std::string_view name;
  std::string_view summary;
  bool groups = false;  // rows become auctions by group_size
  bool bids = false;    // has no bids of its own, or not for every row
  bool encodes = false;
  bool items = false;
  bool csv = false;
  absl::StatusOr<std::unique_ptr<Importer>> (*make)(const ImportOptions& options, std::istream* in) = nullptr;
};

// All of them: criteo, outbrain, ipinyou, open_bandit, csv, jsonl, parquet.
const std::vector<ImportFormat>& ImportFormats();

// INVALID_ARGUMENT listing the formats for a name that is none of them; naming an option that means nothing for it.
absl::StatusOr<std::unique_ptr<Importer>> MakeImporter(std::string_view format, const ImportOptions& options,
                                                       std::istream* in);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORT_FORMATS_H_
