#include "simulator/traffic.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "client/connect.h"
#include "simulator/flight.h"
#include "simulator/source.h"
#include "vickrey/base/interrupt.h"
#include "vickrey/base/micros.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/rules.h"
#include "vickrey/log/value.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::config::v1::TrafficConfig;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;
using vickrey::v1::ModelInfo;
using vickrey::v1::Outcome;
using vickrey::v1::TrafficLine;

constexpr int64_t kClickAfterMicros = 1'000'000;  // a second behind its auction

// The market's auctions as a simulation would play them.
SimulateConfig MarketOf(const TrafficConfig& config) {
  SimulateConfig market;
  *market.mutable_market() = config.market();
  market.set_seed(config.seed());
  market.set_first(config.first());
  market.set_auctions(config.auctions());
  return market;
}

// What a click on each candidate is expected to be worth, in currency units for an impression of slot 1.
std::vector<double> TrueValues(const LoggedAuction& record) {
  std::vector<double> values;
  for (int i = 0; i < record.candidates_size(); ++i) {
    const int64_t value = log::ValueMicros(record.auction().candidates(i));
    values.push_back(static_cast<double>(value) * record.candidates(i).ctr() / base::kMicro);
  }
  return values;
}

// Sums of one version.
struct Sums {
  int64_t auctions = 0, explored = 0, clicks = 0;
  double welfare = 0, oracle = 0, ranked_welfare = 0, ranked_oracle = 0;
};

class Traffic {
 public:
  Traffic(std::unique_ptr<client::Client> client, const TrafficConfig& config)
      : client_(std::move(client)), config_(config), rules_(decision::RulesOf(config)), flight_(config.in_flight()) {}

  absl::StatusOr<TrafficLine> Send() {
    ASSIGN_OR_RETURN(const auto model, client::ParseModelRef(config_.model()));
    ASSIGN_OR_RETURN(const auto infos, client_->ListModels(model.name()));
    std::vector<Source::Reader> readers;  // the versions that may decide
    for (const ModelInfo& info : infos) {
      bool may = model.has_version() && info.version() == model.version();
      for (const std::string& label : info.labels()) {
        if (model.has_version()) break;
        may = may || (model.has_label() ? label == model.label() : label == "stable" || label == "canary");
      }
      if (may && info.state() == ModelInfo::READY) {
        readers.push_back({absl::StrCat(info.name(), "@", info.version()), info.schema()});
      }
    }
    if (readers.empty()) {
      return base::AboutField(absl::NotFoundError(absl::StrCat("model: the server at ", client_->address(),
                                                               " holds no ", config_.model(), " that is ready")),
                              "model");
    }
    ASSIGN_OR_RETURN(const auto source, Source::Create(MarketOf(config_), {}, readers));
    request_.set_log(true);
    request_.set_explore(config_.explore());
    *request_.mutable_model() = model;
    *request_.mutable_rules() = rules_;

    const absl::Time begin = absl::Now();
    base::Progress progress("traffic", "auctions", source->size());
    TrafficLine line;
    while (true) {
      ASSIGN_OR_RETURN(const auto block, source->Next());
      if (block == nullptr) break;
      RETURN_IF_ERROR(SendBlock(block.get(), &line, &progress));
    }
    progress.Finish();
    line.set_seconds(absl::ToDoubleSeconds(absl::Now() - begin));
    for (const auto& [ref, sums] : versions_) Write(ref, sums, line.add_models());
    return line;
  }

 private:
  // Has all auctions of a block decided, then reports their clicks.
  absl::Status SendBlock(Block* block, TrafficLine* line, base::Progress* progress) {
    std::vector<absl::StatusOr<Outcome>> outcomes(block->size(), absl::CancelledError("interrupted"));
    Flight of_block;
    for (int64_t i = 0; i < block->size() && base::CheckInterrupt().ok(); ++i) {
      auto request = request_;
      *request.mutable_auction() = block->At(i).auction();
      flight_.Depart();
      of_block.Depart();
      client_->RunAuction(std::move(request),
                          [this, &of_block, answer = &outcomes[i]](absl::StatusOr<Outcome> outcome) {
                            *answer = std::move(outcome);
                            flight_.Arrive();
                            of_block.Arrive();  // the last thing: the block may be gone then
                          });
    }
    of_block.WaitForAll();
    std::vector<Feedback> clicks;
    absl::Status status;
    for (int64_t i = 0; i < block->size(); ++i) {
      const LoggedAuction& record = block->At(i);
      const absl::Status taken =
          outcomes[i].ok()
              ? Take(record, *outcomes[i], &clicks)
              : base::Annotate(outcomes[i].status(), absl::StrCat("auction ", record.auction().auction_id()));
      if (taken.ok()) line->set_auctions(line->auctions() + 1);
      if (status.ok()) status = taken;
    }
    // What was decided has its clicks, whatever came after it.
    std::vector<vickrey::v1::AppendFeedbackResult> results;
    if (!clicks.empty()) RETURN_IF_ERROR(client_->AppendFeedback(clicks, &results));
    line->set_clicks(line->clicks() + static_cast<int64_t>(clicks.size()));
    progress->Update(line->auctions());
    RETURN_IF_ERROR(base::CheckInterrupt());
    return status;
  }

