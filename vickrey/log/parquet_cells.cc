#include "vickrey/log/parquet_cells.h"

#include "arrow/array/array_binary.h"
#include "arrow/array/array_dict.h"
#include "arrow/array/array_nested.h"
#include "arrow/array/array_primitive.h"
#include "arrow/type.h"

namespace vickrey::log {
namespace {

template <typename A>
TextCells Texts(const std::shared_ptr<arrow::Array>& array) {
  return [cells = std::static_pointer_cast<A>(array)](int64_t row) { return std::string_view(cells->GetView(row)); };
}

template <typename A, typename T>
std::function<T(int64_t)> Numbers(const std::shared_ptr<arrow::Array>& array) {
  return [cells = std::static_pointer_cast<A>(array)](int64_t row) { return static_cast<T>(cells->Value(row)); };
}

// Integers, as T.
template <typename T>
std::function<T(int64_t)> Integers(const std::shared_ptr<arrow::Array>& array) {
  switch (array->type_id()) {
    case arrow::Type::INT8:
      return Numbers<arrow::Int8Array, T>(array);
    case arrow::Type::INT16:
      return Numbers<arrow::Int16Array, T>(array);
    case arrow::Type::INT32:
      return Numbers<arrow::Int32Array, T>(array);
    case arrow::Type::INT64:
      return Numbers<arrow::Int64Array, T>(array);
    case arrow::Type::UINT8:
      return Numbers<arrow::UInt8Array, T>(array);
    case arrow::Type::UINT16:
      return Numbers<arrow::UInt16Array, T>(array);
    case arrow::Type::UINT32:
      return Numbers<arrow::UInt32Array, T>(array);
    case arrow::Type::UINT64:
      return Numbers<arrow::UInt64Array, T>(array);
    default:
      return nullptr;
  }
}

template <typename A>
ListCells Lists(const std::shared_ptr<arrow::Array>& array) {
  auto lists = std::static_pointer_cast<A>(array);
  auto values = lists->values();
  return {std::move(values), [lists = std::move(lists)](int64_t row) {
            const int64_t begin = lists->value_offset(row);
            return std::pair<int64_t, int64_t>(begin, begin + lists->value_length(row));
          }};
}

}  // namespace

TextCells TextsOf(const std::shared_ptr<arrow::Array>& array) {
  switch (array->type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return Texts<arrow::BinaryArray>(array);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return Texts<arrow::LargeBinaryArray>(array);
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW:
      return Texts<arrow::BinaryViewArray>(array);
    case arrow::Type::DICTIONARY: {
      auto cells = std::static_pointer_cast<arrow::DictionaryArray>(array);
      TextCells texts = TextsOf(cells->dictionary());
      if (texts == nullptr) return nullptr;
      return [cells = std::move(cells), texts = std::move(texts)](int64_t row) {
        return texts(cells->GetValueIndex(row));
      };
    }
    default:
      return nullptr;
  }
}

WholeCells WholesOf(const std::shared_ptr<arrow::Array>& array) { return Integers<absl::int128>(array); }

NumberCells NumbersOf(const std::shared_ptr<arrow::Array>& array) {
  switch (array->type_id()) {
    case arrow::Type::DOUBLE:
      return Numbers<arrow::DoubleArray, double>(array);
    case arrow::Type::FLOAT:
      return Numbers<arrow::FloatArray, double>(array);
    default:
      return Integers<double>(array);
  }
}

WholeCells TimesOf(const std::shared_ptr<arrow::Array>& array) {
  if (array->type_id() != arrow::Type::TIMESTAMP) return nullptr;
  const auto unit = static_cast<const arrow::TimestampType&>(*array->type()).unit();
  return [unit, cells = std::static_pointer_cast<arrow::TimestampArray>(array)](int64_t row) -> absl::int128 {
    const int64_t value = cells->Value(row);
    switch (unit) {
      case arrow::TimeUnit::SECOND:
        return absl::int128(value) * 1'000'000;
      case arrow::TimeUnit::MILLI:
        return absl::int128(value) * 1'000;
      case arrow::TimeUnit::MICRO:
        return value;
      case arrow::TimeUnit::NANO:
        break;
    }
    return value / 1'000 - (value % 1'000 < 0 ? 1 : 0);
  };
}

std::function<bool(int64_t)> FlagsOf(const std::shared_ptr<arrow::Array>& array) {
  if (array->type_id() != arrow::Type::BOOL) return nullptr;
  return Numbers<arrow::BooleanArray, bool>(array);
}

ListCells ListsOf(const std::shared_ptr<arrow::Array>& array) {
  switch (array->type_id()) {
    case arrow::Type::LIST:
      return Lists<arrow::ListArray>(array);
    case arrow::Type::LARGE_LIST:
      return Lists<arrow::LargeListArray>(array);
    case arrow::Type::FIXED_SIZE_LIST:
      return Lists<arrow::FixedSizeListArray>(array);
    default:
      return {};
  }
}

bool IsNull(const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return true;
  if (array.type_id() != arrow::Type::DICTIONARY) return false;
  const auto& cells = static_cast<const arrow::DictionaryArray&>(array);
  return IsNull(*cells.dictionary(), cells.GetValueIndex(row));
}

}  // namespace vickrey::log
