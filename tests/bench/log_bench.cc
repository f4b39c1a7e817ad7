// The impression log against RocksDB's own speed on the same bytes. A record is an auction of 8 candidates with 13
// numbers and 26 categoricals each, as in the Criteo log, encoded or by name.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "rocksdb/write_batch.h"
#include "vickrey/base/random.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/database.h"
#include "vickrey/log/impression_log.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;
using Family = Database::Family;

constexpr int kCandidates = 8;
constexpr int64_t kStart = 1704067200000000;
constexpr int64_t kSecond = 1'000'000;

enum Form : int64_t { kEncoded = 0, kNamed = 1 };

const features::Schema& Criteo() {
  static const auto& schema = *new std::shared_ptr<const features::Schema>(features::Schema::Preset("criteo").value());
  return *schema;
}

LoggedAuction Record(int64_t index, Form form) {
  base::RandomStream random(1, base::StreamId("log_bench"), static_cast<uint64_t>(index));
  LoggedAuction record;
  record.set_schema_id(Criteo().id());
  auto& auction = *record.mutable_auction();
  auction.set_auction_id(absl::StrCat("bench-", index));
  auction.set_event_time(kStart + index * kSecond);
  for (int i = 0; i < kCandidates; ++i) {
    auto& candidate = *auction.add_candidates();
    candidate.set_ad_id(absl::StrCat("ad", random.Below(100000)));
    candidate.mutable_bid()->set_micros(static_cast<int64_t>(1 + random.Below(5'000'000)));
    google::protobuf::Struct named;
    for (int f = 1; f <= 13; ++f) {
      (*named.mutable_fields())[absl::StrCat("I", f)].set_number_value(static_cast<double>(random.Below(1000)));
    }
    for (int f = 1; f <= 26; ++f) {  // few values are frequent, most are rare
      const double u = random.Uniform();
      const auto value = static_cast<uint64_t>(u * u * u * 1e6) * 2654435761u & 0xffffffff;
      (*named.mutable_fields())[absl::StrCat("C", f)].set_string_value(absl::StrCat(absl::Hex(value, absl::kZeroPad8)));
    }
    if (form == kNamed) {
      *candidate.mutable_features()->mutable_named() = named;
    } else {
      features::Encode(Criteo(), FeatureField::AD, named, "f", candidate.mutable_features()->mutable_encoded())
          .IgnoreError();
    }
    auto& logged = *record.add_candidates();
    logged.set_slot(i == 0 ? 1 : 0);
    logged.set_pctr(0.05);
  }
  return record;
}

vickrey::v1::Feedback Click(int64_t index) {
  vickrey::v1::Feedback click;
  click.set_feedback_id(absl::StrCat("click-", index));
  click.set_auction_id(absl::StrCat("bench-", index));
  click.set_ad_id(Record(index, kEncoded).auction().candidates(0).ad_id());
  click.set_kind(vickrey::v1::Feedback::CLICK);
  click.set_event_time(kStart + index * kSecond + 5);
  return click;
}

fs::path NewFolder() {
  static std::atomic<int> number = 0;
  const fs::path folder = fs::temp_directory_path() / absl::StrCat("log_bench-", getpid(), "-", number++);
  fs::remove_all(folder);
  return folder;
}

// Appends: batches of 512 records, from several threads.

constexpr size_t kBatch = 512;

std::unique_ptr<ImpressionLog> g_log;
std::unique_ptr<Database> g_database;
fs::path g_folder;
std::atomic<int64_t> g_next = 0;

// The batches of one thread: the same auctions again and again, under new ids and times.
class Batches {
 public:
  explicit Batches(Form form) {
    for (size_t i = 0; i < kBatch; ++i) records_.push_back(Record(static_cast<int64_t>(i), form));
  }
  const std::vector<LoggedAuction>& Next() {
    int64_t index = g_next.fetch_add(kBatch);
    for (LoggedAuction& record : records_) {
      record.mutable_auction()->set_auction_id(absl::StrCat("bench-", index));
      record.mutable_auction()->set_event_time(kStart + index++ * kSecond);
    }
    return records_;
  }

 private:
  std::vector<LoggedAuction> records_;
};

void Append(benchmark::State& state) {
  const Form form = static_cast<Form>(state.range(0));
  if (state.thread_index() == 0) {
    g_folder = NewFolder();
    g_log = ImpressionLog::Open(g_folder).value();
  }
  Batches batches(form);
  int64_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const auto& batch = batches.Next();
    for (const auto& record : batch) bytes += static_cast<int64_t>(record.ByteSizeLong());
    state.ResumeTiming();
    benchmark::DoNotOptimize(g_log->AppendAuctions(batch).value().size());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
  state.SetBytesProcessed(bytes);
  if (state.thread_index() == 0) {
    g_log.reset();
    fs::remove_all(g_folder);
  }
}

