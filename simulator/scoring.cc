#include "simulator/scoring.h"

#include <cmath>
#include <span>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vickrey/auction/mechanism.h"
#include "vickrey/auction/settlement.h"
#include "vickrey/base/build_info.h"
#include "vickrey/base/json.h"
#include "vickrey/base/micros.h"
#include "vickrey/base/status.h"
#include "vickrey/decision/decide.h"
#include "vickrey/decision/rules.h"
#include "vickrey/metric/comparison_line.h"
#include "vickrey/metric/off_policy_line.h"

namespace vickrey::simulator {
namespace {

using metric::kReferences;
using vickrey::config::v1::SimulateConfig;
using vickrey::v1::SimulationSummary;

// What a summary shows of each model's predictions: few enough to draw.
constexpr metric::LineOptions kShown{.bid_buckets = 20, .prediction_buckets = 20};
constexpr size_t kNone = kReferences.size();

}  // namespace

// What the auctions of a round are judged by.
struct Scoring::References {
  explicit References(const Round& round, std::span<const double> multipliers);

  std::vector<double> clicks;                // (N) as probabilities; 0: not known
  std::vector<uint8_t> known;                // (auctions) bit r: reference r is known of every candidate
  std::vector<size_t> best;                  // (auctions) the first of them; kNone: none
  std::vector<double> worths;                // (N) value x probability by the best one, units of the currency
  std::vector<double> oracles;               // (auctions) not for clicks, which are hindsight
  std::vector<const double*> probabilities;  // (auctions) of its first candidate, by the best one

