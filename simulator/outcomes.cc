#include "simulator/outcomes.h"

#include <unistd.h>

#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"

namespace vickrey::simulator {

absl::StatusOr<std::unique_ptr<OutcomeWriter>> OutcomeWriter::Open(const std::filesystem::path& file) {
  std::unique_ptr<OutcomeWriter> writer(new OutcomeWriter(file));
  if (file.empty()) return writer;
  if (std::filesystem::is_directory(file)) {
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

void OutcomeWriter::Write(const vickrey::v1::OutcomeLine& line) {
  const std::string text = base::ToJson(line) + "\n";
  digest_.Update(text);
  if (!aside_.empty()) out_ << text;
}

absl::StatusOr<std::string> OutcomeWriter::Finish() {
  if (!aside_.empty()) {
    out_.close();
    if (!out_) return absl::UnavailableError(absl::StrCat("cannot write ", aside_.string(), ": is the disk full?"));
    std::error_code error;
    std::filesystem::rename(aside_, file_, error);
    if (error) return absl::UnavailableError(absl::StrCat("cannot write ", file_.string(), ": ", error.message()));
    aside_.clear();
  }
  return absl::BytesToHexString(digest_.Digest());
}

}  // namespace vickrey::simulator
