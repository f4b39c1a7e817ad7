#include "trainer/price/job.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trainer/price/data.h"
#include "trainer/price/fit.h"
#include "trainer/price/judge.h"
#include "trainer/price/price_log.h"
#include "trainer/price/seat.h"
#include "vickrey/base/finite.h"
#include "vickrey/base/permutation.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"
#include "vickrey/price/bid.h"
#include "vickrey/price/choose.h"
#include "vickrey/price/floor.h"
#include "vickrey/v1/price_lines.pb.h"

namespace vickrey::trainer {
namespace {

using vickrey::config::v1::PriceConfig;
using vickrey::config::v1::PriceHeadConfig;
using vickrey::v1::PriceBidderLine;
using vickrey::v1::PriceHeadLine;
using vickrey::v1::PriceLogLine;
using vickrey::v1::PriceLogSummary;
using vickrey::v1::PriceSummary;
using vickrey::v1::PriceSummaryLine;

constexpr int kCurveBids = 19;  // every 5 %

// Quantiles of the prices, without those that are equal to the one before.
std::vector<double> CurveBids(std::span<const double> prices) {
  std::vector<double> sorted(prices.begin(), prices.end()), bids;
  std::sort(sorted.begin(), sorted.end());
  for (size_t k = 1; k <= kCurveBids; ++k) {
    const double bid = sorted[sorted.size() * k / (kCurveBids + 1)];
    if (bids.empty() || bid > bids.back()) bids.push_back(bid);
  }
  return bids;
}

// One job: heads, then who plays by them.
class PriceJob {
 public:
  using Write = std::function<void(const google::protobuf::Message&)>;
  PriceJob(const PriceConfig& config, const PriceData& data, const Write& write)
      : config_(config), data_(data), write_(write), bids_(CurveBids(Prices(0, data.train))) {
    for (int64_t i = data_.test; i < data_.rows(); ++i) test_price_ += data_.log.prices[static_cast<size_t>(i)];
  }

  absl::Status Run(PriceTask task) {
    if (task == PriceTask::kPlan) return Summary();
    RETURN_IF_ERROR(PlayWithoutHeads());
    RETURN_IF_ERROR(Marginal());
    for (const PriceHeadConfig& head : config_.heads()) RETURN_IF_ERROR(Head(head));
    for (const PriceBidderLine& line : lines_) {
      RETURN_IF_ERROR(base::CheckFiniteResult(line));
      write_(line);
    }
    if (data_.log.format == PriceLog::Format::kImpressions) RETURN_IF_ERROR(LogSummary());
    return Summary();
  }

 private:
  std::span<const double> Prices(int64_t begin, int64_t end) const { return Part(data_.log.prices, begin, end); }
  std::span<const double> Values(int64_t begin, int64_t end) const { return Part(data_.values, begin, end); }
  static std::span<const double> Part(const std::vector<double>& all, int64_t begin, int64_t end) {
    return std::span<const double>(all).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  }
  int64_t auctions() const { return data_.rows() - data_.test; }

  absl::StatusOr<std::vector<Seat>> Seats(price::Payment payment) const {
    std::vector<Seat> seats;
    for (const SeatSetting& setting : SettingsOf(payment, config_.bidders(), test_price_, auctions())) {
      ASSIGN_OR_RETURN(const Seat seat, Seat::Create(setting, auctions(), config_.bidders().pacing_step()));
      seats.push_back(seat);
    }
    return seats;
  }

  price::FloorLaw floor_law() const {
    return config_.floors() == "clamp" ? price::FloorLaw::kClamp : price::FloorLaw::kCondition;
  }
  double PriceOf(int64_t row) const { return data_.log.prices[static_cast<size_t>(row)]; }

  // `bid`(what the value counts as, row) in each auction of the test log.
  template <typename Bid>
  void PlayRow(int64_t row, Seat* seat, Bid bid) const {
    const auto i = static_cast<size_t>(row);
    seat->Play(data_.values[i], data_.log.prices[i], data_.log.clicks[i],
               [&](double value) { return bid(value, row); });
  }
  template <typename Bid>
  void PlayAll(Seat* seat, Bid bid) const {
    for (int64_t row = data_.test; row < data_.rows(); ++row) PlayRow(row, seat, bid);
  }

