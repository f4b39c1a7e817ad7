// The page of a report: the one that the build made, with a document put into it.
#ifndef SIMULATOR_REPORT_PAGE_H_
#define SIMULATOR_REPORT_PAGE_H_

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "simulator/report/document.h"

namespace vickrey::simulator {

// The page without data that belongs to the programs in `folder`: share/vickrey/report.html beside it, in the build as
// in an installed tree.
std::filesystem::path PageFile(const std::filesystem::path& folder);

// The page that shows `document` under `title` (UTF-8). `page` is the contents of PageFile. No text of either ends the
// page's script or becomes markup. INTERNAL if the page has no place for data.
absl::StatusOr<std::string> FillPage(std::string_view page, const ReportDocument& document, std::string_view title);

}  // namespace vickrey::simulator

#endif  // SIMULATOR_REPORT_PAGE_H_
