// Importers of text. The first byte picks the format and its options, the rest is the file. For each record:
// RequireSurvives. Features by name and the same features encoded (ImportOptions.encode) give the same arrays, and
// log::FlatDecoder decodes both. And what RunImporter requires.
#include <array>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/survives.h"
#include "vickrey/base/config.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/flat_decoder.h"
#include "vickrey/log/import_formats.h"
#include "vickrey/log/record.h"

namespace vickrey::fuzz {
namespace {

using vickrey::v1::LoggedAuction;

constexpr char kFeatures[] = R"(
features:
  fields:
    - {name: d, side: ad, kind: dense, transform: none}
    - {name: c, side: ad, kind: categorical, buckets: 10, embedding_width: 2}
    - {name: b, side: ad, kind: bag, buckets: 10, embedding_width: 2}
    - {name: x, side: context, kind: dense, transform: none}
    - {name: y, side: context, kind: bag, buckets: 10, embedding_width: 2}
)";
// Every row an auction, as few columns as there can be.
constexpr char kPlain[] = "missing: [NA]\n";
// Every column that there can be.
constexpr char kFull[] = R"(
auction: a
time: {column: t, format: seconds, start: 2024-01-31T12:00:00Z}
currency_code: EUR
cluster_key: k
ad_id: i
advertiser_id: v
click: w
slot: s
examination: e
propensity: p
pctr: q
conversions: n
bid: {column: f1}
value: {column: f2, micros: 1}
price: {column: f3, micros: 0.001}
bid_mille: {column: f4}
price_mille: {column: f5}
reserve_click: {column: f6}
)";
// Without a header, tabs, times as texts.
constexpr char kTabs[] = R"(
delimiter: "\t"
bag_separator: " "
columns: [t, d, c, b, x, y]
time: {column: t, format: "%Y-%m-%d %H:%M:%E*S"}
)";
// Whole microseconds, a delimiter that stands in texts.
constexpr char kMicros[] = R"(
delimiter: " "
time: {column: t}
reserve_mille: {column: d, micros: 1000000000}
)";

struct Case {
  std::string_view format;
  int group_size = 1;
  bool items = false;  // the input starts with the table of items, up to a zero byte
  const char* csv = nullptr;
};
constexpr std::array<Case, 11> kCases = {{{"criteo"},
                                          {"criteo", 3},
                                          {"outbrain"},
                                          {"ipinyou"},
                                          {"open_bandit"},
                                          {"open_bandit", 1, true},
                                          {"jsonl"},
                                          {"csv", 2, false, kPlain},
                                          {"csv", 1, false, kFull},
                                          {"csv", 1, false, kTabs},
                                          {"csv", 1, false, kMicros}}};

vickrey::config::v1::CsvConfig ConfigOf(const char* text) {
  vickrey::config::v1::CsvConfig config;
  Require(base::LoadConfig(std::string(text) + kFeatures, "config", &config).ok(),
          "the fuzzer's configuration is good");
  return config;
}

std::shared_ptr<const features::Schema> SchemaOf(const log::ImportOptions& options, std::string_view format) {
  return options.csv.has_value() ? features::Schema::Create(options.csv->features()).value()
                                 : features::Schema::Preset(format).value();
}

struct Imported {
  bool opened = false;
  std::vector<LoggedAuction> records;
  std::vector<int64_t> rejects;
};

Imported Import(const Case& choice, log::ImportOptions options, std::string_view items, std::string_view file) {
  Imported imported;
  std::istringstream in{std::string(file)}, items_in{std::string(items)};
  if (choice.items) options.items = &items_in;
  const auto importer = log::MakeImporter(choice.format, options, &in);
  imported.opened = importer.ok();
  if (!importer.ok()) return imported;
  imported.rejects = RunImporter(importer->get(), file.size() + 1, AtMost::kRequire,
                                 [&](const LoggedAuction& record) { imported.records.push_back(record); });
  return imported;
}

}  // namespace
}  // namespace vickrey::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vickrey::fuzz;
  namespace log = vickrey::log;
  static const auto& configs = *new auto([] {
    std::array<std::optional<vickrey::config::v1::CsvConfig>, kCases.size()> made;
    for (size_t i = 0; i < kCases.size(); ++i) {
      if (kCases[i].csv != nullptr) made[i] = ConfigOf(kCases[i].csv);
    }
    return made;
  }());
  Input input(data, size);
  const size_t number = input.Case(kCases.size());
  const Case& choice = kCases[number];
  const std::string_view items = choice.items ? input.TakeUntil('\0') : std::string_view();
  log::ImportOptions options{
      .file_digest = "0123456789abcdef", .group_size = choice.group_size, .csv = configs[number]};
  const Imported named = Import(choice, options, items, input.rest());
  if (choice.format == "jsonl") return 0;  // its features are anyone's

  options.encode = true;
  const Imported encoded = Import(choice, options, items, input.rest());
  Require(named.opened == encoded.opened && named.rejects == encoded.rejects &&
              named.records.size() == encoded.records.size(),
          "encoded or by name, the same rows are good");
  if (named.records.empty()) return 0;
  log::FlatDecoder decoder(SchemaOf(options, choice.format));
  log::FlatBatch by_name, by_array;
  for (size_t i = 0; i < named.records.size(); ++i) {
    const bool good = log::Validate(named.records[i]).ok();
    Require(good == log::Validate(encoded.records[i]).ok(), "encoded or by name, the same records are accepted");
    if (!good) continue;
    Require(decoder.Append(Stored(named.records[i]), &by_name).ok(), "an import's features fit its schema");
    Require(decoder.Append(Stored(encoded.records[i]), &by_array).ok(), "an import's encoded features fit its schema");
  }
  RequireSame(by_name, by_array);
  return 0;
}
