#include "server/telemetry/telemetry.h"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vickrey::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::v1::AppendAuctionResult;
using vickrey::v1::AppendFeedbackResult;
using vickrey::v1::Feedback;
using vickrey::v1::LoggedAuction;

const Method kRun = {.name = "AuctionService.RunAuction", .role = Role::kPredict};
const Method kList = {.name = "ModelService.ListModels", .role = Role::kRead};
const Method kLabel = {.name = "ModelService.SetModelLabel", .role = Role::kAdminister};
const Method kStream = {.name = "ImpressionLogService.AppendAuctions", .role = Role::kWriteLog, .stream = true};

CallReport Report(const Method& method, std::string_view model, const absl::Status& status, absl::Duration took) {
  return {.method = method,
          .request_id = "r1",
          .caller = "bob",
          .model = model,
          .about = "",
          .candidates = 7,
          .status = status,
          .took = took};
}

class Metrics {
 public:
  // The numbers of an exposition by `name{labels}`; every sample must follow a HELP and a TYPE line of its family.
  explicit Metrics(const std::string& text) {
    std::string family;
    for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
      if (words[0] == "#") {
        EXPECT_TRUE(words[1] == "HELP" || words[1] == "TYPE") << line;
        EXPECT_FALSE(words[3].empty()) << line;
        if (words[1] == "HELP") {
          EXPECT_TRUE(help_.emplace(words[2], words[3]).second) << line;
        }
        family = words[2];
        continue;
      }
      const size_t space = line.rfind(' ');
      double value = 0;
      EXPECT_TRUE(absl::SimpleAtod(line.substr(space + 1), &value)) << line;
      EXPECT_EQ(line.substr(0, family.size()), family) << line;
      EXPECT_TRUE(samples_.emplace(std::string(line.substr(0, space)), value).second) << "twice: " << line;
    }
  }

  double operator[](const std::string& sample) const {
    const auto found = samples_.find(sample);
    EXPECT_NE(found, samples_.end()) << sample;
    return found == samples_.end() ? -1 : found->second;
  }
  // Samples whose name and labels hold this text.
  int Count(const std::string& text) const {
    int count = 0;
    for (const auto& [sample, unused] : samples_) count += sample.find(text) != std::string::npos;
    return count;
  }

 private:
  std::map<std::string, double> samples_;
  std::map<std::string, std::string> help_;
};

std::vector<std::string> NamesOf(const std::vector<prometheus::MetricFamily>& families) {
  std::vector<std::string> names;
  for (const auto& family : families) names.push_back(family.name);
  return names;
}

double ValueOf(const std::vector<prometheus::MetricFamily>& families, const std::string& name, const Labels& labels) {
  for (const auto& family : families) {
    if (family.name != name) continue;
    for (const auto& metric : family.metric) {
      Labels has;
      for (const auto& label : metric.label) has.emplace_back(label.name, label.value);
      if (has == labels) {
        return family.type == prometheus::MetricType::Histogram ? static_cast<double>(metric.histogram.sample_count)
                                                                : metric.counter.value + metric.gauge.value;
      }
    }
  }
  return -1;
}

