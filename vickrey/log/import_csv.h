#ifndef VICKREY_LOG_IMPORT_CSV_H_
#define VICKREY_LOG_IMPORT_CSV_H_

#include <istream>
#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/log/importer.h"

namespace vickrey::log {

// A table whose columns are told by a CsvConfig (options.csv, proto/vickrey/config/v1/csv.proto).
absl::StatusOr<std::unique_ptr<Importer>> MakeCsvImporter(const ImportOptions& options, std::istream* in);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORT_CSV_H_
