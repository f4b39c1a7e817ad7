#ifndef VICKREY_BASE_PROGRESS_H_
#define VICKREY_BASE_PROGRESS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vickrey::base {

// Shows how far long work is: a bar that redraws itself on a terminal, JSON lines (ProgressLine of lines.proto)
// anywhere else, so that a log of the job can be read by a program.
//
// Not thread-safe. Update is cheap enough for an inner loop: it looks at the clock, and writes a few times a second.
class Progress {
 public:
  struct Options {
    int fd = 2;                        // where to write; not owned
    absl::Time (*now)() = &absl::Now;  // the clock; for tests
    std::optional<bool> terminal;      // Default: whether fd is one
  };

  // `task` says what is done ("import"); `unit` what is counted ("auctions"); `total` how many there will be, if known.
  Progress(std::string task, std::string unit, std::optional<int64_t> total, Options options);
  Progress(std::string task, std::string unit, std::optional<int64_t> total);
  // Without Finish before, as after an error, the last report does not say that it is finished.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // So many were done before the start: rates are without them.
  void Skip(int64_t done) { before_ = done_ = done; }
  // So many units are done in all.
  void Update(int64_t done);
  // What else is known by now, shown with every report from then on.
  void Show(const std::string& name, double value) { values_[name] = value; }
  // How many there will be, as far as is known by now.
  void Expect(int64_t total) { total_ = total; }
  // Writes the last report. Later calls do nothing.
  void Finish() { End(/*finished=*/true); }

 private:
  void End(bool finished);
  void Write();
  void WriteBar();
  void WriteLine();

  const std::string task_;
  const std::string unit_;
  std::optional<int64_t> total_;
  const Options options_;
  const bool terminal_;
  const absl::Time start_;
  int64_t before_ = 0, done_ = 0;
  std::map<std::string, double> values_;
  absl::Time next_;  // no report before this
  bool ended_ = false, finished_ = false;
};

// Writes to stderr what is a courtesy: a stderr that nobody reads any more is no error.
void WriteToStderr(std::string_view text);

// Something that a person should know, on stderr: text on a terminal, a NoteLine anywhere else.
void Note(const std::string& text);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_PROGRESS_H_
