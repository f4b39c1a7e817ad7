#include "tools/rejects.h"

#include <cstdio>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::tools {
namespace {

constexpr int64_t kShown = 10;  // the others are in the file only

}  // namespace

void Rejects::OpenFile() {
  std::error_code error;
  if (file_.has_parent_path()) std::filesystem::create_directories(file_.parent_path(), error);
  out_.open(file_, std::ios::binary | std::ios::trunc);
}

absl::Status Rejects::Open() {
  const absl::MutexLock lock(&mu_);
  OpenFile();
  if (out_.is_open()) return absl::OkStatus();
  return base::InvalidField("--rejects", absl::StrCat("'", file_.string(), "' cannot be written"));
}

void Rejects::Add(int64_t line, const absl::Status& why) {
  const std::string reason = base::ValidUtf8({why.message().data(), why.message().size()});
  vickrey::v1::RejectLine reject;
  reject.set_line(line);
  if (const auto field = base::FieldOf(why); field.has_value()) reject.set_field(base::ValidUtf8(*field));
  reject.set_reason(reason);
  const absl::MutexLock lock(&mu_);
  if (count_++ == 0) {
    first_ = absl::StrCat("line ", line, ": ", reason);
    if (!out_.is_open()) OpenFile();
  }
  out_ << base::ToJson(reject) << '\n';
  if (count_ <= kShown) std::fprintf(stderr, "%s\n", base::ErrorLine(base::AtLine(why, line)).c_str());
}

absl::Status Rejects::Finish() {
  const absl::MutexLock lock(&mu_);
  if (count_ == 0 && !out_.is_open()) return absl::OkStatus();
  out_.close();
  if (out_) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot write the rejected rows to ", file_.string()));
}

int64_t Rejects::count() const {
  const absl::MutexLock lock(&mu_);
  return count_;
}

std::string Rejects::first() const {
  const absl::MutexLock lock(&mu_);
  return first_;
}

}  // namespace vickrey::tools
