#include "trainer/data/encode.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vickrey/base/config.h"
#include "vickrey/base/file_lock.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/features/statistics.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/snapshot.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::DataConfig;
using vickrey::v1::FeatureField;
using vickrey::v1::FeatureSchema;
using vickrey::v1::LoggedAuction;

constexpr int64_t kScanAuctions = 1024;  // read at a time
constexpr int kKeyDigits = 12;
constexpr int kEncoding = 2;  // part of the key: raise it where datasets come out otherwise than before

// The preset with the id that the log's records carry.
absl::StatusOr<FeatureSchema> SchemaOfLog(const std::string& schema_id) {
  for (const std::string_view preset : features::Schema::PresetNames()) {
    ASSIGN_OR_RETURN(const auto schema, features::Schema::Preset(preset));
    if (schema->id() == schema_id) return schema->proto();
  }
  return base::InvalidField("data.schema", "is required: the log does not say which preset its features are of");
}

absl::StatusOr<std::shared_ptr<const features::Schema>> SchemaFor(const DataConfig& config,
                                                                  const std::string& schema_id) {
  FeatureSchema proto;
  if (!config.has_schema()) {
    ASSIGN_OR_RETURN(proto, SchemaOfLog(schema_id));
  } else if (std::error_code error; std::filesystem::is_regular_file(config.schema(), error)) {
    RETURN_IF_ERROR(base::Annotate(base::LoadConfigFile(config.schema(), &proto), "data.schema"));
  } else {
    const auto preset = features::Schema::Preset(config.schema());
    if (!preset.ok()) {
      return base::AboutField(
          base::Annotate(preset.status(),
                         "data.schema: neither a file (looked for from the current folder) nor a preset"),
          "data.schema");
    }
    proto = (*preset)->proto();
  }
  for (auto& field : *proto.mutable_fields()) {
    if (config.has_max_buckets() && field.kind() != FeatureField::DENSE) {
      field.set_buckets(std::min<int64_t>(field.buckets(), config.max_buckets()));
    }
  }
  return features::Schema::Create(std::move(proto));
}

// Which part each auction belongs to.
class Splitter {
 public:
  Splitter(const DataConfig& config, int64_t auctions) : config_(config) {
    train_ = std::clamp<int64_t>(std::llround(config.train() * static_cast<double>(auctions)), 1, auctions);
    validation_ = std::clamp<int64_t>(
        std::llround((config.train() + config.validation()) * static_cast<double>(auctions)), train_, auctions);
  }

  // By a hash of the auction's id, `number` otherwise, its place in the order of time.
  Part operator()(int64_t number, uint64_t id_hash) const {
    if (config_.split() == "time") {
      return number < train_ ? Part::kTrain : number < validation_ ? Part::kValidation : Part::kTest;
    }
    const double place = static_cast<double>(id_hash >> 11) * 0x1p-53;
    if (place < config_.train()) return Part::kTrain;
    return place < config_.train() + config_.validation() ? Part::kValidation : Part::kTest;
  }

  // Behind the last auction of the training set.
  int64_t TrainEnd(int64_t auctions) const { return config_.split() == "time" ? train_ : auctions; }

 private:
  const DataConfig& config_;
  int64_t train_ = 0, validation_ = 0;
};

uint64_t HashOf(std::string_view id) { return XXH64(id.data(), id.size(), /*seed=*/0); }

absl::Status CheckSamplingRates(const log::FlatBatch& batch) {
  for (int64_t a = 0; a < batch.auctions(); ++a) {
    if (batch.sampling_rates[a] == 1) continue;
    return base::InvalidField("sampling_rate",
                              absl::StrCat("auction ", std::string(batch.id(a)), " has ", batch.sampling_rates[a],
                                           "; this version does not train on a log that was down-sampled"));
  }
  return absl::OkStatus();
}

// Where the rows of one side of a batch begin.
class Rows {
 public:
  Rows(const log::FlatBatch::Side& side, const features::Schema::Counts& fields) : side_(side), fields_(fields) {}

