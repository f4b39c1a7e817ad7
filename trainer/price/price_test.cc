// Price heads end to end inside one process: the log, what is seen of it, heads, training.
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "ATen/ops/tensor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/price/data.h"
#include "trainer/price/features.h"
#include "trainer/price/fit.h"
#include "trainer/price/head.h"
#include "trainer/price/job.h"
#include "trainer/price/judge.h"
#include "trainer/price/network.h"
#include "trainer/price/price_log.h"
#include "trainer/price/seat.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using vickrey::config::v1::PriceConfig;
using vickrey::config::v1::PriceHeadConfig;

class TempFile {
 public:
  explicit TempFile(const std::string& text)
      : path_(std::filesystem::path(testing::TempDir()) / ("price_test-" + std::to_string(getpid()))) {
    std::ofstream(path_) << text;
  }
  ~TempFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

PriceConfig ConfigOf(const std::vector<std::string>& settings) {
  const auto config = LoadPriceConfig("", settings);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.value_or(PriceConfig());
}

PriceHeadConfig HeadOf(const std::string& kind, const std::string& loss) {
  const PriceConfig config = ConfigOf({"heads=[{kind: " + kind + ", loss: " + loss + "}]"});
  return config.heads(0);
}

// Prices that follow a log-normal law whose mean depends on the click probability.
constexpr double kSigma = .4;
double MuOf(double pctr) { return 4 + .25 * (std::log(pctr) + 7); }

PriceLog LogOf(uint64_t seed, int64_t first_hour, int64_t rows) {
  PriceLog log;
  for (int64_t i = 0; i < rows; ++i) {
    base::RandomStream random(seed, base::StreamId("test.price_log"), static_cast<uint64_t>(i));
    const double pctr = std::exp(-9 + 4 * random.Uniform());
    log.pctrs.push_back(pctr);
    log.prices.push_back(std::min(999.0, std::round(random.LogNormal(MuOf(pctr), kSigma))));
    log.floors.push_back(0);
    log.clicks.push_back(random.Bernoulli(pctr));
    log.hours.push_back(first_hour + i * 10 / rows);
  }
  return log;
}

double Phi(double x) { return std::erfc(-x / std::sqrt(2)) / 2; }

// The score of the law itself: of a log-normal distribution (Baran, Lerch, "Log-normal distribution based ensemble
// model output statistics models", 2015).
double LawCrps(double mu, double y) {
  const double omega = (std::log(std::max(y, 1e-9)) - mu) / kSigma;
  return y * (2 * Phi(omega) - 1) -
         2 * std::exp(mu + kSigma * kSigma / 2) * (Phi(omega - kSigma) + Phi(kSigma / std::sqrt(2)) - 1);
}

TEST(PriceLog, ReadsAndNamesWhatIsWrong) {
  const TempFile good("0\t51\t0.000154\t0\n1\t0\t0\t0\r\n0\t6.5\t1e-05\t3\n");
  const PriceLog log = *ReadPriceLog(good.path());
  EXPECT_THAT(log.prices, ElementsAre(51, 0, 6.5));
  EXPECT_THAT(log.pctrs, ElementsAre(.000154, 0, 1e-5));
  EXPECT_THAT(log.hours, ElementsAre(0, 0, 3));
  EXPECT_THAT(log.clicks, ElementsAre(false, true, false));
  EXPECT_THAT(log.floors, ElementsAre(0, 0, 0));
  const auto fault = [](const std::string& row) {
    const TempFile file("0\t51\t0.1\t5\n" + row + "\n");
    const absl::Status status = ReadPriceLog(file.path()).status();
    EXPECT_EQ(base::LineOf(status), 2) << row;
    EXPECT_THAT(std::string(status.message()), HasSubstr(file.path().string() + ":2"));
    return std::string(status.message());
  };
  EXPECT_THAT(fault("2\t51\t0.1\t5"), HasSubstr("column 1: '2' is not 0 or 1"));
  EXPECT_THAT(fault("0\t-1\t0.1\t5"), HasSubstr("column 2: '-1' is not a number from 0 to 1e9"));
  EXPECT_THAT(fault("0\tnan\t0.1\t5"), HasSubstr("column 2: 'nan'"));
  EXPECT_THAT(fault("0\t1\t1.01\t5"), HasSubstr("column 3: '1.01' is not a number from 0 to 1"));
  EXPECT_THAT(fault("0\t1\t\t5"), HasSubstr("column 3: ''"));
  EXPECT_THAT(fault("0\t1\t0.1\t5.5"), HasSubstr("column 4: '5.5' is not a whole number"));
  EXPECT_THAT(fault("0\t1\t0.1\t4"), HasSubstr("column 4: '4' is not at least that of the row before, 5"));
  EXPECT_THAT(fault("0\t1\t0.1"), HasSubstr("has 3 columns; 4 are expected"));
  EXPECT_THAT(fault(""), HasSubstr("has 1 columns"));
  const TempFile empty("");
  EXPECT_THAT(ReadPriceLog(empty.path()).status().message(), HasSubstr("has no rows"));
  EXPECT_THAT(ReadPriceLog("/nowhere").status().message(), HasSubstr("/nowhere"));
}

TEST(PriceLog, ALogBehindAnother) {
  PriceLog log = LogOf(1, 5, 20);
  EXPECT_THAT(Append(LogOf(1, 5, 20), &log).status().message(), HasSubstr("the test log begins in hour 5, before"));
  EXPECT_TRUE(Append(LogOf(1, 14, 20), &log).ok());
  EXPECT_EQ(log.rows(), 40);
}

TEST(PriceFeatures, ByHand) {
  PriceLog log;
  log.prices = {10, 20, 60, 5};
  log.pctrs = {.1, .1, 0, .1};
  log.hours = {0, 6, 6, 30};
  log.clicks = {false, false, false, false};
  PriceConfig config = ConfigOf({"features.windows=[2]"});
  const PriceFeatures features = RawFeatures(log, config.features(), {.hour = true});
  EXPECT_THAT(features.names, ElementsAre("log_pctr", "mean_2", "deviation_2", "hour_sin", "hour_cos"));
  const auto x = features.rows.accessor<float, 2>();
  EXPECT_FLOAT_EQ(x[2][0], std::log(1e-6F));
  EXPECT_TRUE(std::isnan(x[0][1]));
  EXPECT_FLOAT_EQ(x[1][1], 10);  // of the row before alone
  EXPECT_FLOAT_EQ(x[1][2], 0);
  EXPECT_FLOAT_EQ(x[2][1], 15);
  EXPECT_FLOAT_EQ(x[2][2], 5);
  EXPECT_FLOAT_EQ(x[3][1], 40);
  EXPECT_FLOAT_EQ(x[3][2], 20);
  EXPECT_FLOAT_EQ(x[3][3], 1);  // 30 is 6 o'clock, too
  config.mutable_features()->set_delay(2);
  const PriceFeatures late = RawFeatures(log, config.features(), {});
  EXPECT_TRUE(std::isnan(late.rows[1][1].item<float>()));
  EXPECT_FLOAT_EQ(late.rows[3][1].item<float>(), 15);
  const at::Tensor standard = Standardized(features.rows, 3);
  EXPECT_EQ(standard[0][1].item<float>(), 0);           // unknown: as the mean
  EXPECT_NEAR(standard[1][1].item<float>(), -1, 1e-6);  // 10 and 15: 12.5 less 2.5
  EXPECT_EQ(standard[3][1].item<float>(), 10);          // 11 deviations, cut
}

// A price that is planted late changes nothing that is seen before it.
TEST(PriceFeatures, NothingOfTheFuture) {
  PriceLog log = LogOf(1, 0, 500);
  const PriceConfig config = ConfigOf({"features.windows=[1, 7, 100]"});
  const at::Tensor before = RawFeatures(log, config.features(), {.hour = true}).rows.clone();
  log.prices[400] = 1e9;
  const at::Tensor after = RawFeatures(log, config.features(), {.hour = true}).rows;
  for (int64_t row = 1; row < 500; ++row) {  // row 0 has NaN
    EXPECT_EQ(before[row].equal(after[row]), row <= 400) << row;
  }
}

// With ce, the loss of one row is minus the log-likelihood by the distribution that is forecast, whatever the network.
TEST(PriceHead, LossAndForecastAreOneDistribution) {
  PriceConfig config = ConfigOf({"tokens.bins=8", "hidden=[16]"});
  const PriceData data = *MakePriceData(config, LogOf(1, 0, 300), LogOf(2, 20, 50));
  for (const char* kind : {"bins", "digits"}) {
    const PriceNetwork network(HeadOf(kind, "ce"), {16}, data.features.size(1), data.scales, 7);
    const price::Coding& coding = *network.coding();
    const at::Tensor forecasts = network.Forecast(data.features.narrow(0, 0, 20));
    for (int64_t row = 0; row < 20; ++row) {
      const double price = data.log.prices[static_cast<size_t>(row)];
      const std::span<const double> p(forecasts[row].data_ptr<double>(), coding.support().size());
      EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-6);
      const at::Tensor loss =
          network.Loss(data.features.narrow(0, row, 1), {.prices = at::tensor({price}, at::kDouble),
                                                         .values = at::tensor({price}, at::kDouble),
                                                         .targets = at::tensor({coding.TargetOf(price)}, at::kLong)});
      const double width = std::string(kind) == "bins" ? data.scales.bins->width(data.scales.bins->TokenOf(price)) : 1;
      EXPECT_NEAR(loss.item<double>(), -coding.LogDensityAt(p, price) - std::log(width), 1e-5) << kind;
    }
  }
}

