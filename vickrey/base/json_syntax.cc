#include "vickrey/base/json_syntax.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace vickrey::base {
namespace {

using Json = nlohmann::json;

// Builds the value as nlohmann's own parser does, and looks at depth and keys on the way. Not with that parser's
// callback, with which it looks at all of a map's members again behind each of them.
class Builder {
 public:
  explicit Builder(size_t max_depth) : max_depth_(max_depth), dom_(json_, /*allow_exceptions=*/false) {}

  bool null() { return dom_.null(); }
  bool boolean(bool value) { return dom_.boolean(value); }
  bool number_integer(Json::number_integer_t value) { return dom_.number_integer(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return dom_.number_unsigned(value); }
  bool number_float(Json::number_float_t value, const std::string& text) { return dom_.number_float(value, text); }
  bool string(std::string& value) { return dom_.string(value); }
  bool binary(Json::binary_t& value) { return dom_.binary(value); }
  bool start_object(size_t size) {
    keys_.emplace_back();
    return Open() && dom_.start_object(size);
  }
  bool key(std::string& key) {
    if (!keys_.back().insert(key).second) return Stop(absl::StrCat("the key '", key, "' is given twice"));
    return dom_.key(key);
  }
  bool end_object() {
    keys_.pop_back();
    --depth_;
    return dom_.end_object();
  }
  bool start_array(size_t size) { return Open() && dom_.start_array(size); }
  bool end_array() {
    --depth_;
    return dom_.end_array();
  }
  bool parse_error(size_t, const std::string&, const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
    const std::string what = error.what();
    // Whoever reads lines says which one it is.
    std::string said = what.substr(what.find("] ") + 2);
    absl::StrReplaceAll({{"at line 1, column", "at column"}}, &said);
    return Stop(absl::StrCat("not JSON: ", said));
  }

  const std::string& fault() const { return fault_; }
  Json Take() { return std::move(json_); }

 private:
  bool Open() { return depth_++ < max_depth_ || Stop(absl::StrCat("nested deeper than ", max_depth_, " levels")); }
  bool Stop(std::string fault) {
    fault_ = std::move(fault);
    return false;
  }

  const size_t max_depth_;
  size_t depth_ = 0;
  std::vector<std::set<std::string>> keys_;  // of the maps that are open
  std::string fault_;
  Json json_;
  nlohmann::detail::json_sax_dom_parser<Json> dom_;
};

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text, size_t max_depth) {
  // The parser would take it for the end, and not look at what follows.
  if (text.find('\0') != std::string_view::npos) return absl::InvalidArgumentError("not JSON: it holds a zero byte");
  Builder builder(max_depth);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) return absl::InvalidArgumentError(builder.fault());
  return builder.Take();
}

}  // namespace vickrey::base