  model::RawRow Next() {
    const model::RawRow row = {.dense = side_.dense.data() + row_ * fields_.dense,
                               .fingerprints = side_.fingerprints.data() + row_ * fields_.categorical,
                               .bag_lengths = side_.bag_lengths.data() + row_ * fields_.bag,
                               .bag_fingerprints = side_.bag_fingerprints.data() + member_};
    for (size_t bag = 0; bag < static_cast<size_t>(fields_.bag); ++bag) member_ += row.bag_lengths[bag];
    ++row_;
    return row;
  }

 private:
  const log::FlatBatch::Side& side_;
  const features::Schema::Counts& fields_;
  size_t row_ = 0, member_ = 0;
};

// One making of a dataset.
class Encoding {
 public:
  Encoding(const log::LogReader& reader, const DataConfig& config, uint64_t seed, int64_t auctions,
           std::shared_ptr<const features::Schema> raw)
      : reader_(reader), seed_(seed), auctions_(auctions), raw_(std::move(raw)), split_(config, auctions) {}

  absl::Status Write(const std::filesystem::path& folder) {
    ASSIGN_OR_RETURN(features::Statistics statistics, StatisticsOfTrainingSet());
    ASSIGN_OR_RETURN(const auto schema, features::Freeze(*raw_, statistics));
    ASSIGN_OR_RETURN(const model::Layout inputs, model::MakeInputs(*schema));
    ASSIGN_OR_RETURN(const auto writer, DatasetWriter::Create(folder, schema, std::move(statistics.fields)));
    base::Progress progress("encode", "auctions", auctions_);
    RETURN_IF_ERROR(Scan(true, auctions_, &progress, [&](const log::FlatBatch& batch, int64_t first) {
      return Encode(batch, first, inputs, writer.get());
    }));
    return writer->Publish();
  }

 private:
  // Calls f(batch, number of its first auction) on the first `auctions` auctions.
  template <typename F>
  absl::Status Scan(bool join, int64_t auctions, base::Progress* progress, F f) const {
    ASSIGN_OR_RETURN(const auto scan, reader_.NewFlatScan({.join = join, .young_clicks = false}, raw_));
    log::FlatBatch batch;
    for (int64_t done = 0; done < auctions;) {
      ASSIGN_OR_RETURN(const bool more, scan->Next(std::min(kScanAuctions, auctions - done), &batch));
      if (!more) {
        return absl::DataLossError(absl::StrCat("the snapshot ends after ", done, " of ", auctions, " auctions"));
      }
      RETURN_IF_ERROR(base::CheckInterrupt());
      RETURN_IF_ERROR(CheckSamplingRates(batch));
      RETURN_IF_ERROR(f(batch, done));
      done += batch.auctions();
      progress->Update(done);
    }
    progress->Finish();
    return absl::OkStatus();
  }

  absl::StatusOr<features::Statistics> StatisticsOfTrainingSet() const {
    const int64_t auctions = split_.TrainEnd(auctions_);
    base::Progress progress("statistics", "auctions", auctions);
    features::StatisticsBuilder statistics(raw_, seed_);
    RETURN_IF_ERROR(Scan(false, auctions, &progress, [&](const log::FlatBatch& batch, int64_t first) {
      AddRows(batch, first, &statistics);
      return absl::OkStatus();
    }));
    return statistics.Finish();
  }

