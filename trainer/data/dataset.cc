#include "trainer/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/config.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/status.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/snapshot.h"
#include "vickrey/model/encode.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::DataConfig;
using vickrey::v1::FeatureField;
using vickrey::v1::FeatureSchema;
using vickrey::v1::LoggedAuction;

constexpr double kMicro = 1e6;
constexpr int64_t kScanAuctions = 1024;  // read at a time

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
  } else if (std::filesystem::exists(config.schema())) {
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

absl::Status CheckSamplingRate(double rate) {
  if (rate == 1) return absl::OkStatus();
  return base::InvalidField(
      "sampling_rate",
      absl::StrCat("an auction has ", rate, "; this version does not train on a log that was down-sampled"));
}

absl::Status Append(const LoggedAuction& record, const model::Layout& layout, Dataset* data) {
  const vickrey::v1::Auction& auction = record.auction();
  if (record.has_sampling_rate()) RETURN_IF_ERROR(CheckSamplingRate(record.sampling_rate()));
  RETURN_IF_ERROR(base::Annotate(model::AppendAuction(*data->schema, layout, auction, "", &data->features),
                                 absl::StrCat("auction ", auction.auction_id())));
  for (int i = 0; i < auction.candidates_size(); ++i) {
    const auto& candidate = auction.candidates(i);
    const vickrey::v1::LoggedCandidate logged =
        i < record.candidates_size() ? record.candidates(i) : vickrey::v1::LoggedCandidate();
    data->bids_micros.push_back(candidate.bid().micros());
    data->values_micros.push_back(candidate.has_value_micros() ? candidate.value_micros() : candidate.bid().micros());
    data->clicks.push_back(logged.has_click() ? static_cast<float>(logged.click())
                                              : std::numeric_limits<float>::quiet_NaN());
    data->truths.push_back(logged.has_ctr() ? logged.ctr() : std::numeric_limits<double>::quiet_NaN());
  }
  return absl::OkStatus();
}

// Adds up the rows of one side.
void AddRows(FeatureField::Side side, const features::Schema& schema, const log::FlatBatch::Side& rows, int64_t count,
             features::StatisticsBuilder* statistics) {
  const features::Schema::Counts& fields = schema.counts(side);
  const std::span dense(rows.dense);
  const std::span fingerprints(rows.fingerprints), members(rows.bag_fingerprints);
  const std::span lengths(rows.bag_lengths);
  size_t begin = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto of_row = lengths.subspan(i * fields.bag, fields.bag);
    const size_t size = std::accumulate(of_row.begin(), of_row.end(), size_t{0});
    statistics->Add(side, dense.subspan(i * fields.dense, fields.dense),
                    fingerprints.subspan(i * fields.categorical, fields.categorical), of_row,
                    members.subspan(begin, size));
    begin += size;
  }
}

int64_t TrainAuctions(const DataConfig& config, int64_t auctions) {
  return std::clamp<int64_t>(std::llround(config.train() * static_cast<double>(auctions)), 1, auctions);
}

// What the features look like in the training set, which comes first: one pass before they can be transformed.
absl::StatusOr<features::Statistics> StatisticsOf(const log::LogReader& reader, int64_t auctions, uint64_t seed,
                                                  const std::shared_ptr<const features::Schema>& schema) {
  ASSIGN_OR_RETURN(const auto scan, reader.NewFlatScan({.join = false}, schema));
  base::Progress progress("statistics", "auctions", auctions);
  features::StatisticsBuilder statistics(schema, seed);
  log::FlatBatch batch;
  for (int64_t done = 0; done < auctions; done += batch.auctions()) {
    ASSIGN_OR_RETURN(const bool more, scan->Next(std::min(kScanAuctions, auctions - done), &batch));
    if (!more) break;
    RETURN_IF_ERROR(base::CheckInterrupt());
    for (const double rate : batch.sampling_rates) RETURN_IF_ERROR(CheckSamplingRate(rate));
    AddRows(FeatureField::CONTEXT, *schema, batch.context, batch.auctions(), &statistics);
    AddRows(FeatureField::AD, *schema, batch.ads, batch.candidates(), &statistics);
    progress.Update(done + batch.auctions());
  }
  progress.Finish();
  return statistics.Finish();
}

void Split(const DataConfig& config, Dataset* data) {
  const auto auctions = static_cast<double>(data->auctions());
  const int64_t train = TrainAuctions(config, data->auctions());
  const int64_t both =
      std::clamp<int64_t>(std::llround((config.train() + config.validation()) * auctions), train, data->auctions());
  data->train = {0, train};
  data->validation = {train, both};
  data->test = {both, data->auctions()};
}

}  // namespace

