// The wire format of protobuf (https://protobuf.dev/programming-guides/encoding/), read in place: no message is made.
#ifndef VICKREY_LOG_WIRE_READER_H_
#define VICKREY_LOG_WIRE_READER_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace vickrey::log {

// The fields of one message, in the order in which they lie. Not thread-safe; the bytes must outlive it.
//
//   WireReader reader(bytes);
//   while (reader.Next()) switch (reader.field()) ...
//   if (!reader.ok()) ...      // it ended within a field
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}

  // Goes to the next field and reads its value; false at the end, and where the bytes are not a message.
  bool Next() {
    if (at_ == end_) return false;
    uint64_t tag = 0;
    if (!Varint(&tag)) return Fail();
    field_ = static_cast<uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0:
        kind_ = Kind::kVarint;
        return Varint(&number_) || Fail();
      case 1:
        kind_ = Kind::kFixed64;
        return Fixed(&number_) || Fail();
      case 2: {
        uint64_t size = 0;
        if (!Varint(&size) || size > static_cast<uint64_t>(end_ - at_)) return Fail();
        kind_ = Kind::kBytes;
        bytes_ = {at_, static_cast<size_t>(size)};
        at_ += size;
        return true;
      }
      case 5: {
        kind_ = Kind::kFixed32;
        uint32_t number = 0;
        if (!Fixed(&number)) return Fail();
        number_ = number;
        return true;
      }
      default:
        return Fail();
    }
  }
  bool ok() const { return ok_; }

  // Of the current field. A field whose kind is not that of its type counts as unknown to protobuf: whoever wants its
  // value asks for the kind. `number`: of a varint; `real`: of a fixed number of 64 bits; `bytes`: of a text, a
  // message, a packed list.
  uint32_t field() const { return field_; }
  bool is_number() const { return kind_ == Kind::kVarint; }
  bool is_real() const { return kind_ == Kind::kFixed64; }
  bool is_bytes() const { return kind_ == Kind::kBytes; }
  uint64_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }
  double real() const { return std::bit_cast<double>(number_); }

  // One number of a packed list of varints, of which this reader was made; false at the end.
  bool NextPacked(uint64_t* number) { return at_ != end_ && (Varint(number) || Fail()); }

 private:
  enum class Kind { kVarint, kFixed64, kFixed32, kBytes };

  bool Fail() {
    ok_ = false;
    at_ = end_;
    return false;
  }
  bool Varint(uint64_t* number) {
    if (at_ < end_ && static_cast<uint8_t>(*at_) < 0x80) {
      *number = static_cast<uint8_t>(*at_++);
      return true;
    }
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at_ < end_; shift += 7) {
      const auto byte = static_cast<uint8_t>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        *number = value;
        return true;
      }
    }
    return false;
  }
  template <typename T>
  bool Fixed(T* number) {
    static_assert(std::endian::native == std::endian::little, "the wire is little-endian");
    if (static_cast<size_t>(end_ - at_) < sizeof(T)) return false;
    std::memcpy(number, at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
  Kind kind_ = Kind::kVarint;
  uint32_t field_ = 0;
  uint64_t number_ = 0;
  std::string_view bytes_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_WIRE_READER_H_
