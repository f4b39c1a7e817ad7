#include "vickrey/model/tensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "vickrey/base/json_syntax.h"
#include "vickrey/base/status.h"

namespace vickrey::model {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr size_t kLengthBytes = 8;
constexpr size_t kAlignment = 8;
constexpr size_t kPieceBytes = size_t{1} << 20;  // stays in the cache between what is done to it
constexpr int64_t kMaxValues = int64_t{1} << 40;
constexpr size_t kMaxTypeLength = 16;  // of the names of types: F64, F8_E4M3

absl::Status Damaged(const std::string& what) {
  return absl::DataLossError(absl::StrCat("not a sound safetensors file: ", what));
}

// One entry of the header, with its place among the values.
struct Entry {
  std::string name;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes behind the header
};

absl::Status CheckType(const std::string& name, const json& type) {
  if (type == "F32") return absl::OkStatus();
  std::string found;
  if (type.is_string()) {
    const auto& text = type.get_ref<const std::string&>();
    const bool is_name =
        !text.empty() && text.size() <= kMaxTypeLength && std::all_of(text.begin(), text.end(), [](char c) {
          return absl::ascii_isupper(static_cast<unsigned char>(c)) ||
                 absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_';
        });
    if (is_name) found = absl::StrCat(", but of ", text);
  }
  return Damaged(absl::StrCat("'", name, "' is not of dtype F32, the only one that is read", found));
}

absl::StatusOr<Entry> ParseEntry(const std::string& name, const json& value) {
  const auto fault = [&](std::string_view what) { return Damaged(absl::StrCat("'", name, "' ", std::string(what))); };
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets")) {
    return fault("needs dtype, shape and data_offsets, and nothing else");
  }
  RETURN_IF_ERROR(CheckType(name, value["dtype"]));
  Entry entry{.name = name};
  if (!value["shape"].is_array()) return fault("has a shape that is not a list");
  int64_t count = 1;
  for (const json& size : value["shape"]) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > static_cast<uint64_t>(kMaxValues)) {
      return fault("has a shape that is not one");
    }
    entry.shape.push_back(size.get<int64_t>());
    if (entry.shape.back() > 0 && count > kMaxValues / entry.shape.back()) return fault("has too many values");
    count *= entry.shape.back();
  }
  const json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    return fault("has data_offsets that are not two whole numbers");
  }
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  if (entry.end < entry.begin || entry.end - entry.begin != static_cast<uint64_t>(count) * sizeof(float)) {
    return fault("has other bytes than its shape needs");
  }
  return entry;
}

absl::Status ParseMetadata(const json& value, std::map<std::string, std::string>* metadata) {
  if (!value.is_object()) return Damaged("__metadata__ is not a map");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) return Damaged("__metadata__ holds something else than texts");
    (*metadata)[key] = text.get<std::string>();
  }
  return absl::OkStatus();
}

absl::StatusOr<json> ParseHeader(std::string_view text) {
  // The format says how it begins, which also keeps out a byte order mark, which the parser skips.
  if (text.empty() || text[0] != '{') return Damaged("its header is not a JSON map");
  constexpr size_t kDepth = 3;  // the map of entries, an entry, its lists
  auto header = base::ParseJson(text, kDepth);
  if (!header.ok()) return Damaged(absl::StrCat("its header: ", std::string(header.status().message())));
  return header;
}

}  // namespace

int64_t CountOf(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

TensorViews ViewOf(const TensorFile& file) {
  TensorViews views{.metadata = file.metadata};
  for (const auto& [name, tensor] : file.tensors) views.tensors[name] = {tensor.shape, tensor.values};
  return views;
}

TensorFile CopyOf(const TensorViews& views) {
  TensorFile file{.metadata = views.metadata};
  for (const auto& [name, tensor] : views.tensors) {
    file.tensors[name] = {tensor.shape, {tensor.values.begin(), tensor.values.end()}};
  }
  return file;
}

std::string TensorHeader(const std::map<std::string, std::vector<int64_t>>& shapes,
                         const std::map<std::string, std::string>& metadata) {
  json header = json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t offset = 0;
  for (const auto& [name, shape] : shapes) {
    const int64_t end = offset + CountOf(shape) * static_cast<int64_t>(sizeof(float));
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const uint64_t length = text.size();
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, kLengthBytes);
  return bytes + text;
}

absl::Status WriteTensors(const TensorViews& file, absl::FunctionRef<absl::Status(std::string_view bytes)> sink) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto& [name, tensor] : file.tensors) shapes[name] = tensor.shape;
  RETURN_IF_ERROR(sink(TensorHeader(shapes, file.metadata)));
  for (const auto& [name, tensor] : file.tensors) {
    std::string_view rest(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size_bytes());
    for (; !rest.empty(); rest.remove_prefix(std::min(rest.size(), kPieceBytes))) {
      RETURN_IF_ERROR(sink(rest.substr(0, kPieceBytes)));
    }
  }
  return absl::OkStatus();
}

std::string SerializeTensors(const TensorFile& file) {
  std::string bytes;
  (void)WriteTensors(ViewOf(file), [&](std::string_view piece) {
    bytes += piece;
    return absl::OkStatus();
  });
  return bytes;
}

absl::StatusOr<TensorViews> ParseTensors(std::string_view bytes, size_t max_header_bytes) {
  uint64_t length = 0;
  if (bytes.size() < kLengthBytes) return Damaged("it is cut in its first eight bytes");
  std::memcpy(&length, bytes.data(), kLengthBytes);
  bytes.remove_prefix(kLengthBytes);
  if (length > max_header_bytes || length > bytes.size()) return Damaged("its header is cut or too long");
  const std::string_view text = bytes.substr(0, length);
  const std::string_view values = bytes.substr(length);
  if (reinterpret_cast<uintptr_t>(values.data()) % alignof(float) != 0) return Damaged("its values are not aligned");
  ASSIGN_OR_RETURN(const json header, ParseHeader(text));
  TensorViews file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      RETURN_IF_ERROR(ParseMetadata(value, &file.metadata));
      continue;
    }
    ASSIGN_OR_RETURN(Entry entry, ParseEntry(name, value));
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) return Damaged(absl::StrCat("'", entry.name, "' does not begin where the one before ends"));
    if (entry.end > values.size()) return Damaged(absl::StrCat("'", entry.name, "' is cut"));
    const auto* first = reinterpret_cast<const float*>(values.data() + entry.begin);
    file.tensors[entry.name] = {.shape = entry.shape, .values = {first, (entry.end - entry.begin) / sizeof(float)}};
    at = entry.end;
  }
  if (at != values.size()) return Damaged("there are bytes behind the last tensor");
  return file;
}

}  // namespace vickrey::model
