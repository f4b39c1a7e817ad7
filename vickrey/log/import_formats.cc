#include "vickrey/log/import_formats.h"

#include "absl/strings/str_cat.h"
#include "vickrey/base/limits.h"
#include "vickrey/base/status.h"
#include "vickrey/log/import_criteo.h"
#include "vickrey/log/import_csv.h"
#include "vickrey/log/import_ipinyou.h"
#include "vickrey/log/import_json_lines.h"
#include "vickrey/log/import_open_bandit.h"
#include "vickrey/log/import_outbrain.h"
#include "vickrey/log/import_parquet.h"

namespace vickrey::log {

const std::vector<ImportFormat>& ImportFormats() {
  static const auto& formats = *new std::vector<ImportFormat>{
      {.name = "criteo",
       .summary = "Criteo display advertising (Kaggle 2014): no auctions, no bids",
       .groups = true,
       .bids = true,
       .encodes = true,
       .make = &MakeCriteoImporter},
      {.name = "outbrain",
       .summary = "Outbrain click prediction, joined to one table: several ads a request, no bids",
       .bids = true,
       .encodes = true,
       .make = &MakeOutbrainImporter},
      {.name = "ipinyou",
       .summary = "iPinYou impression log, 27 or 29 columns: floor and paying price of impressions, no bids a click",
       .bids = true,
       .encodes = true,
       .make = &MakeIpinyouImporter},
      {.name = "open_bandit",
       .summary = "Open Bandit: every item a candidate, the one shown with its propensity; --items: their features",
       .bids = true,
       .encodes = true,
       .items = true,
       .make = &MakeOpenBanditImporter},
      {.name = "csv",
       .summary = "any table, its columns told by --schema",
       .groups = true,
       .bids = true,
       .encodes = true,
       .csv = true,
       .make = &MakeCsvImporter},
      {.name = "jsonl", .summary = "JSON Lines as `export` writes them", .make = &MakeJsonLinesImporter},
      {.name = "parquet",
       .summary = "Parquet as `export` writes it, or with the same columns",
       .make = [](const ImportOptions& options, std::istream*) { return MakeParquetImporter(options.file); }},
  };
  return formats;
}

absl::StatusOr<std::unique_ptr<Importer>> MakeImporter(std::string_view format, const ImportOptions& options,
                                                       std::istream* in) {
  std::string known;
  for (const ImportFormat& entry : ImportFormats()) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(entry.name));
    if (entry.name != format) continue;
    const std::string not_for = absl::StrCat("is not for ", std::string(format));
    if (options.group_size < 1 || options.group_size > base::kMaxCandidates) {
      return base::InvalidField("group_size", absl::StrCat(options.group_size, " is out of range; 1 to ",
                                                           base::kMaxCandidates, " rows make an auction"));
    }
    if (!entry.groups && options.group_size != 1) {
      return base::InvalidField("group_size", absl::StrCat(not_for, ", which has auctions"));
    }
    if (!entry.bids && options.bids.has_value())
      return base::InvalidField("bids", absl::StrCat(not_for, ", which has bids"));
    if (!entry.encodes && options.encode) return base::InvalidField("encode", not_for);
    if (!entry.items && options.items != nullptr) return base::InvalidField("items", not_for);
    if (!entry.csv && options.csv.has_value()) {
      return base::InvalidField("schema", absl::StrCat(not_for, ", whose columns are known"));
    }
    if (entry.csv && !options.csv.has_value()) {
      return base::InvalidField("schema",
                                absl::StrCat("is required for ", std::string(format), ": what its columns are"));
    }
    return entry.make(options, in);
  }
  return base::InvalidField("format", absl::StrCat("'", std::string(format), "' is not known; known: ", known));
}

}  // namespace vickrey::log