// The number-token losses add lambda times the distance that the distribution has, by its own formula.
TEST(PriceHead, NumberTokensOfBinsInDeviations) {
  const PriceConfig config = ConfigOf({"tokens.bins=8"});
  const PriceData data = *MakePriceData(config, LogOf(1, 0, 300), LogOf(2, 20, 50));
  const double price = data.log.prices[0];
  const PriceBatch batch = {.prices = at::tensor({price}, at::kDouble),
                            .values = at::tensor({price}, at::kDouble),
                            .targets = at::tensor({data.scales.bins->TargetOf(price)}, at::kLong)};
  const auto loss = [&](const char* name) {
    return PriceNetwork(HeadOf("bins", name), {16}, data.features.size(1), data.scales, 7)
        .Loss(data.features.narrow(0, 0, 1), batch)
        .item<double>();
  };
  const PriceNetwork network(HeadOf("bins", "ce"), {16}, data.features.size(1), data.scales, 7);
  const at::Tensor forecast = network.Forecast(data.features.narrow(0, 0, 1));
  const price::Bins& bins = *data.scales.bins;
  const double target = bins.values()[bins.TokenOf(price)], unit = data.scales.price_deviation;
  double was = 0, mean = 0;
  for (size_t a = 0; a < bins.atoms().size(); ++a) {
    const double p = forecast[0][static_cast<int64_t>(a)].item<double>(), value = bins.values()[bins.bin_of(a)];
    was += p * std::abs(value - target) / unit;
    mean += p * value;
  }
  EXPECT_NEAR(loss("ntl_was") - loss("ce"), .3 * was, 1e-5);
  EXPECT_NEAR(loss("ntl_mse") - loss("ce"), .3 * std::pow((mean - target) / unit, 2), 1e-5);
}

