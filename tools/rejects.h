#ifndef TOOLS_REJECTS_H_
#define TOOLS_REJECTS_H_

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace vickrey::tools {

// Rows that an import left out: a file of RejectLines, made for the first of them; the first few are shown on stderr
// too.
//
// Thread-safe.
class Rejects {
 public:
  explicit Rejects(std::filesystem::path file) : file_(std::move(file)) {}

  // Makes the file now. INVALID_ARGUMENT naming --rejects if it cannot be written.
  absl::Status Open();
  void Add(int64_t line, const absl::Status& why);
  // Closes the file. UNAVAILABLE if not all could be written.
  absl::Status Finish();

  int64_t count() const;
  // "line 7: reason"; empty if there is none.
  std::string first() const;
  const std::filesystem::path& file() const { return file_; }

 private:
  const std::filesystem::path file_;
  void OpenFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  std::ofstream out_ ABSL_GUARDED_BY(mu_);
  int64_t count_ ABSL_GUARDED_BY(mu_) = 0;
  std::string first_ ABSL_GUARDED_BY(mu_);
};

}  // namespace vickrey::tools

#endif  // TOOLS_REJECTS_H_