  // Those of the training set.
  void AddRows(const log::FlatBatch& batch, int64_t first, features::StatisticsBuilder* statistics) const {
    const features::Schema::Counts& context = raw_->counts(FeatureField::CONTEXT);
    const features::Schema::Counts& ad = raw_->counts(FeatureField::AD);
    Rows contexts(batch.context, context), ads(batch.ads, ad);
    const auto add = [&](FeatureField::Side side, const features::Schema::Counts& fields, const model::RawRow& row) {
      const size_t members = std::accumulate(row.bag_lengths, row.bag_lengths + fields.bag, size_t{0});
      statistics->Add(side, {row.dense, static_cast<size_t>(fields.dense)},
                      {row.fingerprints, static_cast<size_t>(fields.categorical)},
                      {row.bag_lengths, static_cast<size_t>(fields.bag)}, {row.bag_fingerprints, members});
    };
    for (int64_t a = 0; a < batch.auctions(); ++a) {
      const bool train = split_(first + a, HashOf(batch.id(a))) == Part::kTrain;
      const model::RawRow shared = contexts.Next();
      if (train) add(FeatureField::CONTEXT, context, shared);
      for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) {
        const model::RawRow own = ads.Next();
        if (train) add(FeatureField::AD, ad, own);
      }
    }
  }

  absl::Status Encode(const log::FlatBatch& batch, int64_t first, const model::Layout& inputs, DatasetWriter* writer) {
    chunk_.Clear();
    id_hashes_.clear(), parts_.clear();
    Rows contexts(batch.context, raw_->counts(FeatureField::CONTEXT)), ads(batch.ads, raw_->counts(FeatureField::AD));
    std::vector<model::RawRow> candidates;
    for (int64_t a = 0; a < batch.auctions(); ++a) {
      candidates.clear();
      for (int64_t i = batch.offsets[a]; i < batch.offsets[a + 1]; ++i) candidates.push_back(ads.Next());
      chunk_.features.Append(inputs, contexts.Next(), candidates);
      id_hashes_.push_back(HashOf(batch.id(a)));
      parts_.push_back(split_(first + a, id_hashes_.back()));
    }
    chunk_.bids_micros = batch.bids_micros;
    chunk_.values_micros = batch.values_micros;
    chunk_.truths = batch.ctrs;
    for (const int8_t click : batch.clicks) {
      chunk_.clicks.push_back(click < 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(click));
    }
    return writer->Append(chunk_, id_hashes_, parts_);
  }

  const log::LogReader& reader_;
  const uint64_t seed_;
  const int64_t auctions_;
  const std::shared_ptr<const features::Schema> raw_;
  const Splitter split_;
  // Scratch.
  Chunk chunk_;
  std::vector<uint64_t> id_hashes_;
  std::vector<Part> parts_;
};

// The id of the schema that the first record's features are encoded for; empty if they are named.
absl::StatusOr<std::string> SchemaIdOf(const log::LogReader& reader, const std::string& snapshot_id) {
  ASSIGN_OR_RETURN(const auto scan, reader.NewScan({.join = false}));
  LoggedAuction record;
  ASSIGN_OR_RETURN(const bool any, scan->Next(&record));
  if (!any) return base::InvalidField("--snapshot", absl::StrCat("'", snapshot_id, "' holds no auctions"));
  return record.schema_id();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Dataset>> EncodeSnapshot(const std::filesystem::path& db,
                                                              const std::string& snapshot_id, const DataConfig& config,
                                                              uint64_t seed, const std::filesystem::path& root) {
  ASSIGN_OR_RETURN(const auto manifest, log::FindSnapshot(db, snapshot_id));
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(db, snapshot_id));
  ASSIGN_OR_RETURN(const std::string schema_id, SchemaIdOf(*reader, snapshot_id));
  ASSIGN_OR_RETURN(const auto raw, SchemaFor(config, schema_id));
  RETURN_IF_ERROR(base::Annotate(features::CheckFreezable(*raw), "data.schema"));
  const std::string key = base::Sha256Hex(
      absl::StrCat(kEncoding, "\n", seed, "\n", base::ToJson(config), "\n", base::ToJson(raw->proto())));
  const std::filesystem::path folder = root / "datasets" / absl::StrCat(snapshot_id, "-", key.substr(0, kKeyDigits));
  // One process makes it; those that train together with it, or want the same, wait.
  ASSIGN_OR_RETURN(const auto lock,
                   base::FileLock::Wait(root / "datasets" / absl::StrCat(".", folder.filename().string(), ".lock")));
  base::RemoveUnpublished(folder.parent_path(), folder.filename().string());
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) {
    RETURN_IF_ERROR(Encoding(*reader, config, seed, manifest.auctions(), raw).Write(folder));
  }
  return Dataset::Open(folder);
}

}  // namespace vickrey::trainer
