#ifndef VICKREY_LOG_PARQUET_LAYOUT_H_
#define VICKREY_LOG_PARQUET_LAYOUT_H_

#include <google/protobuf/struct.pb.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::log {

// Which columns of a Parquet file hold the features of the records that go into it. A column has one type, so the
// layout is found before the file is begun:
//   1. Observe every record;
//   2. ParquetWriter::Create with the layout; every record of the file must be one that was observed, or like one.
//
// Not thread-safe while records are observed; a plain value.
class ParquetLayout {
 public:
  // What a column of a named field holds.
  enum class Kind {
    kNumber,  // double: every value is a number
    kText,    // string: every value is a text
    kTexts,   // list<string>: every value is a list of texts
    kJson,    // string, marked as JSON: values of several kinds, explicit nulls, objects, booleans
  };
  // The features of one side, over all records.
  struct Side {
    bool named = false;    // whether there are named features at all, be it without a single field
    bool encoded = false;  // whether there are encoded ones
    std::map<std::string, Kind> fields;

    // Whether the named features are one column of JSON objects in place of a struct: where there are more than
    // kMaxColumns fields, and where there is none, since a struct of no columns cannot be written.
    bool AsJson() const { return fields.empty() || fields.size() > kMaxColumns; }
  };

  // Fields of one side that get columns of their own. Every column costs memory for each row group.
  static constexpr size_t kMaxColumns = 2000;

  void Observe(const vickrey::v1::LoggedAuction& record);
  // FAILED_PRECONDITION naming the features for which the layout has no place.
  absl::Status Holds(const vickrey::v1::LoggedAuction& record) const;

  const Side& context() const { return context_; }
  const Side& candidate() const { return candidate_; }

  static Kind KindOf(const google::protobuf::Value& value);

 private:
  Side context_;
  Side candidate_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_PARQUET_LAYOUT_H_
