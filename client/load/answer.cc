#include "client/load/answer.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>

namespace vickrey::client {
namespace {

using google::protobuf::internal::WireFormatLite;

// The contents of field `number` where it has a length. Empty: not there.
std::string_view Field(std::string_view bytes, int number) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagFieldNumber(tag) != number ||
        WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return {};
      continue;
    }
    uint32_t size = 0;
    if (!in.ReadVarint32(&size)) return {};
    const auto begin = static_cast<size_t>(in.CurrentPosition());
    return size <= bytes.size() - begin ? bytes.substr(begin, size) : std::string_view();
  }
  return {};
}

}  // namespace

std::string_view TextIn(std::string_view bytes, std::span<const int> path) {
  for (const int number : path) bytes = Field(bytes, number);
  return bytes;
}

}  // namespace vickrey::client
