// What an auction of an in-process simulation costs, and what its parts cost alone: nanoseconds, one thread, a line of
// JSON. For simulate_bench.py.
//
//   simulate_parts ARTIFACT_ROOT MODEL@VERSION [ROUNDS]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "simulator/outcomes.h"
#include "simulator/player.h"
#include "simulator/scoring.h"
#include "simulator/source.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/base/config.h"
#include "vickrey/metric/blocks.h"
#include "vickrey/model/model.h"

namespace vickrey::simulator {
namespace {

constexpr int64_t kAuctions = metric::kBlockAuctions;
constexpr int kReady = 256;  // records that are ready for the scorer: what stays in the second-level cache

double NanosecondsOf(const std::function<void()>& work) {
  const int64_t start = absl::GetCurrentTimeNanos();
  work();
  return static_cast<double>(absl::GetCurrentTimeNanos() - start) / kAuctions;
}

void Run(const std::string& root, const std::string& ref, int rounds) {
  vickrey::config::v1::SimulateConfig config;
  config.mutable_market()->set_scenario("two_segments");
  config.add_models(ref);
  config.set_scorer("inprocess");
  config.set_artifact_root(root);
  config.set_auctions(int64_t{2} * rounds * kAuctions);
  if (!base::FinishConfig("bench", &config).ok()) std::abort();
  const auto player = Player::Create(config).value();
  const auto source = Source::Create(config, {}, player->readers()).value();
  const auto outcomes = OutcomeWriter::Open("").value();
  const auto scoring = Scoring::Create(config, player->contestants(), outcomes.get()).value();
  const auto other_outcomes = OutcomeWriter::Open("").value();
  const auto other_scoring = Scoring::Create(config, player->contestants(), other_outcomes.get()).value();
  const std::vector<std::string> name = absl::StrSplit(ref, '@');
  const auto model = model::Model::Load(std::filesystem::path(root) / name[0] / name[1]).value();
  const auto mechanism = auction::MakeMechanism({}).value();

  Round round, played;  // their memory is used again, as a thread of the simulation does
  RoundScore score, other_score;
  std::map<std::string, std::vector<double>> times;
  for (int r = 0; r < rounds; ++r) {
    auto block = source->Next().value();
    int64_t ids = 0;
    times["generate"].push_back(NanosecondsOf([&] {
      for (int64_t i = 0; i < kAuctions; ++i) ids += block->At(i).candidates_size();
    }));
    std::vector<vickrey::v1::LoggedAuction> ready;
    for (int i = 0; i < kReady; ++i) ready.push_back(block->At(i));
    double sum = 0;
    times["score"].push_back(NanosecondsOf([&] {
      for (int64_t i = 0; i < kAuctions; ++i) sum += model->Predict(ready[i % kReady].auction(), "")->pctr[0];
    }));
    round.Clear();
    if (!player->Play(block.get(), &round).ok()) std::abort();
    auction::BatchOutcome sold;
    times["settle"].push_back(NanosecondsOf([&] {
      if (!mechanism->RunBatch({round.bids_micros, round.answers[0].pctrs, round.offsets}, &sold).ok()) std::abort();
    }));
    times["accumulate"].push_back(NanosecondsOf([&] {
      if (!scoring->Judge(round, &score).ok() || !scoring->Add(score).ok()) std::abort();
    }));
    auto next = source->Next().value();
    times["whole"].push_back(NanosecondsOf([&] {
      played.Clear();
      if (!player->Play(next.get(), &played).ok()) std::abort();
      if (!other_scoring->Judge(played, &other_score).ok() || !other_scoring->Add(other_score).ok()) std::abort();
    }));
    if (ids < 0 || sum < 0) std::abort();
  }
  std::string text = "{";
  for (auto& [part, of_rounds] : times) {
    std::sort(of_rounds.begin(), of_rounds.end());
    absl::StrAppend(&text, text.size() > 1 ? "," : "", "\"", part, "\":", of_rounds[of_rounds.size() / 2]);
  }
  std::puts((text + "}").c_str());
}

}  // namespace
}  // namespace vickrey::simulator

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  vickrey::simulator::Run(argv[1], argv[2], argc > 3 ? std::atoi(argv[3]) : 25);
  return 0;
}
