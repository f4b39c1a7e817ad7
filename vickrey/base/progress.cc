#include "vickrey/base/progress.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vickrey/base/json.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::base {
namespace {

constexpr absl::Duration kBarInterval = absl::Milliseconds(100);
constexpr absl::Duration kLineInterval = absl::Seconds(2);
constexpr int kBarWidth = 30;

// 1234567 -> "1.23M".
std::string Short(double n) {
  for (const auto& [size, suffix] : {std::pair{1e9, "G"}, {1e6, "M"}, {1e3, "k"}}) {
    if (n >= size) return absl::StrFormat("%.3g%s", n / size, suffix);
  }
  return absl::StrFormat("%.3g", n);
}

// Progress is a courtesy: what cannot be written is not worth failing for, nor dying of a broken pipe.
void WriteTo(int fd, std::string_view text) {
  sigset_t pipe, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const timespec now = {};
      if (errno == EPIPE && sigismember(&before, SIGPIPE) == 0) sigtimedwait(&pipe, nullptr, &now);
      break;
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

Progress::Progress(std::string task, std::string unit, std::optional<int64_t> total, Options options)
    : task_(std::move(task)),
      unit_(std::move(unit)),
      total_(total),
      options_(options),
      terminal_(options.terminal.value_or(isatty(options.fd) == 1)),
      start_(options_.now()),
      next_(start_ + (terminal_ ? kBarInterval : kLineInterval)) {}

Progress::Progress(std::string task, std::string unit, std::optional<int64_t> total)
    : Progress(std::move(task), std::move(unit), total, Options{}) {}

Progress::~Progress() { End(/*finished=*/false); }

void Progress::Update(int64_t done) {
  done_ = done;
  const absl::Time now = options_.now();
  if (ended_ || now < next_) return;
  next_ = now + (terminal_ ? kBarInterval : kLineInterval);
  Write();
}

void Progress::End(bool finished) {
  if (ended_) return;
  ended_ = true;
  finished_ = finished;
  Write();
}

void Progress::Write() { terminal_ ? WriteBar() : WriteLine(); }

void Progress::WriteBar() {
  const double seconds = absl::ToDoubleSeconds(options_.now() - start_);
  const double rate = seconds > 0 ? static_cast<double>(done_ - before_) / seconds : 0;
  std::string bar = absl::StrCat("\r", task_, " ");
  if (total_.value_or(0) > 0) {
    const double share = std::clamp(static_cast<double>(done_) / *total_, 0.0, 1.0);
    const int filled = static_cast<int>(share * kBarWidth);
    absl::StrAppend(&bar, "[", std::string(filled, '='), std::string(kBarWidth - filled, ' '), "] ",
                    absl::StrFormat("%3d %%  ", static_cast<int>(share * 100)));
  }
  absl::StrAppend(&bar, Short(done_), " ", unit_, "  ", Short(rate), "/s");
  if (total_.has_value() && rate > 0 && !ended_) {
    const auto left = absl::Seconds(std::ceil(std::max<double>(*total_ - done_, 0) / rate));
    absl::StrAppend(&bar, "  ", absl::FormatDuration(left), " left");
  }
  for (const auto& [name, value] : values_) absl::StrAppend(&bar, absl::StrFormat("  %s %.5g", name, value));
  absl::StrAppend(&bar, "\x1b[K", ended_ ? "\n" : "");  // erase what a longer line left behind
  WriteTo(options_.fd, bar);
}

void Progress::WriteLine() {
  vickrey::v1::ProgressLine line;
  auto& report = *line.mutable_progress();
  const double seconds = absl::ToDoubleSeconds(options_.now() - start_);
  report.set_task(task_);
  report.set_done(done_);
  if (total_.has_value()) report.set_total(*total_);
  report.set_rate(seconds > 0 ? static_cast<double>(done_ - before_) / seconds : 0);
  if (total_.has_value() && report.rate() > 0) {
    report.set_seconds_left(std::max<double>(*total_ - done_, 0) / report.rate());
  }
  report.set_finished(finished_);
  report.mutable_values()->insert(values_.begin(), values_.end());
  WriteTo(options_.fd, ToJson(line) + "\n");
}

void WriteToStderr(std::string_view text) { WriteTo(STDERR_FILENO, text); }

void Note(const std::string& text) {
  vickrey::v1::NoteLine line;
  line.set_note(text);
  WriteToStderr(absl::StrCat(isatty(STDERR_FILENO) == 1 ? text : ToJson(line), "\n"));
}

}  // namespace vickrey::base
