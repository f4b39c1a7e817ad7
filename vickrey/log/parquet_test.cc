#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arrow/api.h"
#include "arrow/io/file.h"
#include "arrow/json/from_string.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parquet/arrow/reader.h"
#include "parquet/arrow/writer.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/log/import_parquet.h"
#include "vickrey/log/parquet_layout.h"
#include "vickrey/log/parquet_writer.h"
#include "vickrey/log/record.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using base::RandomStream;
using google::protobuf::Struct;
using google::protobuf::Value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vickrey::v1::AuctionLine;
using vickrey::v1::EncodedFeatures;
using vickrey::v1::Features;
using vickrey::v1::LoggedAuction;
using Kind = ParquetLayout::Kind;

// What a round trip keeps: all that a line of JSON holds.
std::string Canonical(const LoggedAuction& record) {
  return SerializeDeterministically(FromLine(ToLine(record)).value());
}

struct Imported {
  std::vector<LoggedAuction> records;
  std::vector<std::pair<int64_t, std::string>> rejects;  // row, reason
  absl::Status status;
};

Imported Import(const fs::path& file) {
  Imported result;
  auto importer = MakeParquetImporter(file);
  result.status = importer.status();
  while (result.status.ok()) {
    LoggedAuction record;
    const auto more = (*importer)->Next(
        [&](int64_t row, const absl::Status& why) {
          result.rejects.emplace_back(row, why.message());
          return absl::OkStatus();
        },
        &record);
    result.status = more.status();
    if (!more.ok() || !*more) break;
    result.records.push_back(std::move(record));
    EXPECT_EQ((*importer)->rows(), static_cast<int64_t>(result.records.size() + result.rejects.size()));
    EXPECT_EQ((*importer)->line(), (*importer)->rows());
  }
  return result;
}

