// What a report can be made of.
#ifndef SIMULATOR_REPORT_DOCUMENT_H_
#define SIMULATOR_REPORT_DOCUMENT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace vickrey::simulator {

// A JSON file that is known to be one of those that reports are made of. A value; const methods are thread-safe.
struct ReportDocument {
  std::string kind;   // "run" (the summary of `simulate` or of the demo), "study", "tune", "arithmetic", "walkforward",
                      // "bidders"
  std::string title;  // of the page, unless another is asked for
  std::string json;   // the text as it was read
};

// The largest file that is read: a page holds all of it.
inline constexpr size_t kMaxDocumentBytes = size_t{32} << 20;

// What a report can be made of, an entry for each kind: "the tune.json of `vickrey study tune`".
std::vector<std::string> KnownDocuments();

// Checks that `json`, the text of a file, is a document of a known kind and holds what its sections cannot do without.
// Metrics may be null, and fields that are not known are kept. INVALID_ARGUMENT naming the field, what it is and what
// is needed; one that looks like another of the programs' files says so.
absl::StatusOr<ReportDocument> CheckDocument(std::string json);

}  // namespace vickrey::simulator

#endif  // SIMULATOR_REPORT_DOCUMENT_H_