// The yardstick: the same keys and values, made before, in RocksDB's own synced batches.
void AppendRaw(benchmark::State& state) {
  const Form form = static_cast<Form>(state.range(0));
  if (state.thread_index() == 0) {
    g_folder = NewFolder();
    g_database = Database::OpenForWriting(g_folder, true, {}).value();
  }
  Batches batches(form);
  std::vector<ImpressionLog::Prepared> prepared;
  std::vector<std::string> ids;
  int64_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    prepared.clear();
    ids.clear();
    for (const auto& record : batches.Next()) {
      prepared.push_back(ImpressionLog::Prepare(record).value());
      bytes += static_cast<int64_t>(record.ByteSizeLong());
      vickrey::storage::v1::StoredId id;
      id.set_event_time(record.auction().event_time());
      id.set_digest(prepared.back().digest);
      id.set_sequence(1'000'000);
      ids.push_back(SerializeDeterministically(id));
    }
    state.ResumeTiming();
    rocksdb::WriteBatch batch;
    for (size_t i = 0; i < prepared.size(); ++i) {
      batch.Put(g_database->family(Family::kAuctions), AuctionKey(prepared[i].event_time, prepared[i].auction_id),
                prepared[i].bytes);
      batch.Put(g_database->family(Family::kIds), prepared[i].auction_id, ids[i]);
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    benchmark::DoNotOptimize(g_database->db().Write(options, &batch).ok());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
  state.SetBytesProcessed(bytes);
  if (state.thread_index() == 0) {
    g_database.reset();
    fs::remove_all(g_folder);
  }
}

#define APPEND(f) \
  BENCHMARK(f)->Arg(kEncoded)->Arg(kNamed)->ThreadRange(1, 4)->UseRealTime()->Unit(benchmark::kMillisecond)
APPEND(AppendRaw);
APPEND(Append);

// Scans: a log of 40,000 auctions, half of them clicked, compacted, from the files.

constexpr int64_t kScanned = 40'000;

const fs::path& ScanLog(Form form, bool zstd) {
  static std::map<std::pair<Form, bool>, fs::path> logs;
  fs::path& folder = logs[{form, zstd}];
  if (!folder.empty()) return folder;
  folder = NewFolder();
  LogOptions options;
  options.compression = zstd ? LogOptions::Compression::kZstd : LogOptions::Compression::kNone;
  {
    const auto log = ImpressionLog::Open(folder, true, options).value();
    for (int64_t first = 0; first < kScanned; first += kBatch) {
      std::vector<LoggedAuction> records;
      std::vector<vickrey::v1::Feedback> clicks;
      for (int64_t i = first; i < std::min(first + static_cast<int64_t>(kBatch), kScanned); ++i) {
        records.push_back(Record(i, form));
        if (i % 2 == 0) clicks.push_back(Click(i));
      }
      log->AppendAuctions(records).value();
      log->AppendFeedback(clicks).value();
    }
  }
  const auto database = Database::OpenForWriting(folder, false, options).value();
  for (const Family family : {Family::kAuctions, Family::kIds, Family::kFeedback}) {
    rocksdb::CompactRangeOptions all;
    all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    if (!database->db().CompactRange(all, database->family(family), nullptr, nullptr).ok()) std::abort();
  }
  std::atexit([] {
    for (const auto& [of, path] : logs) fs::remove_all(path);
  });
  return folder;
}

void SizeOf(benchmark::State& state, const fs::path& folder) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder / "data")) {
    if (entry.path().extension() == ".sst") bytes += entry.file_size();
  }
  state.counters["bytes/candidate"] = static_cast<double>(bytes) / static_cast<double>(kScanned * kCandidates);
}

// The yardstick: RocksDB's iterator, which gives keys and values.
void ScanIterator(benchmark::State& state) {
  const auto database =
      Database::OpenForReading(ScanLog(static_cast<Form>(state.range(0)), state.range(1) != 0)).value();
  size_t bytes = 0;
  for (auto _ : state) {
    bytes = 0;
    const auto it = database->Iterate(Family::kAuctions);
    for (it->SeekToFirst(); it->Valid(); it->Next()) bytes += it->key().size() + it->value().size();
    benchmark::DoNotOptimize(bytes);
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
  state.SetItemsProcessed(state.iterations() * kScanned * kCandidates);
  SizeOf(state, ScanLog(static_cast<Form>(state.range(0)), state.range(1) != 0));
}

void ScanFlat(benchmark::State& state, bool join) {
  const auto reader = LogReader::Open(ScanLog(static_cast<Form>(state.range(0)), state.range(1) != 0), "").value();
  const auto schema = features::Schema::Preset("criteo").value();
  FlatBatch batch;
  for (auto _ : state) {
    const auto scan = reader->NewFlatScan({.join = join}, schema).value();
    int64_t candidates = 0;
    while (scan->Next(512, &batch).value()) candidates += batch.candidates();
    if (candidates != kScanned * kCandidates) state.SkipWithError("not all were read");
  }
  state.SetItemsProcessed(state.iterations() * kScanned * kCandidates);
}

void ScanMessages(benchmark::State& state) {
  const auto reader = LogReader::Open(ScanLog(static_cast<Form>(state.range(0)), state.range(1) != 0), "").value();
  for (auto _ : state) {
    const auto scan = reader->NewScan({}).value();
    LoggedAuction record;
    while (scan->Next(&record).value()) benchmark::DoNotOptimize(record.auction().candidates_size());
  }
  state.SetItemsProcessed(state.iterations() * kScanned * kCandidates);
}

// Form, and whether compressed.
#define SCAN(b) b->ArgsProduct({{kEncoded, kNamed}, {0, 1}})->Unit(benchmark::kMillisecond)
SCAN(BENCHMARK(ScanIterator));
SCAN(BENCHMARK_CAPTURE(ScanFlat, plain, false));
SCAN(BENCHMARK_CAPTURE(ScanFlat, joined, true));
SCAN(BENCHMARK(ScanMessages));

}  // namespace
}  // namespace vickrey::log