  PriceBidderLine& Note(const Seat& seat, const std::string& bidder, const std::string& head) {
    lines_.push_back(seat.Line(bidder, head, data_.value_per_click));
    return lines_.back();
  }

  // Buys as many as `like` did, or until the money is gone, at any price, picked at random.
  absl::Status PlayRandom(const Seat& like, const std::string& head) {
    ASSIGN_OR_RETURN(Seat seat, Seat::Create(like.setting(), auctions(), config_.bidders().pacing_step()));
    const base::Permutation order(auctions(), config_.seed(), base::StreamId("price.random"), randoms_++);
    PlayAll(&seat, [&](double, int64_t row) {
      return order(row - data_.test) < like.buys() ? price::kAnyPrice : price::kNoBid;
    });
    Note(seat, "random", head);
    return absl::OkStatus();
  }

  absl::Status PlayWithoutHeads() {
    ASSIGN_OR_RETURN(std::vector<Seat> seats, Seats(price::Payment::kSecondPrice));
    for (Seat seat : seats) {
      if (seat.setting().paced) continue;  // it has no bid to shade
      PlayAll(&seat, [](double, int64_t) { return price::kAnyPrice; });
      Note(seat, "always", "");
    }
    for (Seat& seat : seats) {
      PlayAll(&seat, [&](double value, int64_t) { return price::TruthfulBid(value, seat.setting().fee); });
      Note(seat, "truthful", "");
      RETURN_IF_ERROR(PlayRandom(seat, ""));
    }
    std::vector<double> shares, floors;
    for (int64_t row = data_.train; row < data_.test; ++row) floors.push_back(data_.floor(row));
    for (const double fee : config_.bidders().fees()) {
      shares.push_back(price::BestShare(Values(data_.train, data_.test), Prices(data_.train, data_.test), floors, fee));
    }
    ASSIGN_OR_RETURN(seats, Seats(price::Payment::kFirstPrice));
    for (Seat& seat : seats) {
      const double share = shares[static_cast<size_t>(seat.setting().fee_index)];
      PlayAll(&seat, [&](double value, int64_t row) {
        return price::ShadedBid(share, value, seat.setting().fee, data_.floor(row));
      });
      Note(seat, "shaded", "").set_threshold(share);
    }
    return absl::OkStatus();
  }

  static double BidOf(const Seat& seat, const price::Distribution& distribution, double value) {
    return price::BestFirstPriceBid(distribution, value, seat.setting().fee);
  }

  // The distribution of the training prices.
  absl::Status Marginal() {
    const price::Bins& bins = *data_.scales.bins;
    std::vector<double> shares(static_cast<size_t>(bins.size())), probabilities(bins.support().size());
    for (const double price : Prices(0, data_.train)) {
      shares[static_cast<size_t>(bins.TokenOf(price))] += 1 / static_cast<double>(data_.train);
    }
    bins.Spread(shares, probabilities);
    PriceJudge judge(&bins, bids_);
    ASSIGN_OR_RETURN(std::vector<Seat> seats, Seats(price::Payment::kFirstPrice));
    price::FlooredDistribution floored(&bins, floor_law());
    for (int64_t row = data_.test; row < data_.rows(); ++row) {
      floored.Set(probabilities, data_.floor(row));
      judge.Add(floored, PriceOf(row));
      for (Seat& seat : seats) {
        PlayRow(row, &seat, [&](double value, int64_t) { return BidOf(seat, floored.distribution(), value); });
      }
    }
    PriceHeadLine line;
    line.set_head("marginal");
    line.set_encoding("marginal");
    RETURN_IF_ERROR(Report(judge, &line));
    for (const Seat& seat : seats) Note(seat, "optimal", "marginal");
    return absl::OkStatus();
  }

