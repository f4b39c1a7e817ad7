#include "simulator/report/document.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/json_syntax.h"
#include "vickrey/base/status.h"

namespace vickrey::simulator {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxDepth = 32;  // as of all JSON that the programs read
constexpr int kFormat = 1;        // the newest that is known, of each kind

enum class Type { kText, kList };

// A field that must be there. `of` is the list whose entries it belongs to; empty: the document itself.
struct Needed {
  std::string of, field;
  Type type;
};

// A kind of document: what tells it, what it needs. The sections of the page that belong to it are in sections/.
struct Kind {
  std::string name, title, what;
  std::vector<std::string> told_by;  // a document with all of these fields is of this kind; none: `kind` must say so
  std::vector<Needed> needed;        // lists before what their entries need
};

// In the order in which they are tried.
const std::vector<Kind>& Kinds() {
  static const auto& kinds = *new std::vector<Kind>{
      {"tune",
       "Vickrey: settings of losses",
       "the tune.json of `vickrey study tune`",
       {},
       {{"", "scenarios", Type::kList}, {"scenarios", "name", Type::kText}, {"scenarios", "losses", Type::kList}}},
      {"walkforward",
       "Vickrey: forecasts of a price, and what trading on them came to",
       "the study.json of `vickrey study walkforward`",
       {},
       {{"", "results", Type::kList}, {"results", "model", Type::kText}, {"results", "loss", Type::kText}}},
      {"bidders",
       "Vickrey: bidders by forecasts of the price",
       "the study.json of `vickrey study bidders`",
       {},
       {{"", "heads", Type::kList},
        {"", "bidders", Type::kList},
        {"heads", "head", Type::kText},
        {"bidders", "bidder", Type::kText}}},
      {"cost",
       "Vickrey: what training costs",
       "the study.json of `vickrey study cost`",
       {},
       {{"", "points", Type::kList},
        {"", "curves", Type::kList},
        {"points", "name", Type::kText},
        {"points", "status", Type::kText}}},
      {"run",
       "Vickrey: welfare of click models",
       "a summary of `vickrey simulate` or ./dev demo",
       {"models", "comparisons"},
       {{"", "models", Type::kList},
        {"", "comparisons", Type::kList},
        {"models", "ref", Type::kText},
        {"comparisons", "metric", Type::kText},
        {"comparisons", "a_model", Type::kText},
        {"comparisons", "b_model", Type::kText}}},
      {"study",
       "Vickrey: a study of losses",
       "the study.json of `vickrey study welfare`",
       {"scenarios", "claims"},
       {{"", "scenarios", Type::kList},
        {"", "claims", Type::kList},
        {"scenarios", "name", Type::kText},
        {"scenarios", "losses", Type::kList},
        {"claims", "claim", Type::kText}}},
      {"arithmetic",
       "Vickrey: number-token losses on arithmetic",
       "the study.json of `vickrey study arithmetic`",
       {},
       {{"", "results", Type::kList},
        {"", "claims", Type::kList},
        {"results", "task", Type::kText},
        {"results", "split", Type::kText},
        {"results", "loss", Type::kText},
        {"claims", "claim", Type::kText}}},
  };
  return kinds;
}

std::string_view NameOf(Type type) {
  switch (type) {
    case Type::kText:
      return "a text";
    case Type::kList:
      return "a list";
  }
  return "";
}

bool Is(const Json& json, Type type) {
  switch (type) {
    case Type::kText:
      return json.is_string();
    case Type::kList:
      return json.is_array();
  }
  return false;
}

absl::Status CheckField(const Json& object, const std::string& prefix, const Needed& needed) {
  const std::string field = absl::StrCat(prefix, needed.field);
  const auto found = object.find(needed.field);
  if (found == object.end()) return base::InvalidField(field, "is missing");
  if (Is(*found, needed.type)) return absl::OkStatus();
  return base::InvalidField(field,
                            absl::StrCat("is ", found->type_name(), ", must be ", std::string(NameOf(needed.type))));
}

absl::Status CheckNeeded(const Json& document, const Needed& needed) {
  if (needed.of.empty()) return CheckField(document, "", needed);
  const Json& list = document[needed.of];
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string name = absl::StrCat(needed.of, "[", i, "]");
    if (!list[i].is_object()) {
      return base::InvalidField(name, absl::StrCat("is ", list[i].type_name(), ", must be an object"));
    }
    RETURN_IF_ERROR(CheckField(list[i], name + ".", needed));
  }
  return absl::OkStatus();
}

const Kind* KindOf(const Json& document) {
  const auto said = document.find("kind");
  for (const Kind& kind : Kinds()) {
    bool all = !kind.told_by.empty() || (said != document.end() && *said == kind.name);
    for (const std::string& field : kind.told_by) all = all && document.contains(field);
    if (all) return &kind;
  }
  return nullptr;
}

absl::Status UnknownKind(const Json& document) {
  // What people have at hand beside it.
  std::string hint;
  if (document.contains("auction_id")) {
    hint = "; this looks like a line of outcomes or of auctions: give the --summary of the same run";
  } else if (document.contains("difference") && document.contains("metric")) {
    hint = "; this looks like one comparison of `eval compare`: give the summary of the run";
  } else if (document.contains("artifact")) {
    hint = "; this looks like a line of `vickrey train`";
  }
  std::vector<std::string> known;
  for (const Kind& kind : Kinds()) {
    const std::string told =
        kind.told_by.empty() ? absl::StrCat("kind ", kind.name) : absl::StrJoin(kind.told_by, ", ");
    known.push_back(absl::StrCat(kind.what, " (", told, ")"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("is no document that a report can be made of; known, with the fields that tell them: ",
                   absl::StrJoin(known, "; "), hint));
}

// A file of JSON Lines is no JSON; say so rather than "unexpected character".
bool LooksLikeLines(std::string_view text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos || text.find_first_not_of(" \t\r\n", end) == std::string_view::npos) return false;
  const auto first = base::ParseJson(text.substr(0, end), kMaxDepth);
  return first.ok() && first->is_object();
}

}  // namespace

std::vector<std::string> KnownDocuments() {
  std::vector<std::string> known;
  for (const Kind& kind : Kinds()) known.push_back(kind.what);
  return known;
}

absl::StatusOr<ReportDocument> CheckDocument(std::string json) {
  const auto parsed = base::ParseJson(json, kMaxDepth);
  if (!parsed.ok()) {
    if (!LooksLikeLines(json)) return parsed.status();
    return absl::InvalidArgumentError(
        "holds JSON Lines (outcomes, auctions?); a report is made of one document, a summary.json, study.json or "
        "tune.json");
  }
  if (!parsed->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat("is JSON of type ", parsed->type_name(), ", must be an object"));
  }
  const Kind* kind = KindOf(*parsed);
  if (kind == nullptr) return UnknownKind(*parsed);
  const auto format = parsed->find("format");
  if (format != parsed->end() &&
      !(format->is_number_integer() && format->get<int64_t>() >= 1 && format->get<int64_t>() <= kFormat)) {
    return base::InvalidField("format", absl::StrCat(format->dump(-1, ' ', false, Json::error_handler_t::replace),
                                                     " is not known; this version reads ", kFormat));
  }
  for (const Needed& needed : kind->needed) RETURN_IF_ERROR(CheckNeeded(*parsed, needed));
  const std::string& first = kind->needed.front().field;
  if ((*parsed)[first].empty()) return base::InvalidField(first, "is empty: there is nothing to report");
  return ReportDocument{.kind = kind->name, .title = kind->title, .json = std::move(json)};
}

}  // namespace vickrey::simulator
