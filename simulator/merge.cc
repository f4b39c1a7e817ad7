#include "simulator/merge.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "simulator/part.h"
#include "simulator/scoring.h"
#include "vickrey/base/config.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/config/v1/simulate.pb.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::storage::v1::PartAuction;
using vickrey::storage::v1::PartHeader;
using vickrey::v1::Outcome;
using vickrey::v1::SimulationSummary;

// What shards may differ in: where they were played.
std::string ComparedConfig(SimulateConfig config) {
  config.clear_address();
  config.clear_artifact_root();
  config.clear_in_flight();
  if (config.has_replay()) config.mutable_replay()->clear_db();
  return base::ToJson(config);
}

absl::StatusOr<SimulateConfig> ConfigOf(const PartHeader& header) {
  SimulateConfig config;
  RETURN_IF_ERROR(base::FromJson(header.config(), &config));
  return config;
}

std::string ModelsOf(const PartHeader& header) {
  return absl::StrJoin(header.models(), ",", [](std::string* text, const auto& m) {
    absl::StrAppend(text, m.ref(), " ", m.loss(), " ", m.labels());
  });
}

absl::Status CheckSame(const PartReader& first, const PartReader& other) {
  const auto differs = [&](std::string_view what) {
    return base::InvalidField("PART", absl::StrCat(other.file().string(), " is not of the same simulation as ",
                                                   first.file().string(), ": ", std::string(what), " differ"));
  };
  ASSIGN_OR_RETURN(const SimulateConfig a, ConfigOf(first.header()));
  ASSIGN_OR_RETURN(const SimulateConfig b, ConfigOf(other.header()));
  if (ComparedConfig(a) != ComparedConfig(b)) return differs("the configurations");
  if (ModelsOf(first.header()) != ModelsOf(other.header())) return differs("the models");
  if (first.header().shard_count() != other.header().shard_count()) return differs("the numbers of shards");
  return absl::OkStatus();
}

// The parts by their shard.
absl::StatusOr<std::vector<std::unique_ptr<PartReader>>> OpenAll(const std::vector<std::filesystem::path>& parts) {
  std::vector<std::unique_ptr<PartReader>> opened;
  for (const std::filesystem::path& part : parts) {
    ASSIGN_OR_RETURN(auto reader, PartReader::Open(part));
    if (!opened.empty()) RETURN_IF_ERROR(CheckSame(*opened.front(), *reader));
    opened.push_back(std::move(reader));
  }
  if (opened.empty()) return base::InvalidField("PART", "none was given");
  const int64_t count = opened.front()->header().shard_count();
  std::vector<std::unique_ptr<PartReader>> sorted(count);
  for (auto& reader : opened) {
    const int64_t index = reader->header().shard_index();
    if (index < 0 || index >= count) return absl::DataLossError(absl::StrCat(reader->file().string(), " is damaged"));
    if (sorted[index] != nullptr) {
      return base::InvalidField("PART", absl::StrCat(reader->file().string(), " and ", sorted[index]->file().string(),
                                                     " are both of shard ", index, "/", count));
    }
    sorted[index] = std::move(reader);
  }
  for (int64_t i = 0; i < count; ++i) {
    if (sorted[i] == nullptr) {
      return base::InvalidField("PART", absl::StrCat("that of shard ", i, "/", count, " is missing"));
    }
  }
  return sorted;
}

}  // namespace

absl::StatusOr<SimulationSummary> Merge(const std::vector<std::filesystem::path>& parts, OutcomeWriter* outcomes) {
  ASSIGN_OR_RETURN(const auto readers, OpenAll(parts));
  const PartHeader& header = readers.front()->header();
  ASSIGN_OR_RETURN(const SimulateConfig config, ConfigOf(header));
  std::vector<Contestant> contestants;
  for (const auto& model : header.models()) contestants.push_back({model.ref(), model.loss(), model.labels()});
  ASSIGN_OR_RETURN(const auto scoring, Scoring::Create(config, std::move(contestants), outcomes));
  PartAuction auction;
  std::vector<const Outcome*> results(header.models_size());
  for (const auto& reader : readers) {
    while (true) {
      ASSIGN_OR_RETURN(const bool more, reader->Next(&auction));
      if (!more) break;
      for (int m = 0; m < auction.results_size(); ++m) {
        results[m] = auction.results(m).has_outcome() ? &auction.results(m).outcome() : nullptr;
      }
      RETURN_IF_ERROR(base::Annotate(scoring->Add(results, auction.mutable_auction()), reader->file().string()));
    }
  }
  ASSIGN_OR_RETURN(SimulationSummary summary, scoring->Finish());
  for (const auto& reader : readers) {
    for (const auto& [step, seconds] : reader->end().seconds()) (*summary.mutable_seconds())[step] += seconds;
  }
  return summary;
}

}  // namespace vickrey::simulator
