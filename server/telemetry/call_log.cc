#include "server/telemetry/call_log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "vickrey/base/progress.h"

namespace vickrey::server {
namespace {

constexpr size_t kWaiting = 8192;

class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> write) : write_(std::move(write)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    write_(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

  const std::function<void(std::string_view)> write_;
};

LogLevel LevelOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return LogLevel::kInfo;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnimplemented:
      return LogLevel::kError;
    default:
      return LogLevel::kWarning;
  }
}

const char* NameOf(LogLevel level) {
  return level == LogLevel::kError ? "ERROR" : level == LogLevel::kWarning ? "WARNING" : "INFO";
}

// A line's fields, in the order in which they are added.
class Line {
 public:
  Line(LogFormat format, LogLevel level, std::string_view event) : json_(format == LogFormat::kJson) {
    const std::string now = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone());
    if (json_) {
      absl::StrAppend(&text_, R"({"time":")", now, R"(","level":")", NameOf(level), R"(","event":")",
                      absl::string_view(event.data(), event.size()), "\"");
    } else {
      absl::StrAppend(&text_, now, " ", NameOf(level), " ", absl::string_view(event.data(), event.size()));
    }
  }

  // Left out of text where it is empty.
  void Add(const char* name, std::string_view value) {
    if (json_) {
      absl::StrAppend(&text_, ",\"", name, "\":", Quoted(value));
    } else if (!value.empty()) {
      const bool plain = value.find_first_of(" \"\\=\t\r\n") == std::string_view::npos && Printable(value);
      absl::StrAppend(&text_, " ", name, "=", plain ? std::string(value) : Quoted(value));
    }
  }
  void Add(const char* name, double value) {
    absl::StrAppend(&text_, json_ ? ",\"" : " ", name, json_ ? "\":" : "=", value);
  }
  void Add(const char* name, const std::vector<double>& values) {  // JSON, in text too
    absl::StrAppend(&text_, json_ ? ",\"" : " ", name, json_ ? "\":" : "=", nlohmann::json(values).dump());
  }
  std::string End() && { return absl::StrCat(text_, json_ ? "}\n" : "\n"); }

 private:
  static bool Printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 32 && c < 127; });
  }
  // As JSON, in text too: ASCII, so that no byte of a caller's does anything to a terminal.
  static std::string Quoted(std::string_view text) {
    return nlohmann::json(std::string(text)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  }

  const bool json_;
  std::string text_;
};

}  // namespace

struct CallLog::Writer {
  explicit Writer(std::function<void(std::string_view)> write)
      : pool(std::make_shared<spdlog::details::thread_pool>(kWaiting, 1)),
        logger(std::make_shared<spdlog::async_logger>("calls", std::make_shared<FunctionSink>(std::move(write)), pool,
                                                      spdlog::async_overflow_policy::overrun_oldest)) {}

  const std::shared_ptr<spdlog::details::thread_pool> pool;
  const std::shared_ptr<spdlog::async_logger> logger;
};

CallLog::CallLog(const CallLogOptions& options, std::function<void(std::string_view)> write)
    : options_(options),
      writer_(std::make_unique<Writer>(write == nullptr ? &base::WriteToStderr : std::move(write))) {}

CallLog::~CallLog() = default;

uint64_t CallLog::dropped() const { return writer_->pool->overrun_counter(); }

void CallLog::OnCallEnd(const CallReport& report) {
  const bool slow = !report.method.stream && report.took > options_.slow;
  const bool administers = report.method.role == Role::kAdminister;
  if (report.status.ok() && !slow && !administers && !options_.all_calls) return;
  LogLevel level = LevelOf(report.status);
  if (slow && level == LogLevel::kInfo) level = LogLevel::kWarning;
  if (level < options_.level) return;
  Line line(options_.format, level, administers ? "admin" : slow && report.status.ok() ? "slow" : "call");
  line.Add("method", report.method.name);
  line.Add("code", absl::StatusCodeToString(report.status.code()));
  line.Add("request_id", report.request_id);
  line.Add("caller", report.caller);
  line.Add("model", report.model);
  line.Add("about", report.about);
  line.Add("took_seconds", absl::ToDoubleSeconds(report.took));
  const absl::string_view message = report.status.message();
  line.Add("message", std::string_view(message.data(), message.size()));
  writer_->logger->log(spdlog::level::info, std::move(line).End());
}

void CallLog::OnShadow(const ShadowReport& report) {
  const LogLevel level = report.shadow.ok() ? LogLevel::kInfo : LogLevel::kWarning;
  if (!options_.shadows || level < options_.level) return;
  Line line(options_.format, level, "shadow");
  line.Add("model", report.model.ref());
  line.Add("about", report.auction.auction_id());
  if (report.shadow.ok()) line.Add("pctr", report.shadow->pctr);
  line.Add("answered", report.answered);
  const absl::string_view message = report.shadow.status().message();
  line.Add("message", std::string_view(message.data(), message.size()));
  writer_->logger->log(spdlog::level::info, std::move(line).End());
}

void CallLog::OnEvent(LogLevel level, std::string_view event, std::string_view message) {
  if (level < options_.level) return;
  Line line(options_.format, level, event);
  line.Add("message", message);
  writer_->logger->log(spdlog::level::info, std::move(line).End());
}

}  // namespace vickrey::server