Labels LabelsOf(std::string_view name) {
  return name == "click" ? Labels::kClick : name == "teacher" ? Labels::kTeacher : Labels::kTruth;
}

double Dataset::ClickRate(const base::IndexRange& range) const {
  double clicked = 0, labelled = 0;
  for (int64_t i = features.offsets[range.begin]; i < features.offsets[range.end]; ++i) {
    if (std::isnan(clicks[i])) continue;
    clicked += clicks[i];
    ++labelled;
  }
  return labelled > 0 ? clicked / labelled : 0;
}

absl::StatusOr<std::unique_ptr<Dataset>> LoadDataset(const std::filesystem::path& db, const std::string& snapshot_id,
                                                     const DataConfig& config, uint64_t seed) {
  ASSIGN_OR_RETURN(const auto manifest, log::FindSnapshot(db, snapshot_id));
  ASSIGN_OR_RETURN(const auto reader, log::LogReader::Open(db, snapshot_id));
  ASSIGN_OR_RETURN(const auto scan, reader->NewScan({}));
  base::Progress progress("load", "auctions", std::nullopt);
  std::unique_ptr<Dataset> data;
  model::Layout layout;
  LoggedAuction record;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Next(&record));
    if (!more) break;
    if (data == nullptr) {
      ASSIGN_OR_RETURN(const auto raw, SchemaFor(config, record.schema_id()));
      RETURN_IF_ERROR(base::Annotate(features::CheckFreezable(*raw), "data.schema"));
      ASSIGN_OR_RETURN(features::Statistics statistics,
                       StatisticsOf(*reader, TrainAuctions(config, manifest.auctions()), seed, raw));
      ASSIGN_OR_RETURN(const auto schema, features::Freeze(*raw, statistics));
      // Any architecture: a batch depends on the schema only.
      vickrey::storage::v1::ModelSpec spec;
      spec.set_architecture("logistic");
      ASSIGN_OR_RETURN(layout, model::MakeLayout(spec, *schema));
      data = std::make_unique<Dataset>();
      data->schema = schema;
      data->statistics = std::move(statistics.fields);
    }
    RETURN_IF_ERROR(base::CheckInterrupt());
    RETURN_IF_ERROR(Append(record, layout, data.get()));
    progress.Update(data->auctions());
  }
  progress.Finish();
  if (data == nullptr) {
    return base::InvalidField("--snapshot", absl::StrCat("'", snapshot_id, "' holds no auctions"));
  }
  Split(config, data.get());
  return data;
}

void Gather(const Dataset& data, const std::vector<double>& labels, const std::vector<int64_t>& order, size_t begin,
            size_t end, model::Batch* features, LossBatch* batch) {
  features->Clear();
  batch->bids.clear();
  batch->labels.clear();
  for (size_t k = begin; k < end; ++k) {
    features->AppendFrom(data.features, order[k]);
    for (int64_t i = data.features.offsets[order[k]]; i < data.features.offsets[order[k] + 1]; ++i) {
      batch->bids.push_back(static_cast<double>(data.bids_micros[i]) / kMicro);
      batch->labels.push_back(labels[i]);
    }
  }
  batch->offsets = features->offsets;
}

std::vector<double> LoggedLabels(const Dataset& data, Labels labels) {
  if (labels == Labels::kTruth) return data.truths;
  return {data.clicks.begin(), data.clicks.end()};
}

absl::StatusOr<vickrey::v1::MetricsLine> Judge(const Dataset& data, const base::IndexRange& range,
                                               const std::vector<double>& pctr) {
  ASSIGN_OR_RETURN(const auto metrics, metric::LineMetrics::Create({}, {}));
  const int64_t first = data.features.offsets[range.begin];
  vickrey::v1::AuctionLine line;
  for (int64_t a = range.begin; a < range.end; ++a) {
    line.Clear();
    line.set_auction_id(absl::StrCat(a));
    for (int64_t i = data.features.offsets[a]; i < data.features.offsets[a + 1]; ++i) {
      auto& candidate = *line.add_candidates();
      candidate.set_bid_micros(data.bids_micros[i]);
      candidate.set_value_micros(data.values_micros[i]);
      candidate.set_pctr(pctr[i - first]);
      if (!std::isnan(data.clicks[i])) candidate.set_click(data.clicks[i] > 0);
      if (!std::isnan(data.truths[i])) candidate.set_ctr(data.truths[i]);
    }
    RETURN_IF_ERROR(metrics->Add(line));
  }
  return metrics->Finalize();
}

}  // namespace vickrey::trainer