// What heads learn of a known law, against the law itself and against knowing nothing of the impression.
TEST(PriceHead, ComesNearTheTruth) {
  const PriceConfig config = ConfigOf({"training.epochs=12", "training.batch=256", "tokens.bins=40", "threads=1",
                                       "training.learning_rate=0.004", "features.windows=[100]"});
  const PriceData data = *MakePriceData(config, LogOf(1, 0, 16000), LogOf(2, 20, 4000));
  double law = 0, law_error = 0;
  for (int64_t i = data.test; i < data.rows(); ++i) {
    const double mu = MuOf(data.log.pctrs[static_cast<size_t>(i)]), price = data.log.prices[static_cast<size_t>(i)];
    law += LawCrps(mu, price) / 4000;
    law_error += std::abs(price - std::exp(mu)) / 4000;
  }
  std::vector<double> shares(data.scales.bins->size()), p(data.scales.bins->atoms().size());
  for (int64_t i = 0; i < data.train; ++i) {
    shares[data.scales.bins->TokenOf(data.log.prices[static_cast<size_t>(i)])] += 1.0 / static_cast<double>(data.train);
  }
  data.scales.bins->Spread(shares, p);
  const std::vector<double> bids = {30, 50, 70, 100};
  PriceJudge marginal(data.scales.bins.get(), bids);
  vickrey::v1::PriceHeadLine line;
  price::FlooredDistribution floored(data.scales.bins.get(), price::FloorLaw::kCondition);
  floored.Set(p, 0);
  for (int64_t i = data.test; i < data.rows(); ++i) marginal.Add(floored, data.log.prices[static_cast<size_t>(i)]);
  marginal.Report(&line);
  EXPECT_GT(line.crps(), 1.2 * law);
  for (const auto& [kind, loss] : {std::pair("bins", "ce"), std::pair("digits", "ce"), std::pair("bins", "ntl_mse"),
                                   std::pair("regression", "mae"), std::pair("decision", "mae")}) {
    const auto fitted = FitPriceHead(config, HeadOf(kind, loss), data);
    ASSERT_TRUE(fitted.ok()) << fitted.status();
    PriceJudge judge(fitted->network->coding(), bids);
    price::FlooredDistribution forecasts(fitted->network->coding(), price::FloorLaw::kCondition);
    ASSERT_TRUE(ForEachForecast(*fitted->network, data, data.test, data.rows(),
                                [&](int64_t row, std::span<const double> forecast) {
                                  const double price = data.log.prices[static_cast<size_t>(row)];
                                  if (fitted->network->coding() == nullptr) return judge.Add(forecast[0], price);
                                  forecasts.Set(forecast, 0);
                                  judge.Add(forecasts, price);
                                })
                    .ok());
    judge.Report(&line);
    EXPECT_LT(line.mae(), 1.04 * law_error) << kind;
    if (fitted->network->coding() == nullptr) continue;
    EXPECT_LT(line.crps(), 1.04 * law) << kind;
    EXPECT_LT(line.calibration_error(), .03) << kind;
    EXPECT_LT(line.pit_error(), .02) << kind;
  }
}