TEST(DurationHistogramTest, CountsByBucketsThatIncludeTheirBound) {
  DurationHistogram histogram;
  for (const int64_t us : {-5, 50, 51, 2'000, 10'000'000, 10'000'001}) histogram.Observe(absl::Microseconds(us));
  const auto read = histogram.Read();
  EXPECT_EQ(read.sample_count, 6u);
  EXPECT_NEAR(read.sample_sum, 20.002102, 1e-9);
  ASSERT_EQ(read.bucket.size(), 18u);
  EXPECT_EQ(read.bucket[0].upper_bound, 50e-6);
  EXPECT_EQ(read.bucket[0].cumulative_count, 2u);  // a clock that was set back counts as no time
  EXPECT_EQ(read.bucket[1].cumulative_count, 3u);
  EXPECT_EQ(read.bucket[5].upper_bound, 2e-3);
  EXPECT_EQ(read.bucket[5].cumulative_count, 4u);
  EXPECT_EQ(read.bucket[16].cumulative_count, 5u);
  EXPECT_EQ(read.bucket[17].cumulative_count, 6u);
}

TEST(CallMetricsTest, CountsByMethodCodeAndModel) {
  CallMetrics metrics;
  metrics.AddModel("ctr@1");
  const absl::Status ok, bad = absl::NotFoundError("x");
  metrics.OnCallBegin(kRun);
  metrics.OnCallBegin(kRun);
  metrics.OnCallBegin(kList);
  metrics.OnCallEnd(Report(kRun, "ctr@1", ok, absl::Milliseconds(1)));
  metrics.OnCallEnd(Report(kList, "", bad, absl::Milliseconds(1)));
  std::vector<prometheus::MetricFamily> families;
  metrics.Collect(&families);
  EXPECT_THAT(NamesOf(families), ElementsAre("vickrey_calls_in_flight", "vickrey_calls_total",
                                             "vickrey_call_duration_seconds", "vickrey_candidates_scored_total"));
  const std::string run(kRun.name), list(kList.name);
  EXPECT_EQ(ValueOf(families, "vickrey_calls_in_flight", {{"method", run}}), 1);
  EXPECT_EQ(ValueOf(families, "vickrey_calls_in_flight", {{"method", list}}), 0);
  EXPECT_EQ(ValueOf(families, "vickrey_calls_total", {{"method", run}, {"code", "OK"}}), 1);
  EXPECT_EQ(ValueOf(families, "vickrey_calls_total", {{"method", list}, {"code", "NOT_FOUND"}}), 1);
  EXPECT_EQ(ValueOf(families, "vickrey_call_duration_seconds", {{"method", run}, {"model", "ctr@1"}}), 1);
  EXPECT_EQ(ValueOf(families, "vickrey_call_duration_seconds", {{"method", list}, {"model", ""}}), 1);
  EXPECT_EQ(ValueOf(families, "vickrey_candidates_scored_total", {{"model", "ctr@1"}}), 7);
}

TEST(CallMetricsTest, UnknownAndDeletedModelsHaveNoSeries) {
  CallMetrics metrics;
  const absl::Status ok;
  for (int i = 0; i < 5000; ++i) metrics.AddModel(absl::StrCat("m@", i));
  for (int i = 0; i < 6000; ++i) {
    metrics.OnCallEnd(Report(kRun, absl::StrCat("m@", i), ok, absl::Milliseconds(1)));
  }
  const auto durations = [&] {
    std::vector<prometheus::MetricFamily> families;
    metrics.Collect(&families);
    return families[2].metric;
  };
  EXPECT_EQ(durations().size(), CallMetrics::kMaxModels + 1);
  metrics.KeepModels([](const std::string& ref) { return ref == "m@3"; });
  metrics.OnCallEnd(Report(kRun, "m@4", ok, absl::Milliseconds(1)));  // it was under way when its model went
  const auto left = durations();
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].histogram.sample_count, 5001u);
  EXPECT_EQ(left[1].label[1].value, "m@3");
}

TEST(CallMetricsTest, AMethodIsOneByItsName) {
  // More than there is room for, each twice, at addresses that meet each other.
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back(absl::StrCat("S.M", i));
  std::vector<Method> methods;
  for (int copy = 0; copy < 2; ++copy) {
    for (const std::string& name : names) methods.push_back({.name = name, .role = Role::kRead});
  }
  CallMetrics metrics;
  for (int round = 0; round < 3; ++round) {
    for (const Method& method : methods) metrics.OnCallBegin(method);
  }
  std::vector<prometheus::MetricFamily> families;
  metrics.Collect(&families);
  double calls = 0;
  for (const auto& metric : families[0].metric) calls += metric.gauge.value;
  EXPECT_EQ(calls, 1800);
  EXPECT_EQ(families[0].metric.size(), 128u);
  EXPECT_EQ(ValueOf(families, "vickrey_calls_in_flight", {{"method", "S.M5"}}), 6);
}

