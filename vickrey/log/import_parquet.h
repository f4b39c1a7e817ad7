#ifndef VICKREY_LOG_IMPORT_PARQUET_H_
#define VICKREY_LOG_IMPORT_PARQUET_H_

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/log/importer.h"

namespace vickrey::log {

// Parquet files: those of ParquetWriter, and any other with columns of these names. A row is an
// auction, a column a field of AuctionLine (lines.proto), in any order. Required are auction_id, event_time and
// candidates, a list of structs with ad_id and bid_micros. A column that is not there is unset in every row, a null in
// its row. Types:
//   whole numbers     integers of any size, with or without sign; a value must fit. A signed column of fingerprints
//   holds
//                     the same 64 bits, for tools without unsigned numbers
//   numbers           float, double or integers
//   texts             string, large_string, string_view, binary of these forms, or a dictionary of such
//   event_time        a timestamp of any unit (without a time zone it is UTC), or microseconds as an integer
//   click             boolean, or an integer that is 0 or 1
//   lists             list, large_list, or lists of a fixed size
//   named features    a struct with a column for each field: numbers, texts, booleans, or lists of texts; a null means
//   that
//                     the auction or the candidate does not have the field. A column of texts with the metadata
//                     vickrey.json = 1 holds JSON. The whole side may be such a column
// `cursor` is ignored, as in JSON Lines.
//
// NOT_FOUND if there is no such file. INVALID_ARGUMENT if it is not Parquet, or, naming it, for a column that is
// missing, not known or of another type. A row that cannot be taken goes to the callback of Next, its line being its
// number from 1; damage found on the way ends the import with DATA_LOSS.
//
// The memory it takes is that of a page of each column and 64 rows.
absl::StatusOr<std::unique_ptr<Importer>> MakeParquetImporter(const std::filesystem::path& file);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORT_PARQUET_H_
