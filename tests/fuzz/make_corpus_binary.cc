// Writes the seeds that make_corpus.py cannot: zstd, Parquet, stored auctions, a file of records by RocksDB's layout.
//
// usage: make_corpus_binary CORPUS
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/survives.h"
#include "vickrey/base/json.h"
#include "vickrey/log/parquet_writer.h"
#include "vickrey/log/record.h"

namespace vickrey::fuzz {
namespace {

namespace fs = std::filesystem;
using vickrey::v1::LoggedAuction;

constexpr const char* kLines[] = {
    R"({"auction_id":"a1","event_time":"1700000000000000","currency_code":"EUR","cluster_key":"k","sampling_rate":0.5,
    "model":"m@1","context":{"hour":1.5,"site":"x","words":["a","b"]},"reserve_click_micros":"5","candidates":[{
    "ad_id":"ad1","advertiser_id":"v","bid_micros":"1000000","value_micros":"2","click":1,"slot":1,"examination":1,
    "propensity":0.5,"price_micros":"3","pctr":0.1,"ctr":0.2,"teacher":0.3,"conversions":"1","features":{"z":-1e3,
    "tags1":["q"],"tags2":[],"brand":"b","a":2}},{"ad_id":"ad2","bid_micros":"7","features":{"brand":"c"}}]})",
    R"({"auction_id":"a2","event_time":"1700000000000001","candidates":[{"ad_id":"ad2","bid_micros":"1"}]})",
    R"({"auction_id":"a3","event_time":"1700000000000002","encoded_context":{"schema_id":"0123456789abcdef","dense":[
    "NaN",1],"fingerprints":["7"],"bag_fingerprints":["1","2"],"bag_lengths":[2]},"candidates":[{"ad_id":"x",
    "bid_micros":"1","bid_mille_micros":"5","price_mille_micros":"4"}]})",
    R"({"auction_id":"a4","event_time":"1700000000000003","context":{"any":{"deep":[1,null,true]},"site":7},
    "candidates":[{"ad_id":"x","bid_micros":"1"}]})"};

LoggedAuction RecordOf(const std::string& json) {
  vickrey::v1::AuctionLine line;
  if (!base::FromJson(json, &line).ok()) std::abort();
  return log::FromLine(line).value();
}

void WriteSeed(const fs::path& file, const std::string& bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

void WriteParquet(const fs::path& file, const std::vector<LoggedAuction>& records) {
  fs::create_directories(file.parent_path());
  log::ParquetLayout layout;
  for (const LoggedAuction& record : records) layout.Observe(record);
  auto writer = log::ParquetWriter::Create(file, layout).value();
  for (const LoggedAuction& record : records) {
    if (!writer->Append(record).ok()) std::abort();
  }
  if (!writer->Close().ok()) std::abort();
}

}  // namespace
}  // namespace vickrey::fuzz

int main(int argc, char** argv) {
  using namespace vickrey::fuzz;
  if (argc != 2) return 2;
  const fs::path corpus = argv[1];
  std::vector<LoggedAuction> records;
  for (const char* line : kLines) records.push_back(RecordOf(line));
  for (size_t i = 0; i < records.size(); ++i) {
    WriteSeed(corpus / "record_fuzz" / ("stored-" + std::to_string(i)), absl::StrCat("0", Stored(records[i])));
    WriteParquet(corpus / "parquet_fuzz" / ("row-" + std::to_string(i)), {records[i]});
  }
  WriteParquet(corpus / "parquet_fuzz" / "two", {records[0], records[1]});
  return 0;
}