  bool HasOracle(size_t a) const { return best[a] < static_cast<size_t>(metric::Reference::kClicks); }
};

Scoring::References::References(const Round& round, std::span<const double> multipliers) {
  const size_t auctions = round.auctions(), n = round.bids_micros.size();
  clicks.resize(n);
  for (size_t i = 0; i < n; ++i) clicks[i] = round.clicks[i] == 1;
  worths.resize(n);
  std::vector<double> scratch;
  for (size_t a = 0; a < auctions; ++a) {
    const int64_t begin = round.offsets[a], end = round.offsets[a + 1];
    uint8_t bits = 7;
    for (int64_t i = begin; i < end; ++i) {
      if (std::isnan(round.truths[i])) bits &= ~1;
      if (std::isnan(round.teachers[i])) bits &= ~2;
      if (round.clicks[i] == metric::kUnknownClick) bits &= ~4;
    }
    known.push_back(bits);
    best.push_back(bits & 1 ? 0 : bits & 2 ? 1 : bits & 4 ? 2 : kNone);
    const double* const arrays[] = {round.truths.data(), round.teachers.data(), clicks.data(), nullptr};
    const double* const p = best[a] == kNone ? nullptr : arrays[best[a]] + begin;
    probabilities.push_back(p);
    oracles.push_back(0);
    if (p == nullptr) continue;
    for (int64_t i = begin; i < end; ++i) {
      worths[i] = auction::Score(round.values_micros[i], p[i - begin]) / base::kMicro;
    }
    if (HasOracle(a)) {
      oracles[a] = auction::OracleWelfare(multipliers, {worths.data() + begin, round.candidates(a)}, &scratch);
    }
  }
}

absl::StatusOr<std::unique_ptr<Scoring>> Scoring::Create(const SimulateConfig& config,
                                                         std::vector<Contestant> contestants, OutcomeWriter* outcomes) {
  std::unique_ptr<Scoring> scoring(new Scoring(config, std::move(contestants), outcomes));
  ASSIGN_OR_RETURN(const auction::Rules rules, decision::ReadRules(decision::RulesOf(config), ""));
  const size_t models = scoring->contestants_.size();
  for (size_t m = 0; m < models; ++m) {
    ASSIGN_OR_RETURN(auto metrics, metric::LineMetrics::Create(rules, kShown));
    scoring->metrics_.push_back(std::move(metrics));
  }
  scoring->pairs_.resize(models);
  scoring->off_policy_.resize(models);
  scoring->decisions_.resize(models);
  return scoring;
}

absl::Status Scoring::Judge(const Round& round, RoundScore* score) const {
  const References references(round, metrics_.front()->mechanism().position_multipliers());
  std::string lines = std::move(score->outcomes);
  lines.clear();
  *score = RoundScore();
  score->outcomes = std::move(lines);
  score->auctions = static_cast<int64_t>(round.auctions());
  score->pairs.resize(contestants_.size());
  score->decisions.resize(contestants_.size());
  for (size_t a = 0; a < round.auctions(); ++a) {
    ++score->judged_by[references.best[a]];
    score->choices += round.candidates(a) > 1;
  }
  std::vector<std::vector<Sale>> sales(contestants_.size());
  for (size_t m = 0; m < contestants_.size(); ++m) {
    RETURN_IF_ERROR(AddModel(round, references, m, &sales[m], score));
  }
  Compare(round, references, sales, score);
  WriteLines(round, references, sales, score);
  return absl::OkStatus();
}

absl::Status Scoring::AddModel(const Round& round, const References& references, size_t model, std::vector<Sale>* sales,
                               RoundScore* score) const {
  const Round::Answers& answers = round.answers[model];
  const auction::Mechanism& mechanism = metrics_[model]->mechanism();
  const std::span<const double> x = mechanism.position_multipliers();
  const size_t slots = x.size(), auctions = round.auctions();
  const auction::Batch all{round.bids_micros, answers.pctrs, round.offsets};
  auction::BatchOutcome sold;  // where there is no answer probabilities are 0, and nothing is sold
  RETURN_IF_ERROR(mechanism.RunBatch(all, &sold));

  sales->resize(auctions);
  for (size_t a = 0; a < auctions; ++a) {
    Sale& sale = (*sales)[a];
    sale.missing = answers.answered[a] == 0;
    score->missing += sale.missing;
    if (sale.missing) continue;
    const int32_t* const winners = sold.winners.data() + a * slots;
    const int64_t* const prices = sold.prices_micros.data() + a * slots;
    for (size_t k = 0; k < slots && !answers.winners.empty(); ++k) {
      if (answers.winners[a * slots + k] == winners[k] &&
          (winners[k] < 0 || answers.prices_micros[a * slots + k] == prices[k])) {
        continue;
      }
      return absl::InternalError(absl::StrCat(
          contestants_[model].ref, ", auction ", std::string(round.auction_ids[a]), ", slot ", k + 1,
          ": the server sold it to ", answers.winners[a * slots + k], " for ", answers.prices_micros[a * slots + k],
          ", and by its own probabilities and these rules it goes to ", winners[k], " for ", prices[k]));
    }
    sale.winner = winners[0];
    sale.price_micros = prices[0];
    sale.judged = references.best[a] != kNone;
    if (!sale.judged) continue;
    const int64_t begin = round.offsets[a];
    for (size_t k = 0; k < slots && winners[k] >= 0; ++k) {
      sale.welfare += x[k] * references.worths[begin + winners[k]];
      sale.revenue += x[k] * (auction::Score(prices[k], references.probabilities[a][winners[k]]) / base::kMicro);
    }
  }

  // Runs of answered auctions of which the same is known.
  metric::LineSums sums = metrics_[model]->EmptyBlock();
  std::vector<int64_t> offsets;
  for (size_t a = 0; a < auctions;) {
    if (answers.answered[a] == 0) {
      ++a;
      continue;
    }
    size_t end = a;
    while (end < auctions && answers.answered[end] != 0 && references.known[end] == references.known[a]) ++end;
    const int64_t first = round.offsets[a];
    const auto n = static_cast<size_t>(round.offsets[end] - first);
    offsets.clear();
    for (size_t i = a; i <= end; ++i) offsets.push_back(round.offsets[i] - first);
    const auto part = [&](const auto& array) { return std::span(array).subspan(static_cast<size_t>(first), n); };
    metric::JudgedBatch batch{.auctions = {part(round.bids_micros), part(answers.pctrs), offsets},
                              .values_micros = part(round.values_micros),
                              .probabilities = {},
                              .clicks = part(round.clicks),
                              .teachers = part(round.teachers),
                              .known_pctrs = {}};
    if (references.known[a] & 1) batch.probabilities[0] = part(round.truths);
    if (references.known[a] & 2) batch.probabilities[1] = part(round.teachers);
    if (references.known[a] & 4) batch.probabilities[2] = part(references.clicks);
    RETURN_IF_ERROR(sums.Add(batch));
    a = end;
  }
  score->models.push_back(std::move(sums));
  if (round.logged_policy) AddDecisions(round, answers, sold.winners, &score->decisions[model]);
  return absl::OkStatus();
}

// A candidate that was shown in a slot is a decision of the policy that logged it. With one slot to sell, the question
// is who is shown at all, wherever it was.
void Scoring::AddDecisions(const Round& round, const Round::Answers& answers, const std::vector<int32_t>& winners,
                           std::vector<metric::LoggedDecision>* decisions) const {
  const auto slots = static_cast<size_t>(config_.slots());
  for (size_t a = 0; a < round.auctions(); ++a) {
    if (answers.answered[a] == 0) continue;
    const int64_t begin = round.offsets[a], end = round.offsets[a + 1];
    for (int64_t i = begin; i < end; ++i) {
      if (round.slots[i] < 1 || std::isnan(round.propensities[i]) || round.clicks[i] == metric::kUnknownClick) continue;
      const size_t k = slots == 1 ? 0 : static_cast<size_t>(round.slots[i]) - 1;
      const int32_t winner = k < slots ? winners[a * slots + k] : -1;
      const auto worth = [&](int64_t of, double probability) {
        return static_cast<double>(round.values_micros[of]) * probability / base::kMicro;
      };
      metric::LoggedDecision& decision = decisions->emplace_back();
      decision.reward = worth(i, round.clicks[i]);
      decision.propensity = round.propensities[i];
      decision.target_probability = winner == i - begin ? 1 : 0;
      // Several decisions of an auction are not independent.
      decision.cluster_key = round.cluster_keys[a].empty() ? round.auction_ids[a] : round.cluster_keys[a];
      bool modelled = !config_.replay().labels().empty();
      for (int64_t j = begin; j < end; ++j) modelled = modelled && !std::isnan(round.teachers[j]);
      if (!modelled) continue;
      decision.q_logged = worth(i, round.examinations[i] * round.teachers[i]);
      decision.q_target =
          winner < 0 ? 0 : worth(begin + winner, round.examinations[i] * round.teachers[begin + winner]);
    }
  }
}

void Scoring::Compare(const Round& round, const References& references, const std::vector<std::vector<Sale>>& sales,
                      RoundScore* score) const {
  for (size_t m = 1; m < sales.size(); ++m) {
    RoundScore::Pairs& pairs = score->pairs[m];
    for (size_t a = 0; a < round.auctions(); ++a) {
      const Sale &first = sales[0][a], &other = sales[m][a];
      if (first.missing || other.missing || !first.judged) continue;
      const std::string_view cluster = round.cluster_keys[a];
      pairs.welfare.Add(cluster, {first.welfare, 1}, {other.welfare, 1});
      pairs.revenue.Add(cluster, {first.revenue, 1}, {other.revenue, 1});
      if (!references.HasOracle(a)) continue;
      const double oracle = references.oracles[a];
      pairs.regret.Add(cluster, {oracle - first.welfare, 1}, {oracle - other.welfare, 1});
    }
  }
}

// As base::ToJson writes an OutcomeLine.
void Scoring::WriteLines(const Round& round, const References& references, const std::vector<std::vector<Sale>>& sales,
                         RoundScore* score) const {
  std::string& out = score->outcomes;
  std::vector<std::string> names;
  for (const Contestant& contestant : contestants_) base::AppendJsonText(contestant.ref, &names.emplace_back());
  const auto number = [&](std::string_view name, bool has, double value) {
    out.append(name);
    if (has) return base::AppendJsonNumber(value, &out);
    out.append("null");
  };
  for (size_t a = 0; a < round.auctions(); ++a) {
    for (size_t m = 0; m < sales.size(); ++m) {
      const Sale& sale = sales[m][a];
      const bool won = sale.winner >= 0;
      const int64_t i = round.offsets[a] + sale.winner;
      out.append("{\"auction_id\":");
      base::AppendJsonText(round.auction_ids[a], &out);
      out.append(",\"cluster_key\":");
      base::AppendJsonText(round.cluster_keys[a], &out);
      out.append(",\"model\":").append(names[m]);
      if (won) {
        absl::StrAppend(&out, ",\"index\":", sale.winner, ",\"ad_id\":");
        base::AppendJsonText(round.ad_ids[i], &out);
        const double pctr = round.answers[m].pctrs[i];
        number(",\"score\":", true, auction::Score(round.bids_micros[i], pctr));
        number(",\"pctr\":", true, pctr);
        absl::StrAppend(&out, ",\"price_micros\":\"", sale.price_micros, "\"");
      } else {
        out.append(R"(,"index":null,"ad_id":null,"score":null,"pctr":null,"price_micros":null)");
      }
      number(",\"welfare\":", sale.judged, sale.welfare);
      number(",\"oracle_welfare\":", sale.judged && references.HasOracle(a), references.oracles[a]);
      number(",\"revenue\":", sale.judged, sale.revenue);
      const bool known = won && round.clicks[i] != metric::kUnknownClick;
      out.append(",\"clicked\":").append(known ? round.clicks[i] == 1 ? "true" : "false" : "null");
      out.append(",\"missing\":").append(sale.missing ? "true" : "false").append("}\n");
    }
  }
}

absl::Status Scoring::Add(const RoundScore& score) {
  summary_.set_auctions(summary_.auctions() + score.auctions);
  summary_.set_missing(summary_.missing() + score.missing);
  choices_ += score.choices;
  for (size_t r = 0; r < judged_by_.size(); ++r) judged_by_[r] += score.judged_by[r];
  RETURN_IF_ERROR(outcomes_.Write(score.outcomes));
  for (size_t m = 0; m < contestants_.size(); ++m) {
    metrics_[m]->AddBlock(score.models[m]);
    pairs_[m].welfare.Merge(score.pairs[m].welfare);
    pairs_[m].revenue.Merge(score.pairs[m].revenue);
    pairs_[m].regret.Merge(score.pairs[m].regret);
    for (const metric::LoggedDecision& decision : score.decisions[m]) {
      RETURN_IF_ERROR(base::Annotate(off_policy_[m].Add(decision), "a logged decision"));
      ++decisions_[m];
    }
  }
  return absl::OkStatus();
}

absl::Status Scoring::FinishModel(size_t m, vickrey::v1::MetricsLine* line) {
  *line = metrics_[m]->Finalize();
  line->set_ref(contestants_[m].ref);
  line->set_labels(contestants_[m].labels);
  line->set_loss(contestants_[m].loss);
  if (line->has_welfare()) {
    line->set_welfare_source(line->reference() == "teacher" ? "model_based" : line->reference());
  }
  if (decisions_[m] == 0 || judged_by_[0] > 0) return absl::OkStatus();  // the truth says it all
  const auto found = off_policy_[m].Finalize();
  if (!found.ok()) {
    summary_.add_warnings(absl::StrCat(contestants_[m].ref,
                                       ": there is no off-policy estimate: ", std::string(found.status().message())));
    return absl::OkStatus();
  }
  *line->mutable_off_policy() = metric::LineOf(*found);
  if (!line->has_welfare()) line->set_welfare_source("off_policy");
  return absl::OkStatus();
}

void Scoring::Warn(const std::vector<metric::Comparison>& welfare) {
  const auto warn = [this](const std::string& text) { summary_.add_warnings(text); };
  if (choices_ == 0 && summary_.auctions() > 0) {
    warn(
        "every auction has one candidate: there is nothing to choose, and models differ at most in what a reserve lets "
        "through");
  }
  const int64_t of_none = judged_by_[kNone];
  bool off_policy = false;
  for (const auto& model : summary_.models()) off_policy = off_policy || model.has_off_policy();
  if (of_none > 0) {
    warn(absl::StrFormat(
        "of %d of the %d auctions welfare is not known: there is neither a truth, nor a teacher's labels "
        "(replay.labels), nor a known click of every candidate, not only of those that were shown%s",
        of_none, summary_.auctions(), off_policy ? "; off_policy has what logged propensities say" : ""));
  }
  if (!welfare.empty() && of_none > 0 && welfare.front().auctions > 0) {
    warn(
        absl::StrFormat("comparisons are over the %d auctions of which welfare is known, which need not be like the "
                        "others",
                        welfare.front().auctions));
  }
  int kinds = 0;
  for (size_t r = 0; r < kNone; ++r) kinds += judged_by_[r] > 0;
  if (kinds > 1) {
    warn(absl::StrFormat("comparisons mix what auctions are judged by: %d by the truth, %d by a teacher, %d by clicks",
                         judged_by_[0], judged_by_[1], judged_by_[2]));
  }
}

absl::StatusOr<SimulationSummary> Scoring::Finish() {
  summary_.set_format(1);
  summary_.set_seed(config_.seed());
  RETURN_IF_ERROR(base::FromJson(base::ToJson(config_), summary_.mutable_config()));
  ASSIGN_OR_RETURN(*summary_.mutable_outcomes_sha256(), outcomes_.Finish());
  const base::BuildInfo build = base::GetBuildInfo();
  (*summary_.mutable_versions())["vickrey"] = build.version;
  (*summary_.mutable_versions())["commit"] = build.commit;
  std::vector<metric::Comparison> welfare;
  for (size_t m = 0; m < contestants_.size(); ++m) {
    RETURN_IF_ERROR(FinishModel(m, summary_.add_models()));
    if (m == 0) continue;
    const std::pair<const char*, const metric::PairedSums*> metrics[] = {
        {"welfare", &pairs_[m].welfare}, {"revenue", &pairs_[m].revenue}, {"regret", &pairs_[m].regret}};
    for (const auto& [name, paired] : metrics) {
      const metric::Comparison found = paired->ByDelta();
      if (paired == &pairs_[m].welfare) welfare.push_back(found);
      if (paired == &pairs_[m].regret && found.auctions == 0) continue;  // no oracle
      auto& comparison = *summary_.add_comparisons();
      comparison = metric::LineOf(found, name, /*margin=*/0);
      comparison.set_a_model(contestants_[0].ref);
      comparison.set_b_model(contestants_[m].ref);
    }
  }
  Warn(welfare);
  return std::move(summary_);
}

}  // namespace vickrey::simulator