TEST(CallMetricsTest, LosesNothingBetweenThreads) {
  CallMetrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const absl::Status ok;
      for (int i = 0; i < 2000; ++i) {
        metrics.OnCallBegin(kRun);
        metrics.AddModel("ctr@1");
        metrics.OnCallEnd(Report(kRun, "ctr@1", ok, absl::Microseconds(i)));
        if (i % 100 == 0) {
          std::vector<prometheus::MetricFamily> families;
          metrics.Collect(&families);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<prometheus::MetricFamily> families;
  metrics.Collect(&families);
  const std::string run(kRun.name);
  EXPECT_EQ(ValueOf(families, "vickrey_calls_in_flight", {{"method", run}}), 0);
  EXPECT_EQ(ValueOf(families, "vickrey_calls_total", {{"method", run}, {"code", "OK"}}), 8000);
  EXPECT_EQ(ValueOf(families, "vickrey_call_duration_seconds", {{"method", run}, {"model", "ctr@1"}}), 8000);
}

// An auction of two ads, of which the first was shown in slot 1 and the second, if at all, in slot 2.
LoggedAuction Shown(const std::string& id, const std::string& model, bool second) {
  LoggedAuction record;
  record.mutable_auction()->set_auction_id(id);
  record.set_model(model);
  for (int i = 0; i < 2; ++i) {
    record.mutable_auction()->add_candidates()->set_ad_id(absl::StrCat("ad", i));
    auto& candidate = *record.add_candidates();
    candidate.set_pctr(i == 0 ? 0.25 : 0.5);
    candidate.set_slot(i == 0 || second ? i + 1 : 0);
    if (candidate.slot() > 0) candidate.set_examination(i == 0 ? 1 : 0.5);
  }
  return record;
}

Feedback Click(const std::string& auction_id, const std::string& ad_id) {
  Feedback click;
  click.set_auction_id(auction_id);
  click.set_ad_id(ad_id);
  click.set_kind(Feedback::CLICK);
  return click;
}

class CalibrationTest : public testing::Test {
 protected:
  double Read(const std::string& name, const std::string& model) const {
    std::vector<prometheus::MetricFamily> families;
    calibration_.Collect(&families);
    return ValueOf(families, name, model.empty() ? Labels() : Labels{{"model", model}});
  }
  double Clicks(const std::string& model) const { return Read("vickrey_model_clicks_total", model); }
  double Unattributed() const { return Read("vickrey_log_unattributed_clicks_total", ""); }

  Calibration calibration_{4};
};

TEST_F(CalibrationTest, ComparesWhatWasPredictedWithWhatCame) {
  calibration_.AddModel("a@1");
  calibration_.AddModel("b@1");
  calibration_.OnAuction(Shown("1", "a@1", true));
  calibration_.OnAuction(Shown("2", "b@1", false));
  calibration_.OnAuction(Shown("3", "unknown@1", false));
  EXPECT_EQ(Read("vickrey_model_impressions_total", "a@1"), 2);
  EXPECT_DOUBLE_EQ(Read("vickrey_model_expected_clicks_total", "a@1"), 0.25 + 0.5 * 0.5);
  EXPECT_EQ(Read("vickrey_model_impressions_total", "b@1"), 1);
  EXPECT_DOUBLE_EQ(Read("vickrey_model_expected_clicks_total", "b@1"), 0.25);
  EXPECT_EQ(Read("vickrey_model_impressions_total", "unknown@1"), -1);
  calibration_.OnClick(Click("1", "ad1"), false);
  calibration_.OnClick(Click("1", "ad1"), false);  // once per impression
  calibration_.OnClick(Click("2", "ad0"), false);
  EXPECT_EQ(Clicks("a@1"), 1);
  EXPECT_EQ(Clicks("b@1"), 1);
  EXPECT_EQ(Unattributed(), 0);
  calibration_.OnClick(Click("2", "ad1"), false);  // in its auction, but not shown
  calibration_.OnClick(Click("3", "ad0"), false);
  EXPECT_EQ(Unattributed(), 2);
}

TEST_F(CalibrationTest, AClickMayComeFirst) {
  calibration_.AddModel("a@1");
  calibration_.OnClick(Click("1", "ad0"), true);
  EXPECT_EQ(Clicks("a@1"), 0);
  calibration_.OnAuction(Shown("1", "a@1", false));
  EXPECT_EQ(Clicks("a@1"), 1);
  calibration_.OnClick(Click("1", "ad0"), false);
  EXPECT_EQ(Clicks("a@1"), 1);
}

TEST_F(CalibrationTest, TheOldestImpressionsGo) {
  calibration_.AddModel("a@1");
  calibration_.OnClick(Click("never", "ad0"), true);
  for (int i = 0; i < 5; ++i) calibration_.OnAuction(Shown(absl::StrCat(i), "a@1", false));
  EXPECT_EQ(Unattributed(), 1);  // the click whose auction did not come
  calibration_.OnClick(Click("0", "ad0"), false);
  EXPECT_EQ(Clicks("a@1"), 0);
  EXPECT_EQ(Unattributed(), 2);
  calibration_.OnClick(Click("1", "ad0"), false);
  EXPECT_EQ(Clicks("a@1"), 1);
}

TEST_F(CalibrationTest, ADeletedModelIsForgottenAndItsNameStartsAnew) {
  calibration_.AddModel("a@1");
  calibration_.OnAuction(Shown("1", "a@1", false));
  calibration_.KeepModels([](const std::string&) { return false; });
  EXPECT_EQ(Clicks("a@1"), -1);
  calibration_.AddModel("a@1");
  calibration_.OnClick(Click("1", "ad0"), false);
  EXPECT_EQ(Clicks("a@1"), 0);
  EXPECT_EQ(Unattributed(), 1);
}

TEST(TelemetryTest, TheExpositionHoldsWhatHappened) {
  Telemetry telemetry({});
  Registry registry("/nowhere", &telemetry);
  telemetry.OnLoad("gone@1", absl::OkStatus(), absl::Milliseconds(3));
  telemetry.OnLoad("bad@1", absl::FailedPreconditionError("x"), absl::Milliseconds(3));
  const absl::Status ok;
  telemetry.OnCallBegin(kRun);
  telemetry.OnCallEnd(Report(kRun, "gone@1", ok, absl::Milliseconds(1)));
  const Metrics metrics(telemetry.Exposition(registry, nullptr, true));
  EXPECT_EQ(metrics["vickrey_ready"], 1);
  EXPECT_EQ(metrics["vickrey_model_versions{state=\"READY\"}"], 0);
  EXPECT_EQ(metrics["vickrey_model_load_failures_total"], 1);
  EXPECT_EQ(metrics["vickrey_model_load_duration_seconds_count"], 2);
  EXPECT_EQ(metrics["vickrey_calls_total{method=\"AuctionService.RunAuction\",code=\"OK\"}"], 1);
  EXPECT_EQ(metrics.Count("gone@1"), 0);  // the registry does not hold it
  EXPECT_EQ(metrics.Count("vickrey_log_"), 0);
  EXPECT_EQ(metrics.Count("vickrey_build_info{version="), 1);
  EXPECT_GT(metrics["process_resident_memory_bytes"], 1e6);
  EXPECT_GT(metrics["process_open_fds"], 2);
  EXPECT_LE(metrics["process_open_fds"], metrics["process_max_fds"]);
  EXPECT_GE(metrics["process_cpu_seconds_total"], 0);
  EXPECT_NEAR(metrics["process_start_time_seconds"], absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), 600);
}

TEST(LogMetricsTest, CountsRecordsByWhatBecameOfThem) {
  Calibration calibration;
  calibration.AddModel("a@1");
  LogMetrics metrics(&calibration);
  const std::vector<LoggedAuction> records(4, Shown("1", "a@1", false));
  std::vector<absl::StatusOr<AppendAuctionResult>> results(4, AppendAuctionResult());
  results[0]->set_status(AppendAuctionResult::STORED);
  results[1]->set_status(AppendAuctionResult::DUPLICATE);
  results[2]->set_status(AppendAuctionResult::CONFLICT);
  results[3] = absl::InvalidArgumentError("x");
  metrics.OnAuctions(records, results, absl::Milliseconds(2));
  const std::vector<Feedback> clicks(4, Click("1", "ad0"));
  std::vector<absl::StatusOr<AppendFeedbackResult>> answers(4, AppendFeedbackResult());
  answers[0]->set_status(AppendFeedbackResult::STORED);
  answers[1]->set_status(AppendFeedbackResult::DUPLICATE);
  answers[2]->set_status(AppendFeedbackResult::ORPHAN);
  answers[3]->set_status(AppendFeedbackResult::CONFLICT);
  metrics.OnFeedback(clicks, answers, absl::Milliseconds(2));
  std::vector<prometheus::MetricFamily> families;
  metrics.Collect({.records = 5, .bytes = 6}, &families);
  calibration.Collect(&families);
  const auto count = [&](const char* kind, const char* status) {
    return ValueOf(families, "vickrey_log_records_total", {{"kind", kind}, {"status", status}});
  };
  for (const char* status : {"stored", "duplicate", "conflict", "refused"}) EXPECT_EQ(count("auction", status), 1);
  EXPECT_EQ(count("auction", "orphan"), -1);
  for (const char* status : {"stored", "duplicate", "conflict", "orphan"}) EXPECT_EQ(count("feedback", status), 1);
  EXPECT_EQ(count("feedback", "refused"), 0);
  EXPECT_EQ(ValueOf(families, "vickrey_log_bytes_total", {{"kind", "auction"}}),
            static_cast<double>(records[0].ByteSizeLong()));
  EXPECT_EQ(ValueOf(families, "vickrey_log_sync_duration_seconds", {}), 2);
  EXPECT_EQ(ValueOf(families, "vickrey_log_queue_records", {}), 5);
  EXPECT_EQ(ValueOf(families, "vickrey_log_queue_bytes", {}), 6);
  EXPECT_EQ(ValueOf(families, "vickrey_model_impressions_total", {{"model", "a@1"}}), 1);
  EXPECT_EQ(ValueOf(families, "vickrey_model_clicks_total", {{"model", "a@1"}}), 1);
}

// The lines that `use` makes a log write.
template <typename F>
std::vector<std::string> LinesOf(const CallLogOptions& options, F use) {
  std::string text;
  {
    CallLog log(options, [&](std::string_view line) { text.append(line); });
    use(log);
  }
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

TEST(CallLogTest, SaysWhatIsWorthALine) {
  const absl::Status ok, missing = absl::NotFoundError("no"), broken = absl::InternalError("oh");
  const auto methods = [&](LogLevel level, bool all) {
    const auto lines = LinesOf({.format = LogFormat::kJson, .level = level, .all_calls = all}, [&](CallLog& log) {
      log.OnEvent(LogLevel::kInfo, "start", "here");
      log.OnCallEnd(Report(kRun, "ctr@1", ok, absl::Milliseconds(999)));
      log.OnCallEnd(Report(kRun, "ctr@1", ok, absl::Milliseconds(1001)));
      log.OnCallEnd(Report(kStream, "", ok, absl::Seconds(60)));
      log.OnCallEnd(Report(kLabel, "", ok, absl::Milliseconds(1)));
      log.OnCallEnd(Report(kRun, "", missing, absl::Milliseconds(1)));
      log.OnCallEnd(Report(kRun, "", broken, absl::Milliseconds(1)));
    });
    std::string said;
    for (const std::string& line : lines) {
      const auto json = nlohmann::json::parse(line);
      absl::StrAppend(&said, json["level"].get<std::string>().substr(0, 1), ":", json["event"].get<std::string>(), " ");
    }
    return said;
  };
  EXPECT_EQ(methods(LogLevel::kInfo, false), "I:start W:slow I:admin W:call E:call ");
  EXPECT_EQ(methods(LogLevel::kInfo, true), "I:start I:call W:slow I:call I:admin W:call E:call ");
  EXPECT_EQ(methods(LogLevel::kWarning, true), "W:slow W:call E:call ");
  EXPECT_EQ(methods(LogLevel::kError, false), "E:call ");
  EXPECT_EQ(methods(LogLevel::kOff, true), "");
}

TEST(CallLogTest, NoCallersTextBreaksALine) {
  const absl::Status status = absl::InvalidArgumentError("a \"quoted\"\n2026 INFO forged\x1b[31m \xff");
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const auto lines = LinesOf({.format = format, .level = LogLevel::kInfo}, [&](CallLog& log) {
      log.OnCallEnd({.method = kRun,
                     .request_id = "r=1 x",
                     .caller = "bob",
                     .model = "ctr@1",
                     .about = "",
                     .candidates = 0,
                     .status = status,
                     .took = absl::Milliseconds(1.5)});
    });
    ASSERT_EQ(lines.size(), 1u);
    for (const char c : lines[0]) EXPECT_TRUE(c >= ' ' && c < 127) << static_cast<int>(c);
    if (format == LogFormat::kText) {
      EXPECT_THAT(lines[0], HasSubstr(" WARNING call method=AuctionService.RunAuction code=INVALID_ARGUMENT "
                                      "request_id=\"r=1 x\" caller=bob model=ctr@1 took_seconds=0.0015 "
                                      "message=\"a \\\"quoted\\\"\\n2026 INFO forged\\u001b[31m \\ufffd\""));
      continue;
    }
    const auto json = nlohmann::json::parse(lines[0]);
    EXPECT_EQ(json["method"], kRun.name);
    EXPECT_EQ(json["code"], "INVALID_ARGUMENT");
    EXPECT_EQ(json["request_id"], "r=1 x");
    EXPECT_EQ(json["caller"], "bob");
    EXPECT_EQ(json["model"], "ctr@1");
    EXPECT_EQ(json["about"], "");
    EXPECT_EQ(json["took_seconds"], 0.0015);
    EXPECT_THAT(json["message"].get<std::string>(), HasSubstr("a \"quoted\"\n2026"));
    absl::Time time;
    std::string error;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, json["time"].get<std::string>(), &time, &error)) << error;
    EXPECT_LT(absl::AbsDuration(absl::Now() - time), absl::Minutes(1));
  }
}

TEST(CallLogTest, AReaderThatStopsHoldsUpNoCall) {
  absl::Notification go_on;
  absl::Mutex mu;
  int lines = 0;
  uint64_t dropped = 0;
  {
    CallLog log({.level = LogLevel::kInfo}, [&](std::string_view) {
      go_on.WaitForNotification();
      const absl::MutexLock lock(&mu);
      ++lines;
    });
    const absl::Time begin = absl::Now();
    for (int i = 0; i < 20'000; ++i) log.OnEvent(LogLevel::kInfo, "start", absl::StrCat(i));
    EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
    dropped = log.dropped();
    EXPECT_GE(dropped, 20'000u - 8192 - 1);
    go_on.Notify();
  }
  EXPECT_EQ(static_cast<uint64_t>(lines) + dropped, 20'000u);
}

}  // namespace
}  // namespace vickrey::server
