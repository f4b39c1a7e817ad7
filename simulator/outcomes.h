// The outcomes file: a line for each auction and model, in order.
#ifndef SIMULATOR_OUTCOMES_H_
#define SIMULATOR_OUTCOMES_H_

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/base/sha256.h"

namespace vickrey::simulator {

// The error of a stream that could not write all.
absl::Status CannotWrite(const std::filesystem::path& file);

// Writes lines aside and puts the file in its place when all are written. Not thread-safe.
class OutcomeWriter {
 public:
  // `file` empty: only the digest is computed.
  static absl::StatusOr<std::unique_ptr<OutcomeWriter>> Open(const std::filesystem::path& file);
  // Removes what was written aside, unless Finish succeeded.
  ~OutcomeWriter();

  // Lines as base::ToJson writes an OutcomeLine, each with its newline. UNAVAILABLE where the disk is full, say.
  absl::Status Write(std::string_view lines);
  // UNAVAILABLE if something could not be written. The SHA-256 of the file's bytes.
  absl::StatusOr<std::string> Finish();

 private:
  explicit OutcomeWriter(std::filesystem::path file) : file_(std::move(file)) {}

  const std::filesystem::path file_;
  std::filesystem::path aside_;
  std::ofstream out_;
  base::Sha256 digest_;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_OUTCOMES_H_
