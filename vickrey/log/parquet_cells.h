// Cells of Arrow's arrays, whatever of several types the column has. For the Parquet importer only: it brings Arrow's
// headers.
#ifndef VICKREY_LOG_PARQUET_CELLS_H_
#define VICKREY_LOG_PARQUET_CELLS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/numeric/int128.h"
#include "arrow/array/array_base.h"

namespace vickrey::log {

// Each function gives nullptr, or no values, for an array of another type. What they return keeps the array alive; it
// may be called for cells of the array that are not null, and is thread-safe.

// string, large_string, string_view, binary of these forms, fixed_size_binary excepted, or a dictionary of such. Of a
// dictionary, see IsNull.
using TextCells = std::function<std::string_view(int64_t row)>;
TextCells TextsOf(const std::shared_ptr<arrow::Array>& array);

// Integers of all sizes.
using WholeCells = std::function<absl::int128(int64_t row)>;
WholeCells WholesOf(const std::shared_ptr<arrow::Array>& array);

// Floating point of 32 and 64 bits, and integers.
using NumberCells = std::function<double(int64_t row)>;
NumberCells NumbersOf(const std::shared_ptr<arrow::Array>& array);

// Timestamps of any unit, rounded down to microseconds; out of range of an int64_t where that is so.
WholeCells TimesOf(const std::shared_ptr<arrow::Array>& array);

std::function<bool(int64_t row)> FlagsOf(const std::shared_ptr<arrow::Array>& array);

// list, large_list and lists of a fixed size: a cell is the range [first, second) of `values`.
struct ListCells {
  std::shared_ptr<arrow::Array> values;
  std::function<std::pair<int64_t, int64_t>(int64_t row)> range;
};
ListCells ListsOf(const std::shared_ptr<arrow::Array>& array);

// Whether a cell is null, be it by way of its dictionary.
bool IsNull(const arrow::Array& array, int64_t row);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_PARQUET_CELLS_H_
