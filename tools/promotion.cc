#include "tools/promotion.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json_syntax.h"
#include "vickrey/base/status.h"

namespace vickrey::tools {
namespace {

using Json = nlohmann::json;
using vickrey::v1::PromotionLine;

constexpr char kFlag[] = "--evidence", kInterval[] = "_ci95";
constexpr size_t kMaxDepth = 32;

// Of `object`, the text, number or list under `key`; null where there is none.
const Json& At(const Json& object, const std::string& key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::string TextAt(const Json& object, const std::string& key) {
  const Json& text = At(object, key);
  return text.is_string() ? text.get<std::string>() : "";
}

// [lo, hi]; nothing where it is anything else, or the wrong way round.
Evidence::Interval IntervalOf(const Json& list) {
  if (!list.is_array() || list.size() != 2 || !list[0].is_number() || !list[1].is_number()) return std::nullopt;
  const std::pair interval(list[0].get<double>(), list[1].get<double>());
  return interval.first <= interval.second ? Evidence::Interval(interval) : std::nullopt;
}

// A number, or the text of a whole one, as int64 are printed.
std::optional<double> NumberOf(const Json& value) {
  if (value.is_number()) return value.get<double>();
  int64_t whole = 0;
  if (!value.is_string() || !absl::SimpleAtoi(value.get<std::string>(), &whole)) return std::nullopt;
  return static_cast<double>(whole);
}

}  // namespace

absl::StatusOr<Condition> Condition::Parse(std::string_view text) {
  const auto wrong = [&] {
    return base::InvalidField(
        "--if", absl::StrCat("'", absl::CHexEscape(std::string(text.substr(0, 60))),
                             "' is no condition; METRIC >= MARGIN, METRIC <= MARGIN and METRIC in LO..HI are, such as "
                             "'welfare >= -0.01' and 'calibration in 0.9..1.1'"));
  };
  Condition condition{.text = std::string(text)};
  const std::string whole(absl::StripAsciiWhitespace(std::string(text)));
  const size_t end = whole.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_");
  if (end == 0 || end == std::string::npos) return wrong();
  condition.metric = whole.substr(0, end);
  const std::string rest(absl::StripLeadingAsciiWhitespace(whole.substr(end)));
  if (rest.size() < 2) return wrong();
  const std::string sign = rest.substr(0, 2);
  const auto number = [](const std::string& of, double* value) {
    return of.find_first_of("xX") == std::string::npos && absl::SimpleAtod(absl::StripAsciiWhitespace(of), value) &&
           std::isfinite(*value);
  };
  if (sign == ">=" || sign == "<=") {
    condition.kind = sign == ">=" ? Kind::kAtLeast : Kind::kAtMost;
    return number(rest.substr(2), sign == ">=" ? &condition.lo : &condition.hi) ? condition
                                                                                : absl::StatusOr<Condition>(wrong());
  }
  const size_t dots = rest.find("..");
  if (sign != "in" || !absl::ascii_isspace(static_cast<unsigned char>(rest[2])) || dots == std::string::npos) {
    return wrong();
  }
  condition.kind = Kind::kWithin;
  const bool good = rest.compare(dots, 3, "...") != 0 && number(rest.substr(2, dots - 2), &condition.lo) &&
                    number(rest.substr(dots + 2), &condition.hi) && condition.lo <= condition.hi;
  return good ? condition : absl::StatusOr<Condition>(wrong());
}

bool Condition::Holds(const std::optional<std::pair<double, double>>& ci95) const {
  if (!ci95.has_value()) return false;
  const bool above = ci95->first >= lo, below = ci95->second <= hi;
  return (kind == Kind::kAtMost || above) && (kind == Kind::kAtLeast || below);
}

absl::StatusOr<Evidence> Evidence::Read(const std::filesystem::path& file) {
  const auto wrong = [&](const std::string& what) {
    return base::InvalidField(kFlag, absl::StrCat(file.string(), " ", what));
  };
  const auto text = base::ReadFile(file);
  if (!text.ok()) return wrong(absl::StrCat("cannot be read: ", text.status().message()));
  const auto json = base::ParseJson(*text, kMaxDepth);
  if (!json.ok()) return wrong(absl::StrCat("is not JSON: ", json.status().message()));
  if (!At(*json, "models").is_array() || !At(*json, "comparisons").is_array()) {
    return wrong(
        "has no models and comparisons; the output of `vickrey eval online` and summaries of simulations have");
  }
  Evidence evidence;
  evidence.file_ = file.string();
  for (const Json& model : At(*json, "models")) {
    if (!model.is_object()) return wrong("has an entry of models that is no object");
    const std::string ref = TextAt(model, "ref");
    if (!evidence.sha256_.emplace(ref, TextAt(model, "sha256")).second) {
      return wrong(absl::StrCat("has the model ", ref, " twice"));
    }
    for (const auto& [key, value] : model.items()) {
      const std::optional<double> number = NumberOf(value);
      if (!number.has_value() && !value.is_null()) continue;
      Interval& interval = evidence.own_[{ref, key}];
      if (model.contains(key + kInterval)) {
        interval = IntervalOf(At(model, key + kInterval));
      } else if (number.has_value()) {
        interval = std::pair(*number, *number);
      }
    }
  }
  for (const Json& comparison : At(*json, "comparisons")) {
    if (!comparison.is_object()) return wrong("has an entry of comparisons that is no object");
    const std::pair pair(TextAt(comparison, "a_model"), TextAt(comparison, "b_model"));
    const std::string metric = TextAt(comparison, "metric");
    if (!evidence.compared_.emplace(std::pair(pair, metric), IntervalOf(At(comparison, "relative_ci95"))).second) {
      return wrong(absl::StrCat("compares ", metric, " of ", pair.first, " and ", pair.second, " twice"));
    }
  }
  for (const Json& warning : At(*json, "warnings")) {
    if (warning.is_string()) evidence.warnings_.push_back(warning.get<std::string>());
  }
  return evidence;
}

absl::Status Evidence::CheckIsOf(const std::string& ref, const std::string& sha256) const {
  const auto found = sha256_.find(ref);
  if (found == sha256_.end() || found->second.empty() || found->second == sha256) return absl::OkStatus();
  return base::InvalidField(kFlag, absl::StrCat(file_, " is of another artifact of ", ref, " than the server holds: ",
                                                found->second.substr(0, 12), ", not ", sha256.substr(0, 12)));
}

const Evidence::Interval* Evidence::Find(const Condition& condition, const std::string& candidate,
                                         const std::string& incumbent) const {
  if (condition.kind == Condition::Kind::kWithin) {
    const auto found = own_.find({candidate, condition.metric});
    return found == own_.end() ? nullptr : &found->second;
  }
  const auto found = compared_.find({{candidate, incumbent}, condition.metric});
  return found == compared_.end() ? nullptr : &found->second;
}

absl::StatusOr<std::vector<PromotionLine::Condition>> Judge(const std::vector<Condition>& conditions,
                                                            const std::vector<Evidence>& evidence,
                                                            const std::string& candidate,
                                                            const std::string& incumbent) {
  std::vector<PromotionLine::Condition> judged;
  for (const Condition& condition : conditions) {
    const size_t before = judged.size();
    for (const Evidence& piece : evidence) {
      const Evidence::Interval* const interval = piece.Find(condition, candidate, incumbent);
      if (interval == nullptr) continue;
      PromotionLine::Condition& line = judged.emplace_back();
      line.set_condition(condition.text);
      line.set_evidence(piece.file());
      line.set_holds(condition.Holds(*interval));
      if (!interval->has_value()) continue;
      line.mutable_ci95()->add_values()->set_number_value((*interval)->first);
      line.mutable_ci95()->add_values()->set_number_value((*interval)->second);
    }
    if (judged.size() > before) continue;
    const bool own = condition.kind == Condition::Kind::kWithin;
    return base::InvalidField(kFlag, absl::StrCat("says nothing of ", condition.metric, own ? " of " : " for ",
                                                  candidate, own ? "" : absl::StrCat(" against ", incumbent),
                                                  ", which --if '", condition.text, "' asks about"));
  }
  return judged;
}

}  // namespace vickrey::tools
