#include "simulator/merge.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "simulator/part.h"
#include "simulator/round.h"
#include "simulator/scoring.h"
#include "vickrey/base/config.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/metric/blocks.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::storage::v1::PartAuction;
using vickrey::storage::v1::PartHeader;
using vickrey::v1::SimulationSummary;

// What shards may differ in: where they were played.
std::string ComparedConfig(SimulateConfig config) {
  config.clear_address();
  config.clear_artifact_root();
  config.clear_in_flight();
  config.clear_threads();
  config.clear_retry_seconds();
  if (config.has_replay()) {
    config.mutable_replay()->clear_db();
    config.mutable_replay()->clear_labels();
  }
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

// An auction and the answers to it. DATA_LOSS where these do not fit.
absl::Status Append(const PartAuction& auction, Round* round) {
  round->Append(auction.auction());
  const size_t a = round->auctions() - 1;
  round->answers.resize(auction.results_size());
  for (int m = 0; m < auction.results_size(); ++m) {
    auto& answers = round->answers[m];
    const auto& result = auction.results(m);
    answers.answered.push_back(result.has_outcome());
    if (result.has_outcome()) {
      const auto& pctr = result.outcome().pctr();
      if (static_cast<size_t>(pctr.size()) != round->candidates(a)) {
        return absl::DataLossError(absl::StrCat("auction ", std::string(round->auction_ids[a]), " has ", pctr.size(),
                                                " predictions of ", round->candidates(a), " candidates"));
      }
      answers.pctrs.insert(answers.pctrs.end(), pctr.begin(), pctr.end());
    } else {
      answers.pctrs.resize(answers.pctrs.size() + round->candidates(a));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SimulationSummary> Merge(const std::vector<std::filesystem::path>& parts, OutcomeWriter* outcomes) {
  ASSIGN_OR_RETURN(const auto readers, OpenAll(parts));
  const PartHeader& header = readers.front()->header();
  ASSIGN_OR_RETURN(const SimulateConfig config, ConfigOf(header));
  std::vector<Contestant> contestants;
  for (const auto& model : header.models()) contestants.push_back({model.ref(), model.loss(), model.labels()});
  ASSIGN_OR_RETURN(const auto scoring, Scoring::Create(config, std::move(contestants), outcomes));
  Round round;
  RoundScore score;
  const auto judge = [&]() -> absl::Status {
    RETURN_IF_ERROR(base::CheckInterrupt());
    if (round.auctions() == 0) return absl::OkStatus();
    RETURN_IF_ERROR(scoring->Judge(round, &score));
    RETURN_IF_ERROR(scoring->Add(score));
    round.Clear();
    return absl::OkStatus();
  };
  PartAuction auction;
  for (const auto& reader : readers) {
    while (true) {
      ASSIGN_OR_RETURN(const bool more, reader->Next(&auction));
      if (!more) break;
      RETURN_IF_ERROR(base::Annotate(Append(auction, &round), reader->file().string()));
      // Shards end with a block, but for the last: rounds are those of one run.
      if (static_cast<int64_t>(round.auctions()) < metric::kBlockAuctions) continue;
      RETURN_IF_ERROR(base::Annotate(judge(), reader->file().string()));
    }
  }
  RETURN_IF_ERROR(judge());
  ASSIGN_OR_RETURN(SimulationSummary summary, scoring->Finish());
  for (const auto& reader : readers) {
    for (const auto& [step, seconds] : reader->end().seconds()) (*summary.mutable_seconds())[step] += seconds;
  }
  return summary;
}

}  // namespace vickrey::simulator