class ParquetTest : public testing::Test {
 protected:
  ParquetTest() : folder_(fs::path(testing::TempDir()) / ("parquet_test-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~ParquetTest() override { fs::remove_all(folder_); }

  absl::Status Write(const std::vector<LoggedAuction>& records) const {
    ParquetLayout layout;
    for (const LoggedAuction& record : records) layout.Observe(record);
    ASSIGN_OR_RETURN(auto writer, ParquetWriter::Create(file_, layout));
    for (const LoggedAuction& record : records) RETURN_IF_ERROR(writer->Append(record));
    EXPECT_EQ(writer->rows(), static_cast<int64_t>(records.size()));
    return writer->Close();
  }

  void ExpectRoundTrip(const std::vector<LoggedAuction>& records) const {
    ASSERT_EQ(Write(records), absl::OkStatus());
    const Imported read = Import(file_);
    ASSERT_EQ(read.status, absl::OkStatus());
    EXPECT_THAT(read.rejects, IsEmpty());
    ASSERT_EQ(read.records.size(), records.size());
    for (size_t i = 0; i < records.size(); ++i) {
      ASSERT_EQ(SerializeDeterministically(read.records[i]), Canonical(records[i]))
          << "row " << i << "\nread    " << base::ToJson(ToLine(read.records[i])) << "\nwritten "
          << base::ToJson(ToLine(records[i]));
    }
  }

  // A file as others write it: each column its field and the JSON of its cells.
  void WriteForeign(const std::vector<std::pair<std::shared_ptr<arrow::Field>, std::string>>& columns,
                    bool store_schema = true) const {
    arrow::FieldVector fields;
    arrow::ArrayVector cells;
    for (const auto& [field, json] : columns) {
      fields.push_back(field);
      cells.push_back(arrow::json::ArrayFromJSONString(field->type(), json).ValueOrDie());
    }
    WriteTable(*arrow::Table::Make(arrow::schema(fields), cells), store_schema);
  }

  void WriteTable(const arrow::Table& table, bool store_schema = true, int64_t group_rows = 1000) const {
    const auto out = arrow::io::FileOutputStream::Open(file_.string()).ValueOrDie();
    parquet::ArrowWriterProperties::Builder properties;
    if (store_schema) properties.store_schema();
    const auto written = parquet::arrow::WriteTable(table, arrow::default_memory_pool(), out, group_rows,
                                                    parquet::default_writer_properties(), properties.build());
    ASSERT_TRUE(written.ok()) << written.ToString();
    ASSERT_TRUE(out->Close().ok());
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }

  const fs::path folder_;
  const fs::path file_ = folder_ / "log.parquet";
};

LoggedAuction FromJsonLine(const std::string& json) {
  AuctionLine line;
  EXPECT_EQ(base::FromJson(json, &line), absl::OkStatus());
  return FromLine(line).value();
}

LoggedAuction Simple(const std::string& features = "{}", const std::string& context = "null") {
  return FromJsonLine(R"({"auction_id":"a","event_time":5,"context":)" + context +
                      R"(,"candidates":[{"ad_id":"x","bid_micros":1,"features":)" + features + "}]}");
}

// ---- Random records ----

Value RandomValue(RandomStream& random, bool mixed) {
  Value value;
  switch (random.Below(mixed ? 6 : 3)) {
    case 0:
      value.set_number_value(random.LogNormal(0, 20) - 1);
      break;
    case 1:
      value.set_string_value(random.Bernoulli(0.2) ? "" : "größe\t\"" + std::to_string(random.Below(5)));
      break;
    case 2:
      value.mutable_list_value();
      for (uint64_t i = random.Below(4); i > 0; --i) {
        value.mutable_list_value()->add_values()->set_string_value(std::to_string(random.Below(9)));
      }
      break;
    case 3:
      value.set_null_value(google::protobuf::NULL_VALUE);
      break;
    case 4:
      value.set_bool_value(random.Bernoulli(0.5));
      break;
    default:
      (*value.mutable_struct_value()->mutable_fields())["inner"].set_number_value(1);
      value.mutable_list_value()->add_values()->set_null_value(google::protobuf::NULL_VALUE);
  }
  return value;
}

void AddNamed(RandomStream& random, Struct* named) {
  auto& fields = *named->mutable_fields();
  // One kind each, and one that mixes them.
  if (random.Bernoulli(0.8)) fields["number"].set_number_value(random.Normal());
  if (random.Bernoulli(0.1)) fields["number"].set_number_value(std::numeric_limits<double>::quiet_NaN());
  if (random.Bernoulli(0.8)) fields["text"].set_string_value(std::to_string(random.Below(3)));
  if (random.Bernoulli(0.5)) fields["texts"].mutable_list_value()->add_values()->set_string_value("member");
  if (random.Bernoulli(0.1)) fields["number"].set_number_value(-0.0);
  if (random.Bernoulli(0.5)) fields["texts"].mutable_list_value();
  if (random.Bernoulli(0.5)) fields["mixed.by/name \"ü"] = RandomValue(random, true);
  if (random.Bernoulli(0.5)) fields["three"] = RandomValue(random, false);
  if (random.Bernoulli(0.05)) fields["rare"].set_null_value(google::protobuf::NULL_VALUE);
}

void AddEncoded(RandomStream& random, EncodedFeatures* encoded) {
  encoded->set_schema_id(random.Bernoulli(0.1) ? "" : "60ee2c38aad8f8aa");
  for (uint64_t i = random.Below(4); i > 0; --i) {
    encoded->add_dense(random.Bernoulli(0.3) ? std::numeric_limits<float>::quiet_NaN()
                                             : static_cast<float>(random.Normal()));
  }
  for (uint64_t i = random.Below(4); i > 0; --i) encoded->add_fingerprints(random.Bits());
  for (uint64_t i = random.Below(3); i > 0; --i) {
    const uint64_t length = random.Below(3);
    encoded->add_bag_lengths(static_cast<uint32_t>(length));
    for (uint64_t k = 0; k < length; ++k) encoded->add_bag_fingerprints(random.Bits());
  }
}

void AddFeatures(RandomStream& random, bool named, bool encoded, const std::function<Features*()>& features) {
  if (random.Bernoulli(0.1)) return;
  if (named && (!encoded || random.Bernoulli(0.5))) {
    Struct* to = features()->mutable_named();
    if (random.Bernoulli(0.9)) AddNamed(random, to);
  } else if (encoded) {
    AddEncoded(random, features()->mutable_encoded());
  }
}

LoggedAuction RandomRecord(uint64_t index, bool named, bool encoded) {
  RandomStream random(7, base::StreamId("parquet_test"), index);
  const auto sometimes = [&random] { return random.Bernoulli(0.5); };
  LoggedAuction record;
  auto& auction = *record.mutable_auction();
  auction.set_auction_id("auction-" + std::to_string(index));
  auction.set_event_time(sometimes() ? 1 : static_cast<int64_t>(random.Below(253402300799999999)));
  if (sometimes()) auction.set_currency_code("EUR");
  if (sometimes()) auction.set_cluster_key("user" + std::to_string(random.Below(3)));
  if (sometimes()) record.set_sampling_rate(random.Uniform());
  if (sometimes()) record.set_model("model@1");
  if (sometimes()) record.set_schema_id("60ee2c38aad8f8aa");
  if (sometimes()) record.mutable_reserve()->set_click_micros(static_cast<int64_t>(random.Below(1 << 30)));
  if (sometimes()) record.mutable_reserve()->set_mille_micros(static_cast<int64_t>(random.Below(1 << 30)));
  AddFeatures(random, named, encoded, [&] { return auction.mutable_context(); });
  const bool nothing_logged = random.Bernoulli(0.1);
  for (uint64_t i = random.Below(6); i > 0; --i) {
    auto& candidate = *auction.add_candidates();
    candidate.set_ad_id("ad" + std::to_string(random.Below(100)));
    if (sometimes()) candidate.set_advertiser_id("who");
    candidate.mutable_bid()->set_micros(static_cast<int64_t>(random.Below(1'000'000'000'000'000)));
    if (sometimes()) candidate.mutable_bid()->set_unit(vickrey::v1::Bid::CLICK);
    if (sometimes()) candidate.set_value_micros(static_cast<int64_t>(random.Below(1 << 30)));
    AddFeatures(random, named, encoded, [&] { return candidate.mutable_features(); });
    if (nothing_logged) continue;
    auto& logged = *record.add_candidates();
    if (sometimes()) logged.set_click(sometimes());
    if (sometimes()) logged.set_slot(static_cast<int32_t>(random.Below(5)));
    if (sometimes()) logged.set_examination(random.Uniform());
    if (sometimes()) logged.set_propensity(random.Uniform());
    if (sometimes()) logged.set_price_micros(static_cast<int64_t>(random.Below(1 << 30)));
    if (sometimes()) logged.set_pctr(random.Uniform());
    if (sometimes()) logged.set_ctr(random.Uniform());
    if (sometimes()) logged.set_teacher(random.Uniform());
    if (sometimes()) logged.set_conversions(static_cast<int64_t>(random.Below(3)));
    if (sometimes()) logged.set_conversion_value_micros(static_cast<int64_t>(random.Below(1 << 30)));
    if (sometimes()) logged.set_bid_mille_micros(std::numeric_limits<int64_t>::max());
    if (sometimes()) logged.set_price_mille_micros(static_cast<int64_t>(random.Below(1 << 30)));
  }
  return record;
}

std::vector<LoggedAuction> RandomRecords(int n, bool named, bool encoded) {
  std::vector<LoggedAuction> records;
  for (int i = 0; i < n; ++i) records.push_back(RandomRecord(static_cast<uint64_t>(i), named, encoded));
  return records;
}

// ---- There and back ----

TEST_F(ParquetTest, RandomRecordsSurviveThereAndBack) {
  for (const int n : {0, 1, 63, 64, 65, 1000}) {  // around the importer's batches
    for (const bool named : {false, true}) {
      for (const bool encoded : {false, true}) ExpectRoundTrip(RandomRecords(n, named, encoded));
    }
  }
}

TEST_F(ParquetTest, AbsentAndPresentWithoutContentAreToldApart) {
  ExpectRoundTrip({Simple("null"), Simple("{}")});
  ExpectRoundTrip({Simple("null", "{}"), Simple("{}", "null")});
  ExpectRoundTrip({Simple("null"), Simple("{}"), Simple(R"({"f":1})"), Simple(R"({"f":null})")});
  ExpectRoundTrip({Simple(R"({"f":null})")});
  ExpectRoundTrip({Simple(R"({"f":["a"]})"), Simple(R"({"f":[]})"), Simple(R"({"f":[null]})")});
  ExpectRoundTrip({Simple(R"({"f":"","":1,"a.b":"x","list":["element"]})", R"({"":"no name"})")});
  LoggedAuction none;
  none.mutable_auction()->set_auction_id("a");
  ExpectRoundTrip({none});
}

TEST_F(ParquetTest, ASideOfVeryManyFieldsIsOneColumn) {
  LoggedAuction wide = Simple();
  auto& fields = *wide.mutable_auction()->mutable_candidates(0)->mutable_features()->mutable_named()->mutable_fields();
  for (size_t i = 0; i < ParquetLayout::kMaxColumns + 5; ++i) fields[absl::StrCat("f", i)].set_number_value(0.5);
  ParquetLayout layout;
  layout.Observe(wide);
  EXPECT_TRUE(layout.candidate().AsJson());
  ExpectRoundTrip({wide, Simple(R"({"f1":"text"})")});
}

TEST_F(ParquetTest, SeveralRowGroupsSurvive) {
  std::vector<LoggedAuction> records;
  LoggedAuction record = Simple(R"({"text":"x"})");
  for (int i = 0; i < 100; ++i) {  // 100 MB: more than one group takes
    record.mutable_auction()->set_auction_id(std::to_string(i));
    auto& features = *record.mutable_auction()->mutable_candidates(0)->mutable_features();
    (*features.mutable_named()->mutable_fields())["text"].set_string_value(std::string(1'000'000, 'a' + i % 26));
    records.push_back(record);
  }
  ExpectRoundTrip(records);
  const auto in = arrow::io::ReadableFile::Open(file_.string()).ValueOrDie();
  const int groups = parquet::arrow::OpenFile(in, arrow::default_memory_pool()).ValueOrDie()->num_row_groups();
  EXPECT_GE(groups, 2);
  EXPECT_LE(groups, 4);
}

TEST_F(ParquetTest, EqualRecordsGiveEqualBytes) {
  const auto records = RandomRecords(100, true, true);
  ASSERT_EQ(Write(records), absl::OkStatus());
  const std::string first = base::ReadFile(file_).value();
  ASSERT_EQ(Write(records), absl::OkStatus());
  EXPECT_EQ(base::ReadFile(file_).value(), first);
}

// ---- Columns ----

TEST_F(ParquetTest, AFieldHasTheTypeOfAllItsValues) {
  ParquetLayout layout;
  EXPECT_FALSE(layout.context().named);
  layout.Observe(
      Simple(R"({"n":1,"t":"a","l":["a"],"b":true,"nl":null,"o":{},"m":1,"ln":["a",null],"nt":[1],"e":[]})"));
  layout.Observe(Simple(R"({"n":2,"m":"a","e":["x"]})"));
  EXPECT_FALSE(layout.context().named);
  EXPECT_TRUE(layout.candidate().named);
  EXPECT_FALSE(layout.candidate().encoded);
  const std::map<std::string, Kind> expected = {
      {"n", Kind::kNumber}, {"t", Kind::kText}, {"l", Kind::kTexts}, {"b", Kind::kJson},  {"nl", Kind::kJson},
      {"o", Kind::kJson},   {"m", Kind::kJson}, {"ln", Kind::kJson}, {"nt", Kind::kJson}, {"e", Kind::kTexts}};
  EXPECT_EQ(layout.candidate().fields, expected);
}

TEST_F(ParquetTest, OthersSeeTypedColumns) {
  ASSERT_EQ(Write({Simple(R"({"n":1,"t":"a","l":["a"],"j":true})", R"({"c":"x"})")}), absl::OkStatus());
  const auto in = arrow::io::ReadableFile::Open(file_.string()).ValueOrDie();
  const auto reader = parquet::arrow::OpenFile(in, arrow::default_memory_pool()).ValueOrDie();
  const auto table = reader->ReadTable().ValueOrDie();
  const auto& schema = *table->schema();
  EXPECT_THAT(schema.field_names(),
              ElementsAre("auction_id", "event_time", "currency_code", "schema_id", "cluster_key", "sampling_rate",
                          "context", "candidates", "model", "reserve_click_micros", "reserve_mille_micros"));
  EXPECT_EQ(schema.GetFieldByName("event_time")->type()->ToString(), "timestamp[us, tz=UTC]");
  EXPECT_EQ(schema.GetFieldByName("context")->type()->ToString(), "struct<c: string>");
  EXPECT_EQ(
      schema.GetFieldByName("candidates")->type()->ToString(),
      "list<element: struct<ad_id: string not null, advertiser_id: string, bid_micros: int64 not null, "
      "value_micros: int64, features: struct<j: string, l: list<element: string not null>, n: double, t: string>, "
      "click: bool, slot: int32, examination: double, propensity: double, price_micros: int64, pctr: double, "
      "ctr: double, teacher: double, conversions: int64, conversion_value_micros: int64, "
      "bid_mille_micros: int64, price_mille_micros: int64> not null>");
  EXPECT_EQ(reader->parquet_reader()->metadata()->key_value_metadata()->Get("vickrey.format").ValueOrDie(), "1");
  EXPECT_TRUE(table->GetColumnByName("currency_code")->chunk(0)->IsNull(0));
}

TEST_F(ParquetTest, FeaturesThatNoRecordHasHaveNoColumn) {
  ASSERT_EQ(Write({Simple("null")}), absl::OkStatus());
  const auto in = arrow::io::ReadableFile::Open(file_.string()).ValueOrDie();
  const auto table = parquet::arrow::OpenFile(in, arrow::default_memory_pool()).ValueOrDie()->ReadTable().ValueOrDie();
  EXPECT_EQ(table->schema()->ToString().find("context"), std::string::npos);
  EXPECT_EQ(table->schema()->ToString().find("features"), std::string::npos);
}

// ---- The writer's failures ----

TEST_F(ParquetTest, WhatTheLayoutHasNotSeenIsRefusedByName) {
  ParquetLayout layout;
  layout.Observe(Simple(R"({"f":1})"));
  auto writer = ParquetWriter::Create(file_, layout).value();
  for (const auto& [record, name] :
       std::vector<std::pair<LoggedAuction, std::string>>{{Simple(R"({"g":1})"), "candidates[0].features.g"},
                                                          {Simple(R"({"f":"1"})"), "candidates[0].features.f"},
                                                          {Simple("null", "{}"), "context"}}) {
    const absl::Status refused = writer->Append(record);
    EXPECT_TRUE(absl::IsFailedPrecondition(refused));
    EXPECT_THAT(std::string(refused.message()), HasSubstr(name + " is not as"));
  }
  LoggedAuction encoded = Simple("null");
  encoded.mutable_auction()->mutable_context()->mutable_encoded();
  EXPECT_THAT(std::string(writer->Append(encoded).message()), HasSubstr("context, encoded,"));
  EXPECT_EQ(writer->Append(Simple(R"({"f":2})")), absl::OkStatus());
  EXPECT_EQ(writer->Close(), absl::OkStatus());
  EXPECT_TRUE(absl::IsFailedPrecondition(writer->Close()));
  EXPECT_TRUE(absl::IsFailedPrecondition(writer->Append(Simple(R"({"f":2})"))));
  EXPECT_EQ(Import(file_).records.size(), 1u);
}

TEST_F(ParquetTest, WhatIsNotClosedLeavesNothingBehind) {
  {
    auto writer = ParquetWriter::Create(file_, ParquetLayout()).value();
    ASSERT_EQ(Names().size(), 1u);
    EXPECT_EQ(Names()[0].substr(0, 14), ".log.parquet.t");
    EXPECT_EQ(writer->Append(Simple("null")), absl::OkStatus());
  }
  EXPECT_THAT(Names(), IsEmpty());
  const absl::Status missing = ParquetWriter::Create(folder_ / "no" / "f", ParquetLayout()).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr((folder_ / "no" / "f").string()));
}

TEST_F(ParquetTest, AFullDiskIsAnErrorAndLeavesWhatWasThere) {
  ASSERT_TRUE(base::WriteFileAtomically(file_, "before").ok());
  const auto records = RandomRecords(2000, true, true);
  // A bound on the size of files stands in for the disk.
  struct rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const struct rlimit small = {.rlim_cur = 10'000, .rlim_max = before.rlim_max};
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status full = Write(records);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(full.ToString(), HasSubstr("cannot write " + file_.string() + ": File too large"));
  EXPECT_THAT(Names(), ElementsAre("log.parquet"));
  EXPECT_EQ(base::ReadFile(file_).value(), "before");
}

// ---- Files of others ----

std::shared_ptr<arrow::DataType> CandidateType(const arrow::FieldVector& more = {},
                                               const std::shared_ptr<arrow::DataType>& ad_id = arrow::utf8()) {
  arrow::FieldVector fields = {arrow::field("bid_micros", arrow::int32()), arrow::field("ad_id", ad_id)};
  fields.insert(fields.end(), more.begin(), more.end());
  return arrow::list(arrow::struct_(fields));
}

const std::pair<std::shared_ptr<arrow::Field>, std::string> kId = {arrow::field("auction_id", arrow::utf8()),
                                                                   R"(["a"])"};
const std::pair<std::shared_ptr<arrow::Field>, std::string> kTime = {arrow::field("event_time", arrow::int64()), "[5]"};
const std::pair<std::shared_ptr<arrow::Field>, std::string> kCandidates = {arrow::field("candidates", CandidateType()),
                                                                           R"([[{"bid_micros":3,"ad_id":"x"}]])"};

TEST_F(ParquetTest, ColumnsOfManyTypesAreTaken) {
  for (const bool store_schema : {false, true}) {
    const auto candidates = arrow::large_list(
        CandidateType(
            {arrow::field("click", arrow::uint8()), arrow::field("slot", arrow::int64()),
             arrow::field("pctr", arrow::float32()), arrow::field("advertiser_id", arrow::null()),
             arrow::field("features",
                          arrow::struct_({arrow::field("f", arrow::float32()), arrow::field("b", arrow::boolean()),
                                          arrow::field("i", arrow::uint16()),
                                          arrow::field("l", arrow::large_list(arrow::large_utf8())),
                                          arrow::field("n", arrow::null())}))},
            arrow::large_utf8())
            ->field(0)
            ->type());
    WriteForeign(
        {{arrow::field("candidates", candidates),
          R"([[{"bid_micros":3,"ad_id":"x","click":1,"slot":2,"pctr":0.25,"features":
               {"f":0.5,"b":true,"i":7,"l":["a",null],"n":null}},
               {"bid_micros":4,"ad_id":"y","features":{"l":[]}}], [{"bid_micros":1,"ad_id":"z","click":0}]])"},
         {arrow::field("event_time", arrow::timestamp(arrow::TimeUnit::NANO)), "[5999, 1700000000000000001]"},
         {arrow::field("model", arrow::dictionary(arrow::int8(), arrow::utf8())), R"(["m@1", null])"},
         {arrow::field("auction_id", arrow::binary()), R"(["a", "b"])"},
         {arrow::field("encoded_context", arrow::struct_({arrow::field("schema_id", arrow::utf8()),
                                                          arrow::field("dense", arrow::list(arrow::float64())),
                                                          arrow::field("fingerprints", arrow::list(arrow::int64())),
                                                          arrow::field("bag_lengths", arrow::list(arrow::int32()))})),
          R"([{"schema_id":"s","dense":[0.5],"fingerprints":[-1,1],"bag_lengths":[0]}, null])"},
         {arrow::field("cursor", arrow::int32()), "[1, 2]"}},
        store_schema);
    const Imported read = Import(file_);
    ASSERT_EQ(read.status, absl::OkStatus());
    ASSERT_THAT(read.rejects, IsEmpty());
    ASSERT_EQ(read.records.size(), 2u);
    EXPECT_EQ(
        SerializeDeterministically(read.records[0]),
        Canonical(FromJsonLine(
            R"({"auction_id":"a","event_time":5,"model":"m@1","encoded_context":{"schema_id":"s","dense":[0.5],)"
            R"("fingerprints":["18446744073709551615",1],"bag_lengths":[0]},"candidates":[{"ad_id":"x","bid_micros":3,)"
            R"("click":1,"slot":2,"pctr":0.25,"features":{"f":0.5,"b":true,"i":7,"l":["a",null]}},)"
            R"({"ad_id":"y","bid_micros":4,"features":{"l":[]}}]})")));
    EXPECT_EQ(SerializeDeterministically(read.records[1]),
              Canonical(FromJsonLine(R"({"auction_id":"b","event_time":1700000000000000,"candidates":[{"ad_id":"z",)"
                                     R"("bid_micros":1,"click":0}]})")));
  }
}

TEST_F(ParquetTest, TimesOfEveryUnitAreTaken) {
  for (const auto& [unit, micros] :
       std::vector<std::pair<arrow::TimeUnit::type, int64_t>>{{arrow::TimeUnit::SECOND, 7'000'000},
                                                              {arrow::TimeUnit::MILLI, 7'000},
                                                              {arrow::TimeUnit::MICRO, 7},
                                                              {arrow::TimeUnit::NANO, 0}}) {
    WriteForeign({kId, {arrow::field("event_time", arrow::timestamp(unit, "Europe/Berlin")), "[7]"}, kCandidates});
    const Imported read = Import(file_);
    ASSERT_EQ(read.records.size(), 1u) << read.status;
    EXPECT_EQ(read.records[0].auction().event_time(), micros);
  }
}

TEST_F(ParquetTest, WholeSidesMayBeJson) {
  WriteForeign({kId, kTime, kCandidates, {arrow::field("context", arrow::utf8()), R"(["{\"f\": [1]}"])"}});
  const Imported read = Import(file_);
  ASSERT_EQ(read.records.size(), 1u) << read.status;
  EXPECT_EQ(base::ToJson(read.records[0].auction().context().named()), R"({"f":[1]})");
}

TEST_F(ParquetTest, ColumnsAreRefusedByName) {
  const auto field_of = [this](const std::vector<std::pair<std::shared_ptr<arrow::Field>, std::string>>& columns) {
    WriteForeign(columns);
    const absl::Status status = Import(file_).status;
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return base::FieldOf(status).value_or("none");
  };
  EXPECT_EQ(field_of({kTime, kCandidates}), "auction_id");
  EXPECT_EQ(field_of({kId, kCandidates}), "event_time");
  EXPECT_EQ(field_of({kId, kTime}), "candidates");
  EXPECT_EQ(field_of({kId, kTime, kCandidates, kId}), "auction_id");
  EXPECT_EQ(field_of({kId, kTime, kCandidates, {arrow::field("colour", arrow::utf8()), R"(["red"])"}}), "colour");
  EXPECT_EQ(field_of({kId, kTime, kCandidates, {arrow::field("model", arrow::int32()), "[1]"}}), "model");
  EXPECT_EQ(field_of({kId, {arrow::field("event_time", arrow::utf8()), R"(["5"])"}, kCandidates}), "event_time");
  EXPECT_EQ(field_of({{arrow::field("auction_id", arrow::null()), "[null]"}, kTime, kCandidates}), "auction_id");
  EXPECT_EQ(field_of({kId, kTime, {arrow::field("candidates", arrow::list(arrow::int32())), "[[1]]"}}), "candidates");
  EXPECT_EQ(field_of({kId, kTime, {arrow::field("candidates", arrow::utf8()), R"([""])"}}), "candidates");
  EXPECT_EQ(field_of({kId,
                      kTime,
                      {arrow::field("candidates", arrow::list(arrow::struct_({arrow::field("ad_id", arrow::utf8())}))),
                       R"([[]])"}}),
            "candidates.bid_micros");
  const auto candidate_with = [&](const std::string& name, const std::shared_ptr<arrow::DataType>& type) {
    return field_of({kId, kTime, {arrow::field("candidates", CandidateType({arrow::field(name, type)})), "[[]]"}});
  };
  EXPECT_EQ(candidate_with("clicks", arrow::int32()), "candidates.clicks");
  EXPECT_EQ(candidate_with("ad_id", arrow::utf8()), "candidates.ad_id");
  EXPECT_EQ(candidate_with("slot", arrow::float64()), "candidates.slot");
  EXPECT_EQ(candidate_with("pctr", arrow::utf8()), "candidates.pctr");
  EXPECT_EQ(candidate_with("features", arrow::int32()), "candidates.features");
  EXPECT_EQ(candidate_with("features", arrow::struct_({arrow::field("f", arrow::date32())})), "candidates.features.f");
  EXPECT_EQ(candidate_with("features", arrow::struct_({arrow::field("f", arrow::list(arrow::int32()))})),
            "candidates.features.f");
  EXPECT_EQ(candidate_with("encoded_features", arrow::struct_({arrow::field("dense", arrow::float32())})),
            "candidates.encoded_features.dense");
  EXPECT_EQ(candidate_with("encoded_features", arrow::struct_({arrow::field("dense", arrow::list(arrow::utf8()))})),
            "candidates.encoded_features.dense[]");
  EXPECT_EQ(candidate_with("encoded_features", arrow::struct_({arrow::field("sparse", arrow::float32())})),
            "candidates.encoded_features.sparse");
  WriteForeign({kId, kTime, kCandidates, {arrow::field("colour", arrow::utf8()), R"(["red"])"}});
  EXPECT_THAT(std::string(Import(file_).status.message()), HasSubstr("known: auction_id, event_time, "));
}

TEST_F(ParquetTest, RowsThatCannotBeTakenGoToTheCallback) {
  const auto encoded = arrow::struct_({arrow::field("dense", arrow::list(arrow::float64()))});
  const auto candidates = CandidateType({arrow::field("slot", arrow::int64()), arrow::field("click", arrow::int32()),
                                         arrow::field("encoded_features", encoded)});
  const std::string good = R"([{"ad_id":"x","bid_micros":1}])";
  WriteForeign(
      {{arrow::field("auction_id", arrow::binary()), R"([null,"b","c","d","e","f","g","h","i","j","k","l","m"])"},
       {arrow::field("event_time", arrow::timestamp(arrow::TimeUnit::MILLI)),
        "[1,null,9223372036854775807,4,5,6,7,8,9,10,11,12,13]"},
       {arrow::field("reserve_click_micros", arrow::uint64()), "[1,2,3,9223372036854775808,5,6,7,8,9,10,11,1,13]"},
       {arrow::field("reserve_mille_micros", arrow::uint64()),
        "[null,null,null,null,null,null,null,null,null,null,null,1,null]"},
       {arrow::field("candidates", candidates), "[" + good + "," + good + "," + good + "," + good +
                                                    R"(,null,[null],[{"bid_micros":1}],[{"ad_id":"x"}],
          [{"ad_id":"x","bid_micros":1},{"ad_id":"y","bid_micros":1,"slot":2147483648}],
          [{"ad_id":"x","bid_micros":1,"click":2}],
          [{"ad_id":"x","bid_micros":1,"encoded_features":{"dense":[1,1e39]}}],)" +
                                                    good + "," + good + "]"}});
  const Imported read = Import(file_);
  ASSERT_EQ(read.status, absl::OkStatus());
  ASSERT_EQ(read.records.size(), 1u);
  EXPECT_EQ(read.records[0].auction().auction_id(), "m");
  const std::vector<std::string> reasons = {
      "auction_id: is null",
      "event_time: is null",
      "event_time: 9.22337e+21 does not fit",
      "reserve_click_micros: 9.22337e+18 does not fit",
      "candidates: is null",
      "candidates[0]: is null",
      "candidates[0].ad_id: is null",
      "candidates[0].bid_micros: is null",
      "candidates[1].slot: 2.14748e+09 does not fit; -2147483648 to 2147483647 are allowed",
      "candidates[0].click: 2 is not 0, 1 or null",
      "candidates[0].encoded_features.dense: 1e+39 does not fit a number of 32 bits",
      "reserve_mille_micros: is given beside reserve_click_micros"};
  ASSERT_EQ(read.rejects.size(), reasons.size());
  for (size_t i = 0; i < reasons.size(); ++i) {
    EXPECT_EQ(read.rejects[i].first, static_cast<int64_t>(i) + 1);
    EXPECT_THAT(read.rejects[i].second, HasSubstr(reasons[i]));
  }
}

TEST_F(ParquetTest, TextsThatAreNotUtf8AndJsonThatIsNoneAreRejected) {
  const auto json = arrow::key_value_metadata({"vickrey.json"}, {"1"});
  arrow::BinaryBuilder ids;
  ASSERT_TRUE(ids.AppendValues({"\xff", "b", "c"}).ok());
  arrow::BinaryBuilder texts;
  ASSERT_TRUE(texts.AppendValues({"", "\xff", "c"}).ok());
  const auto one = [](const std::shared_ptr<arrow::DataType>& type, const std::string& cells) {
    return arrow::json::ArrayFromJSONString(type, cells).ValueOrDie();
  };
  const auto marked =
      arrow::struct_({arrow::field("j", arrow::utf8(), true, json), arrow::field("t", arrow::binary())});
  const auto context =
      arrow::StructArray::Make({one(arrow::utf8(), R"(["1","1","{"])"), texts.Finish().ValueOrDie()}, marked->fields())
          .ValueOrDie();
  WriteTable(*arrow::Table::Make(arrow::schema({arrow::field("auction_id", arrow::binary()), kTime.first,
                                                kCandidates.first, arrow::field("context", marked)}),
                                 arrow::ArrayVector{ids.Finish().ValueOrDie(), one(arrow::int64(), "[1,2,3]"),
                                                    one(kCandidates.first->type(), R"([[],[],[]])"), context}));
  const Imported read = Import(file_);
  ASSERT_EQ(read.status, absl::OkStatus());
  ASSERT_EQ(read.rejects.size(), 3u);
  EXPECT_THAT(read.rejects[0].second, HasSubstr("auction_id: is not UTF-8"));
  EXPECT_THAT(read.rejects[1].second, HasSubstr("context.t: is not UTF-8"));
  EXPECT_THAT(read.rejects[2].second, HasSubstr("context.j: is not JSON"));
}

TEST_F(ParquetTest, DictionariesBelowListsInSeveralGroupsAreTaken) {
  const auto dictionary = arrow::dictionary(arrow::int32(), arrow::utf8());
  const auto candidates = CandidateType({arrow::field("advertiser_id", dictionary)});
  const auto column = [](const std::shared_ptr<arrow::DataType>& type, const std::string& cells) {
    return arrow::json::ArrayFromJSONString(type, cells).ValueOrDie();
  };
  const auto table = arrow::Table::Make(
      arrow::schema({kId.first, kTime.first, arrow::field("candidates", candidates)}),
      arrow::ArrayVector{column(arrow::utf8(), R"(["a","b","c"])"), column(arrow::int64(), "[1,2,3]"),
                         column(candidates, R"([[{"ad_id":"x","bid_micros":1,"advertiser_id":"v"}],
                           [{"ad_id":"x","bid_micros":1,"advertiser_id":"w"},{"ad_id":"x","bid_micros":1}],
                           [{"ad_id":"x","bid_micros":1,"advertiser_id":"u"}]])")});
  WriteTable(*table, true, 1);
  const Imported read = Import(file_);
  ASSERT_EQ(read.status, absl::OkStatus());
  ASSERT_EQ(read.records.size(), 3u);
  EXPECT_EQ(read.records[1].auction().candidates(0).advertiser_id(), "w");
  EXPECT_EQ(read.records[1].auction().candidates(1).advertiser_id(), "");
  EXPECT_EQ(read.records[2].auction().candidates(0).advertiser_id(), "u");
}

// ---- What is no Parquet, or not any more ----

TEST_F(ParquetTest, WhatIsNotParquetIsRefused) {
  const absl::Status missing = Import(folder_ / "none").status;
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_THAT(std::string(missing.message()), HasSubstr((folder_ / "none").string()));
  EXPECT_FALSE(Import(folder_).status.ok());
  for (const std::string& contents : {std::string(), std::string("PAR1"), std::string(1000, 'x'),
                                      absl::StrCat("PAR1", std::string(1000, '\xff'), "PAR1")}) {
    ASSERT_TRUE(base::WriteFileAtomically(file_, contents).ok());
    const absl::Status status = Import(file_).status;
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(file_.string()));
  }
}

TEST_F(ParquetTest, ATruncatedFileIsAnError) {
  ASSERT_EQ(Write(RandomRecords(50, true, true)), absl::OkStatus());
  const std::string whole = base::ReadFile(file_).value();
  for (size_t length = 0; length < whole.size(); length += 1 + whole.size() / 300) {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << whole.substr(0, length);
    EXPECT_FALSE(Import(file_).status.ok()) << length << " of " << whole.size();
  }
}

// Where the footer of a Parquet file begins: its length stands before the last four bytes.
size_t FooterOf(const std::string& file) {
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(file[file.size() - i])); };
  return file.size() - 8 - (byte(8) | byte(7) << 8 | byte(6) << 16 | byte(5) << 24);
}

TEST_F(ParquetTest, AFlippedByteInThePagesIsFoundOrMeansNothing) {
  const std::vector<LoggedAuction> records = {Simple(R"({"n":1})"), Simple(R"({"n":2})")};
  ASSERT_EQ(Write(records), absl::OkStatus());
  const std::string whole = base::ReadFile(file_).value();
  const size_t footer = FooterOf(whole);
  ASSERT_LT(footer, whole.size());
  int errors = 0;
  for (size_t at = 0; at < footer; at += 7) {
    std::string damaged = whole;
    damaged[at] ^= 2;  // makes, among others, of a page of data one of a kind that Arrow passes over
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << damaged;
    const Imported read = Import(file_);
    errors += read.status.ok() ? 0 : 1;
    if (!read.status.ok()) continue;
    ASSERT_EQ(read.records.size(), records.size()) << at;
    for (size_t k = 0; k < records.size(); ++k) {
      ASSERT_EQ(SerializeDeterministically(read.records[k]), Canonical(records[k])) << "byte " << at << ", row " << k;
    }
  }
  EXPECT_GT(errors, static_cast<int>(footer / 14));  // the rest is statistics, which are not read
}

// Found by fuzzing: Arrow takes the memory before it looks whether the file has that much.
TEST_F(ParquetTest, APageOfASmallFileCannotAskForGigabytes) {
  ASSERT_EQ(Write({Simple(R"({"n":1})")}), absl::OkStatus());
  std::string file = base::ReadFile(file_).value();
  // The first page's header follows "PAR1" (parquet.thrift, compact protocol): 0x15 and a zigzag varint, each a field:
  // type, uncompressed size, compressed size.
  const auto skip_varint = [&](size_t at) {
    while (static_cast<unsigned char>(file[at]) >= 0x80) ++at;
    return at + 1;
  };
  size_t at = 4;
  for (int field = 0; field < 2; ++field) {
    ASSERT_EQ(file[at], 0x15);
    at = skip_varint(at + 1);
  }
  ASSERT_EQ(file[at], 0x15);
  file.replace(at + 1, skip_varint(at + 1) - at - 1, "\xfe\xff\xff\xff\x0f");  // 2^31 - 1
  std::ofstream(file_, std::ios::binary | std::ios::trunc) << file;
  const absl::Status status = Import(file_).status;
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

TEST_F(ParquetTest, NoFlippedByteIsMoreThanAnError) {
  ASSERT_EQ(Write(RandomRecords(50, true, true)), absl::OkStatus());
  const std::string whole = base::ReadFile(file_).value();
  const size_t footer = FooterOf(whole);
  RandomStream random(1, base::StreamId("parquet_test.flips"), 0);
  int errors = 0;
  for (int i = 0; i < 200; ++i) {
    std::string damaged = whole;
    // Nothing checks the footer's bytes: what it describes may become something else.
    damaged[i % 2 == 0 ? random.Below(footer) : footer + random.Below(whole.size() - footer)] ^=
        static_cast<char>(1 + random.Below(255));
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << damaged;
    const absl::Status status = Import(file_).status;
    if (status.ok()) continue;
    ++errors;
    EXPECT_THAT(status.code(), testing::AnyOf(absl::StatusCode::kInvalidArgument, absl::StatusCode::kDataLoss,
                                              absl::StatusCode::kUnimplemented, absl::StatusCode::kResourceExhausted))
        << status;
  }
  EXPECT_GT(errors, 60);
}

}  // namespace
}  // namespace vickrey::log