  absl::Status Head(const PriceHeadConfig& head) {
    ASSIGN_OR_RETURN(const FittedPriceHead fitted, FitPriceHead(config_, head, data_));
    PriceHeadLine line;
    line.set_head(head.name());
    line.set_encoding(head.kind());
    line.set_loss(head.loss());
    if (head.loss() == "ntl_mse" || head.loss() == "ntl_was") line.set_lambda(head.lambda());
    if (head.loss() == "gmadl") {
      line.set_a(head.a());
      line.set_b(head.b());
    }
    line.set_epoch(fitted.epoch);
    line.set_validation_loss(fitted.validation_loss);
    PriceJudge judge(fitted.network->coding(), bids_);
    if (head.kind() == "decision") {
      RETURN_IF_ERROR(Decide(head.name(), *fitted.network, &judge));
    } else if (fitted.network->coding() != nullptr) {
      RETURN_IF_ERROR(Bid(head.name(), *fitted.network, &judge));
    } else {
      RETURN_IF_ERROR(ForEachForecast(*fitted.network, data_, data_.test, data_.rows(),
                                      [&](int64_t row, std::span<const double> forecast) {
                                        judge.Add(std::max(forecast[0], data_.floor(row)), PriceOf(row));
                                      }));
    }
    return Report(judge, &line);
  }

  absl::Status Report(const PriceJudge& judge, PriceHeadLine* line) {
    judge.Report(line);
    RETURN_IF_ERROR(base::CheckFiniteResult(*line));
    write_(*line);
    return absl::OkStatus();
  }

  // In first-price auctions, the best bid by the head's distributions.
  absl::Status Bid(const std::string& name, const PriceNetwork& network, PriceJudge* judge) {
    ASSIGN_OR_RETURN(std::vector<Seat> seats, Seats(price::Payment::kFirstPrice));
    price::FlooredDistribution floored(network.coding(), floor_law());
    RETURN_IF_ERROR(ForEachForecast(
        network, data_, data_.test, data_.rows(), [&](int64_t row, std::span<const double> probabilities) {
          floored.Set(probabilities, data_.floor(row));
          judge->Add(floored, PriceOf(row));
          for (Seat& seat : seats) {
            PlayRow(row, &seat, [&](double value, int64_t) { return BidOf(seat, floored.distribution(), value); });
          }
        }));
    for (const Seat& seat : seats) Note(seat, "optimal", name);
    return absl::OkStatus();
  }

  // At the second price: buy, whatever it costs, iff value - fee - forecast of the price > threshold, and not where the
  // floor alone is more than value - fee. A forecast below the floor is the floor.
  absl::Status Decide(const std::string& name, const PriceNetwork& network, PriceJudge* judge) {
    std::vector<double> prices(static_cast<size_t>(data_.rows()));  // as forecast
    RETURN_IF_ERROR(
        ForEachForecast(network, data_, data_.train, data_.rows(), [&](int64_t row, std::span<const double> forecast) {
          prices[static_cast<size_t>(row)] = std::max(forecast[0], data_.floor(row));
        }));
    std::vector<double> thresholds;
    for (const double fee : config_.bidders().fees()) {
      std::vector<double> forecasts, profits;
      for (auto i = static_cast<size_t>(data_.train); i < static_cast<size_t>(data_.test); ++i) {
        if (price::IsSureLoss(data_.values[i], fee, data_.floor(static_cast<int64_t>(i)))) continue;
        forecasts.push_back(data_.values[i] - fee - prices[i]);
        profits.push_back(data_.values[i] - fee - data_.log.prices[i]);
      }
      thresholds.push_back(forecasts.empty() ? 0 : price::BestThreshold(forecasts, profits));
    }
    for (auto i = static_cast<size_t>(data_.test); i < prices.size(); ++i) {
      judge->Add(prices[i], data_.log.prices[i]);
    }
    ASSIGN_OR_RETURN(std::vector<Seat> seats, Seats(price::Payment::kSecondPrice));
    for (Seat& seat : seats) {
      const double threshold = thresholds[static_cast<size_t>(seat.setting().fee_index)];
      PlayAll(&seat, [&](double value, int64_t row) {
        const double fee = seat.setting().fee, forecast = value - fee - prices[static_cast<size_t>(row)];
        const bool buys = forecast > threshold && !price::IsSureLoss(value, fee, data_.floor(row));
        return buys ? price::kAnyPrice : price::kNoBid;
      });
      Note(seat, "decision", name).set_threshold(threshold);
      RETURN_IF_ERROR(PlayRandom(seat, name));
    }
    return absl::OkStatus();
  }

