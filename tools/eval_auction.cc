#include <memory>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "tools/eval.h"
#include "tools/rule_flags.h"
#include "vickrey/auction/settlement.h"
#include "vickrey/metric/judge.h"

namespace vickrey::tools {
namespace {

using vickrey::v1::AuctionLine;
using vickrey::v1::EvalAuctionLine;

absl::StatusOr<EvalAuctionLine> Evaluate(const auction::Mechanism& mechanism, const AuctionLine& line) {
  ASSIGN_OR_RETURN(const metric::JudgedAuction judged, metric::Judge(line));
  for (int i = 0; i < line.candidates_size(); ++i) {
    if (!line.candidates(i).has_pctr()) {
      return base::InvalidField(absl::StrCat("candidates[", i, "].pctr"),
                                absl::StrCat("auction ", line.auction_id(), " cannot be decided without it"));
    }
  }
  ASSIGN_OR_RETURN(const auction::Outcome outcome, mechanism.Run(line.auction_id(), judged.Candidates()));
  EvalAuctionLine result;
  result.set_auction_id(line.auction_id());
  result.mutable_ranking()->Add(outcome.ranking.begin(), outcome.ranking.end());
  for (const auction::Placement& placement : outcome.placements) {
    auto& sold = *result.add_placements();
    sold.set_slot(placement.slot);
    sold.set_index(placement.index);
    sold.set_ad_id(line.candidates(placement.index).ad_id());
    sold.set_score(placement.score);
    sold.set_price_micros(placement.price_micros);
    sold.set_examination(placement.examination);
  }
  const auto reference = judged.BestReference();
  if (!reference.has_value()) return result;
  const auto& probabilities = judged.probabilities[static_cast<size_t>(*reference)];
  const std::span<const double> multipliers = mechanism.position_multipliers();
  const auction::Settlement s = auction::Settle(outcome, multipliers, judged.values_micros, probabilities);
  result.set_welfare(s.welfare);
  result.set_declared_welfare(auction::Settle(outcome, multipliers, judged.bids_micros, probabilities).welfare);
  result.set_revenue(s.revenue);
  result.set_surplus(s.surplus);
  if (*reference != metric::Reference::kClicks) {
    result.set_oracle_welfare(s.oracle_welfare);
    result.set_regret(s.regret);
  }
  result.set_reference(std::string(metric::NameOf(*reference)));
  return result;
}

}  // namespace

void AddEvalAuction(base::Tool& tool) {
  const auto flags = std::make_shared<RuleFlags>();
  CLI::App& app = tool.AddVerb("auction", "Decide each auction and say what it was worth",
                               R"(echo '{"auction_id":"a","candidates":[{"ad_id":"x","bid_micros":2000000,"pctr":0.1},)"
                               R"({"ad_id":"y","bid_micros":3000000,"pctr":0.05}]}' | vickrey eval auction)",
                               [flags] {
                                 ASSIGN_OR_RETURN(const auction::Rules rules, flags->Rules());
                                 ASSIGN_OR_RETURN(const auto mechanism, auction::MakeMechanism(rules));
                                 return base::ForEachLine<AuctionLine>([&](const AuctionLine& line) -> absl::Status {
                                   ASSIGN_OR_RETURN(const EvalAuctionLine result, Evaluate(*mechanism, line));
                                   base::WriteLine(result);
                                   return absl::OkStatus();
                                 });
                               });
  flags->Declare(app);
}

}  // namespace vickrey::tools
