// `vickrey report`: a summary or a study as one HTML file.
#include <filesystem>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "simulator/report/document.h"
#include "simulator/report/page.h"
#include "vickrey/base/files.h"
#include "vickrey/base/program.h"
#include "vickrey/base/tool.h"

namespace vickrey::simulator {
namespace {

struct Flags {
  std::string document, out = "report.html", title;
};

absl::StatusOr<ReportDocument> ReadDocument(const std::filesystem::path& file) {
  auto text = base::ReadFile(file, kMaxDocumentBytes);
  if (absl::IsResourceExhausted(text.status())) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.string(), ": larger than ", kMaxDocumentBytes >> 20, " MiB: this is no summary or study"));
  }
  RETURN_IF_ERROR(text.status());
  auto document = CheckDocument(*std::move(text));
  if (!document.ok()) return base::Annotate(document.status(), file.string());
  return document;
}

absl::Status CheckOut(const Flags& flags) {
  const std::filesystem::path out = flags.out;
  std::error_code error;
  if (out.empty()) return base::InvalidField("--out", "is empty; name an HTML file");
  if (std::filesystem::is_directory(out, error)) {
    return base::InvalidField("--out", absl::StrCat(out.string(), " is a folder; name an HTML file"));
  }
  if (std::filesystem::exists(out, error) && !std::filesystem::is_regular_file(out, error)) {  // a device or a pipe
    return base::InvalidField("--out", absl::StrCat(out.string(), " is there and is not a plain file"));
  }
  if (std::filesystem::equivalent(out, flags.document, error)) {
    return base::InvalidField("--out", absl::StrCat(out.string(), " is the document itself"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadPage() {
  const std::filesystem::path file = PageFile(base::ProgramFolder());
  const auto page = base::ReadFile(file);
  if (page.ok()) return *page;
  return absl::FailedPreconditionError(
      absl::StrCat("the page of reports is not there: ", std::string(page.status().message()),
                   "; ./dev setup fetches what it is built of, and ./dev build builds it"));
}

absl::Status Run(const Flags& flags) {
  RETURN_IF_ERROR(CheckOut(flags));
  ASSIGN_OR_RETURN(const ReportDocument document, ReadDocument(flags.document));
  ASSIGN_OR_RETURN(const std::string page, ReadPage());
  ASSIGN_OR_RETURN(const std::string filled,
                   FillPage(page, document, flags.title.empty() ? document.title : flags.title));
  RETURN_IF_ERROR(base::WriteFileAtomically(flags.out, filled));
  std::cout << flags.out << "\n" << std::flush;
  return std::cout ? absl::OkStatus() : absl::UnavailableError("cannot write to stdout");
}

}  // namespace
}  // namespace vickrey::simulator

int main(int argc, char** argv) {
  vickrey::base::Tool tool("vickrey-report",
                           "Makes a report of a simulation or a study: one HTML file that needs nothing else");
  vickrey::simulator::Flags flags;
  CLI::App& app = tool.SetAction("vickrey report out/demo/summary.json --out report.html",
                                 [&flags] { return vickrey::simulator::Run(flags); });
  app.add_option("DOCUMENT", flags.document,
                 absl::StrCat("A file of JSON: ", absl::StrJoin(vickrey::simulator::KnownDocuments(), "; ")))
      ->required();
  app.add_option("--out", flags.out, "The file to write; its path is printed")->capture_default_str();
  app.add_option("--title", flags.title, "Its heading")->default_str("by the kind of document");
  return tool.Run(argc, argv);
}