TEST(Seat, SettingsByHand) {
  const PriceConfig config = ConfigOf({"bidders.fees=[0, 2]", "bidders.budgets=[0.5]"});
  const auto settings = SettingsOf(price::Payment::kFirstPrice, config.bidders(), /*total_price=*/100, /*auctions=*/10);
  ASSERT_EQ(settings.size(), 6u);
  EXPECT_FALSE(settings[0].budget.has_value());
  EXPECT_EQ(settings[1].budget, 50);
  EXPECT_FALSE(settings[1].paced);
  EXPECT_TRUE(settings[2].paced);
  EXPECT_EQ(settings[5].budget, 60);  // half of 100 + 10 fees of 2
  EXPECT_FALSE(settings[3].paced);
}

TEST(PriceConfig, NamesWhatIsWrong) {
  const auto fault = [](const std::vector<std::string>& settings) {
    return std::string(LoadPriceConfig("", settings).status().message());
  };
  EXPECT_THAT(fault({"heads=[{kind: bins, loss: mse}]"}),
              HasSubstr("heads[0].loss: 'mse' is no loss of kind bins; it has ce, ntl_mse, ntl_was"));
  EXPECT_THAT(fault({"heads=[{kind: bins, loss: ce, lambda: 1}]"}), HasSubstr("heads[0].lambda: is not read by ce"));
  EXPECT_THAT(fault({"heads=[{kind: decision, loss: mse, a: 1}]"}), HasSubstr("heads[0].a: is not read by mse"));
  EXPECT_THAT(fault({"heads=[{kind: bins, loss: ce}, {kind: bins, loss: ce}]"}),
              HasSubstr("heads[1].name: 'bins_ce' is taken"));
  EXPECT_THAT(fault({"heads=[{kind: bim, loss: ce}]"}), HasSubstr("heads[0].kind"));
  EXPECT_THAT(fault({"bidders.fees=[1, 5, 1]"}), HasSubstr("bidders.fees[2]: 1 comes twice"));
  EXPECT_THAT(fault({"bidders.budgets=[.5, .5]"}), HasSubstr("bidders.budgets[1]: 0.5 comes twice"));
  EXPECT_THAT(fault({"validation=1"}), HasSubstr("validation"));
  EXPECT_THAT(fault({"training.epochs"}), HasSubstr("is not KEY=VALUE"));
  EXPECT_EQ(ConfigOf({}).heads_size(), 11);
  EXPECT_EQ(ConfigOf({}).heads(10).name(), "decision_gmadl");
}

TEST(PriceData, ValuesByHand) {
  PriceLog train = LogOf(1, 0, 4);
  train.prices = {30, 50, 1, 1};
  train.pctrs = {.001, .003, .5, .5};
  PriceLog test = LogOf(2, 20, 2);
  test.pctrs = {.002, .9};
  // Half of the training log is trained on: a mean price of 40 for a mean probability of .002.
  const PriceData data = *MakePriceData(ConfigOf({"validation=0.5", "bidders.max_pctr=0.01"}), train, test);
  EXPECT_EQ(data.train, 2);
  EXPECT_DOUBLE_EQ(data.value_per_click, 20000);
  EXPECT_THAT(data.values, Pointwise(DoubleEq(), {20.0, 60.0, 200.0, 200.0, 40.0, 200.0}));
  EXPECT_DOUBLE_EQ(data.scales.r_scale, 10);  // |20 - 30|, |60 - 50|
  EXPECT_DOUBLE_EQ(data.scales.price_mean, 40);
  EXPECT_DOUBLE_EQ(data.scales.price_deviation, 10);
}

TEST(PriceData, RefusesWhatDoesNotGoTogether) {
  const auto field = [](const std::vector<std::string>& settings, PriceLog train, const PriceLog& test) {
    return base::FieldOf(MakePriceData(ConfigOf(settings), std::move(train), test).status());
  };
  EXPECT_EQ(field({}, LogOf(1, 0, 1), LogOf(2, 20, 5)), "validation");
  EXPECT_EQ(field({}, LogOf(1, 0, 50), LogOf(2, 1, 50)), "hour");
  EXPECT_EQ(field({"tokens.digits=1"}, LogOf(1, 0, 50), LogOf(2, 20, 50)), "tokens.digits");
  PriceLog worthless = LogOf(1, 0, 50);
  for (double& pctr : worthless.pctrs) pctr = 0;
  EXPECT_EQ(field({}, worthless, LogOf(2, 20, 50)), "bidders.value_per_click");
}

}  // namespace
}  // namespace vickrey::trainer
