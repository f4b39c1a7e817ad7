#include "vickrey/base/table.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "vickrey/base/json.h"
#include "vickrey/base/json_syntax.h"

namespace vickrey::base {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;
constexpr size_t kMaxDepth = 32;

std::string Shown(const nlohmann::json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_number_float()) return absl::StrCat(json.get<double>());
  if (json.is_null() || (json.is_array() && json.empty()) || (json.is_object() && json.empty())) return "-";
  if (!json.is_array()) return json.dump();
  return absl::StrJoin(json, ", ", [](std::string* out, const nlohmann::json& of) { out->append(Shown(of)); });
}

// A row for each value of an object, and of each object in a list; an interval, and a list of anything else, is one
// row.
void AddRows(const std::string& name, const nlohmann::json& json, Rows* rows) {
  const auto is_nested = [](const nlohmann::json& of) { return of.is_object() && !of.empty(); };
  if (is_nested(json) && json.size() == 2 && json.contains("low") && json.contains("high")) {
    rows->emplace_back(name, absl::StrCat(Shown(json["low"]), " to ", Shown(json["high"])));
  } else if (is_nested(json)) {
    for (const auto& [key, value] : json.items()) AddRows(absl::StrCat(name, ".", key), value, rows);
  } else if (json.is_array() && std::any_of(json.begin(), json.end(), is_nested)) {
    for (size_t i = 0; i < json.size(); ++i) AddRows(absl::StrCat(name, "[", i, "]"), json[i], rows);
  } else {
    rows->emplace_back(name, Shown(json));
  }
}

}  // namespace

std::string TableOf(const google::protobuf::Message& message) {
  Rows rows;
  for (const auto& [name, value] : JsonFields(message)) {
    const auto json = ParseJson(value, kMaxDepth);
    if (json.ok()) AddRows(name, *json, &rows);
  }
  size_t width = 0;
  for (const auto& [name, value] : rows) width = std::max(width, name.size());
  std::string table;
  for (const auto& [name, value] : rows) {
    absl::StrAppend(&table, name, std::string(width + 2 - name.size(), ' '), value, "\n");
  }
  return table;
}

}  // namespace vickrey::base
