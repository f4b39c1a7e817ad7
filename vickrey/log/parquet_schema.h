// The columns of a log as a Parquet file, one row for each auction: those of AuctionLine (lines.proto), under the same
// names, so that a file and JSON Lines hold the same. For the writer and the importer only: it brings Arrow's headers.
//
//   a message of lines.proto     a struct; a repeated one a list of structs
//   text                         string; null where it is empty, unless it is required
//   event_time                   timestamp[us, UTC]
//   click                        bool
//   other numbers                the same type
//   named features               a struct with a column for each field, or JSON, as ParquetLayout says
#ifndef VICKREY_LOG_PARQUET_SCHEMA_H_
#define VICKREY_LOG_PARQUET_SCHEMA_H_

#include <google/protobuf/descriptor.h>

#include <memory>

#include "arrow/type_fwd.h"
#include "vickrey/log/parquet_layout.h"

namespace vickrey::log {

// Metadata of a column of texts that are JSON, with the value "1".
inline constexpr char kJsonKey[] = "vickrey.json";
// Metadata of a file that ParquetWriter wrote: the version of the format.
inline constexpr char kParquetFormatKey[] = "vickrey.format";
inline constexpr char kParquetFormat[] = "1";

// Whether a field of AuctionLine and what is below it is a column: all but `cursor`, which is about a scan.
bool IsColumn(const google::protobuf::FieldDescriptor& field);
// Whether the column must be there and hold a value in every row.
bool IsRequired(const google::protobuf::FieldDescriptor& field);
// Whether it holds microseconds since 1970.
bool IsTime(const google::protobuf::FieldDescriptor& field);
// Whether it holds 0 or 1.
bool IsFlag(const google::protobuf::FieldDescriptor& field);

// The columns that a file of this layout has. Features that no record has are left out.
std::shared_ptr<arrow::Schema> ParquetSchema(const ParquetLayout& layout);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_PARQUET_SCHEMA_H_