  absl::Status Take(const LoggedAuction& record, const Outcome& outcome, std::vector<Feedback>* clicks) {
    const int candidates = record.candidates_size();
    bool good =
        outcome.placements_size() <= rules_.slots() && outcome.impression_tokens_size() == outcome.placements_size();
    for (const auto& placement : outcome.placements()) {
      good = good && placement.index() >= 0 && placement.index() < candidates;
    }
    if (!good) {
      return absl::InternalError(
          absl::StrCat("auction ", record.auction().auction_id(), ": what the server answered is no outcome of it"));
    }
    Sums& sums = versions_[absl::StrCat(outcome.model_name(), "@", outcome.model_version())];
    std::vector<double> values = TrueValues(record);
    base::RandomStream examined(config_.seed(), base::StreamId("traffic.examination"),
                                static_cast<uint64_t>(config_.first() + taken_++));
    double welfare = 0;
    for (int k = 0; k < outcome.placements_size(); ++k) {
      const auto& placement = outcome.placements(k);
      welfare += placement.examination() * values[placement.index()];
      const bool seen = examined.Bernoulli(placement.examination());
      if (!seen || !record.candidates(placement.index()).click()) continue;
      Feedback& click = clicks->emplace_back();
      click.set_feedback_id(absl::StrCat(record.auction().auction_id().substr(0, 110), "-slot", placement.slot()));
      click.set_impression_token(outcome.impression_tokens(k));
      click.set_kind(Feedback::CLICK);
      click.set_event_time(record.auction().event_time() + kClickAfterMicros);
      ++sums.clicks;
    }
    std::sort(values.begin(), values.end(), std::greater<>());
    double oracle = 0;
    for (int k = 0; k < std::min(candidates, rules_.slots()); ++k) {
      oracle += values[k] * (rules_.position_multipliers().empty() ? 1 : rules_.position_multipliers(k));
    }
    ++sums.auctions;
    sums.welfare += welfare;
    sums.oracle += oracle;
    if (outcome.explored()) {
      ++sums.explored;
    } else {
      sums.ranked_welfare += welfare;
      sums.ranked_oracle += oracle;
    }
    return absl::OkStatus();
  }

  static void Write(const std::string& ref, const Sums& sums, TrafficLine::Model* line) {
    line->set_ref(ref);
    line->set_auctions(sums.auctions);
    line->set_explored(sums.explored);
    line->set_clicks(sums.clicks);
    const auto all = static_cast<double>(sums.auctions), ranked = static_cast<double>(sums.auctions - sums.explored);
    line->set_welfare(sums.welfare / all);
    line->set_oracle_welfare(sums.oracle / all);
    if (ranked == 0) return;
    line->set_ranked_welfare(sums.ranked_welfare / ranked);
    line->set_ranked_oracle_welfare(sums.ranked_oracle / ranked);
  }

  const std::unique_ptr<client::Client> client_;
  const TrafficConfig config_;
  const vickrey::v1::AuctionRules rules_;
  vickrey::v1::RunAuctionRequest request_;  // all but the auction
  Flight flight_;
  int64_t taken_ = 0;  // auctions whose outcome was looked at
  std::map<std::string, Sums> versions_;
};

}  // namespace

absl::StatusOr<TrafficLine> SendTraffic(const TrafficConfig& config) {
  ASSIGN_OR_RETURN(auto client, client::Connect(config.address()));
  return Traffic(std::move(client), config).Send();
}

}  // namespace vickrey::simulator
