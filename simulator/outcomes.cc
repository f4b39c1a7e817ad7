#include "simulator/outcomes.h"

#include <unistd.h>

#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"
#include "vickrey/base/status.h"

namespace vickrey::simulator {

absl::Status CannotWrite(const std::filesystem::path& file) {
  return absl::UnavailableError(absl::StrCat("cannot write ", file.string(), ": is the disk full?"));
}

absl::StatusOr<std::unique_ptr<OutcomeWriter>> OutcomeWriter::Open(const std::filesystem::path& file) {
  std::unique_ptr<OutcomeWriter> writer(new OutcomeWriter(file));
  if (file.empty()) return writer;
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    return base::InvalidField("--outcomes", absl::StrCat(file.string(), " is a folder"));
  }
  writer->aside_ = file.parent_path() / absl::StrCat(".", file.filename().string(), ".part-", getpid());
  writer->out_.open(writer->aside_, std::ios::binary | std::ios::trunc);
  if (!writer->out_) return base::FileError("write", writer->aside_);
  return writer;
}

OutcomeWriter::~OutcomeWriter() {
  std::error_code error;
  if (!aside_.empty()) std::filesystem::remove(aside_, error);
}

absl::Status OutcomeWriter::Write(std::string_view lines) {
  digest_.Update(lines);
  if (aside_.empty()) return absl::OkStatus();
  out_ << lines;
  return out_ ? absl::OkStatus() : CannotWrite(aside_);
}

absl::StatusOr<std::string> OutcomeWriter::Finish() {
  if (!aside_.empty()) {
    out_.close();
    if (!out_) return CannotWrite(aside_);
    std::error_code error;
    std::filesystem::rename(aside_, file_, error);
    if (error) return absl::UnavailableError(absl::StrCat("cannot write ", file_.string(), ": ", error.message()));
    aside_.clear();
  }
  return absl::BytesToHexString(digest_.Digest());
}

}  // namespace vickrey::simulator
