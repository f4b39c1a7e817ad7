#ifndef VICKREY_LOG_IMPORT_JSON_LINES_H_
#define VICKREY_LOG_IMPORT_JSON_LINES_H_

#include <istream>
#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/log/importer.h"

namespace vickrey::log {

// AuctionLines (lines.proto), as `vickrey log export`, `log scan` and `market generate` write them.
absl::StatusOr<std::unique_ptr<Importer>> MakeJsonLinesImporter(const ImportOptions& options, std::istream* in);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORT_JSON_LINES_H_