  absl::Status LogSummary() {
    PriceLogLine line;
    PriceLogSummary& summary = *line.mutable_log();
    int64_t train_floors = 0, train_clicks = 0, test_floors = 0, test_at_floor = 0;
    for (int64_t row = 0; row < data_.rows(); ++row) {
      const auto i = static_cast<size_t>(row);
      const bool has_floor = data_.log.floors[i] > 0, test = row >= data_.test;
      train_floors += has_floor && row < data_.train ? 1 : 0;
      train_clicks += data_.log.clicks[i] && row < data_.train ? 1 : 0;
      test_floors += has_floor && test ? 1 : 0;
      test_at_floor += has_floor && test && data_.log.prices[i] == data_.log.floors[i] ? 1 : 0;
    }
    summary.set_train_floors(train_floors);
    summary.set_train_clicks(train_clicks);
    summary.set_click_rate(data_.click_rate.value_or(0));
    summary.set_test_floors(test_floors);
    summary.set_test_at_floor(test_at_floor);
    summary.set_raised(data_.log.raised);
    summary.set_left_out(data_.left_out);
    RETURN_IF_ERROR(base::CheckFiniteResult(line));
    write_(line);
    return absl::OkStatus();
  }

  absl::Status Summary() {
    PriceSummaryLine last;
    PriceSummary& summary = *last.mutable_summary();
    summary.set_seed(config_.seed());
    summary.set_train_rows(data_.train);
    summary.set_validation_rows(data_.test - data_.train);
    summary.set_test_rows(auctions());
    summary.set_train_first_hour(data_.log.hours.front());
    summary.set_train_last_hour(data_.log.hours[static_cast<size_t>(data_.test) - 1]);
    summary.set_test_first_hour(data_.log.hours[static_cast<size_t>(data_.test)]);
    summary.set_test_last_hour(data_.log.hours.back());
    for (const std::string& name : data_.feature_names) summary.add_features(name);
    summary.set_value_per_click(data_.value_per_click);
    summary.set_price_mean(data_.scales.price_mean);
    summary.set_price_deviation(data_.scales.price_deviation);
    summary.set_r_scale(data_.scales.r_scale);
    double value = 0, best = 0;
    for (auto i = static_cast<size_t>(data_.test); i < data_.values.size(); ++i) {
      value += data_.values[i];
      best += std::max(data_.values[i] - data_.log.prices[i], 0.0);
    }
    summary.set_test_value_mean(value / static_cast<double>(auctions()));
    summary.set_test_price_mean(test_price_ / static_cast<double>(auctions()));
    summary.set_test_best_profit(best);
    RETURN_IF_ERROR(base::CheckFiniteResult(last));
    write_(last);
    return absl::OkStatus();
  }

  const PriceConfig& config_;
  const PriceData& data_;
  const Write& write_;
  const std::vector<double> bids_;  // where curves are looked at
  double test_price_ = 0;           // of all test rows
  uint64_t randoms_ = 0;
  std::vector<PriceBidderLine> lines_;
};

}  // namespace

absl::Status RunPriceJob(const PriceConfig& config, const std::filesystem::path& train,
                         const std::filesystem::path& test, PriceTask task,
                         const std::function<void(const google::protobuf::Message&)>& write) {
  at::set_num_threads(config.threads());
  ASSIGN_OR_RETURN(PriceLog train_log, ReadPriceLog(train, config.floor_tolerance()));
  ASSIGN_OR_RETURN(const PriceLog test_log, ReadPriceLog(test, config.floor_tolerance()));
  ASSIGN_OR_RETURN(const PriceData data, MakePriceData(config, std::move(train_log), test_log));
  return PriceJob(config, data, write).Run(task);
}

}  // namespace vickrey::trainer
