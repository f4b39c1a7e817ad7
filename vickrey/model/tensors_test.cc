#include "vickrey/model/tensors.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vickrey::model {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A file written by hand: little-endian length, header, padded so that values are aligned, values.
std::string File(std::string header, const std::string& values) {
  while (header.size() % 4 != 0) header += ' ';
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(uint64_t{header.size()} >> (8 * i)));
  return bytes + header + values;
}

std::string Zeros(size_t bytes) { return std::string(bytes, '\0'); }

TensorFile Sample() {
  TensorFile file;
  file.tensors["weight"] = {.shape = {2, 2}, .values = {1, -2, 0.5, 3e38f}};
  file.tensors["layer.bias"] = {.shape = {3}, .values = {0, -0.f, 1e-45f}};
  file.metadata = {{"made_by", "a test"}};
  return file;
}

void ExpectSame(const TensorFile& got, const TensorFile& wanted) {
  EXPECT_EQ(got.metadata, wanted.metadata);
  ASSERT_EQ(got.tensors.size(), wanted.tensors.size());
  for (const auto& [name, tensor] : wanted.tensors) {
    ASSERT_TRUE(got.tensors.contains(name)) << name;
    EXPECT_EQ(got.tensors.at(name).shape, tensor.shape) << name;
    EXPECT_EQ(got.tensors.at(name).values, tensor.values) << name;
  }
}

TEST(SerializeTensors, BytesOfASmallFile) {
  TensorFile file;
  file.tensors["a"] = {.shape = {2}, .values = {1, -2}};
  // The header has 54 characters, so two spaces make it 56 = 0x38. By IEEE 754, 1 is 3f800000 and -2 is c0000000.
  EXPECT_EQ(SerializeTensors(file), std::string("\x38\0\0\0\0\0\0\0", 8) +
                                        R"({"a":{"data_offsets":[0,8],"dtype":"F32","shape":[2]}}  )" +
                                        std::string("\0\0\x80\x3f\0\0\0\xc0", 8));
}

TEST(SerializeTensors, HeadersArePaddedToEightBytes) {
  for (int extra = 0; extra < 16; ++extra) {
    TensorFile file = Sample();
    file.metadata["k"] = std::string(extra, 'x');
    const std::string bytes = SerializeTensors(file);
    EXPECT_EQ(static_cast<unsigned char>(bytes[0]) % 8, 0) << extra;
    ExpectSame(CopyOf(*ParseTensors(bytes)), file);
  }
}

TEST(WriteTensors, PiecesAreSmallAndMakeTheSameFile) {
  TensorFile file = Sample();
  auto& large = file.tensors["large"] = {.shape = {700'000}};
  for (int i = 0; i < 700'000; ++i) large.values.push_back(static_cast<float>(i));
  std::string bytes;
  size_t pieces = 0;
  const absl::Status written = WriteTensors(ViewOf(file), [&](std::string_view piece) {
    EXPECT_LE(piece.size(), 1u << 20);
    bytes += piece;
    ++pieces;
    return absl::OkStatus();
  });
  EXPECT_TRUE(written.ok()) << written;
  EXPECT_EQ(pieces, 1u + 1 + 3 + 1);  // the header, 2.8 MB in three, and the small ones
  const auto parsed = ParseTensors(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ExpectSame(CopyOf(*parsed), file);
  EXPECT_EQ(bytes, SerializeTensors(file));
}

TEST(WriteTensors, EndsWithTheFirstError) {
  for (size_t at = 0; at < 3; ++at) {
    size_t pieces = 0;
    const absl::Status written = WriteTensors(ViewOf(Sample()), [&](std::string_view) {
      return pieces++ == at ? absl::ResourceExhaustedError("full") : absl::OkStatus();
    });
    EXPECT_TRUE(absl::IsResourceExhausted(written)) << written;
    EXPECT_EQ(pieces, at + 1);
  }
}

TEST(Tensors, RoundTrip) {
  TensorFile file = Sample();
  file.tensors["scalar"] = {.shape = {}, .values = {7}};
  file.tensors["empty"] = {.shape = {0}, .values = {}};
  file.tensors["a.empty"] = {.shape = {3, 0, 5}, .values = {}};
  file.tensors[R"(quo"te\ and tab	)"] = {.shape = {1}, .values = {8}};
  file.tensors["Übergröße 広告"] = {.shape = {1, 1, 1}, .values = {9}};
  file.tensors[""] = {.shape = {1}, .values = {10}};
  file.metadata = {{"", ""}, {"é\"", "line\nend \\ 広告"}};
  const std::string bytes = SerializeTensors(file);
  const auto parsed = ParseTensors(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ExpectSame(CopyOf(*parsed), file);
  EXPECT_EQ(SerializeTensors(CopyOf(*parsed)), bytes);
}

TEST(Tensors, RoundTripOfNothing) {
  const auto parsed = ParseTensors(SerializeTensors({}));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->tensors, IsEmpty());
  EXPECT_THAT(parsed->metadata, IsEmpty());
}

TEST(ParseTensors, ReadsWhatOthersWrite) {
  // Other orders of keys and tensors, spaces, padding to four bytes: all within the format.
  const std::string header = R"({"b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}, "a": {"shape": [],
      "data_offsets": [0, 4], "dtype": "F32"}})";
  const std::string bytes = File(header, std::string("\0\0\x80\x3f\0\0\0\xc0", 8));
  const auto parsed = ParseTensors(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(Values(*parsed, "a"), std::vector<float>{1});
  EXPECT_EQ(Values(*parsed, "b"), std::vector<float>{-2});
}

TEST(ParseTensors, RefusesEveryTruncation) {
  const std::string bytes = SerializeTensors(Sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::Status status = ParseTensors(std::string_view(bytes).substr(0, size)).status();
    ASSERT_TRUE(absl::IsDataLoss(status)) << size << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("not a sound safetensors file: ")) << size;
  }
}

// Shapes and values, whatever the names.
std::vector<std::pair<std::vector<int64_t>, std::vector<float>>> Contents(const TensorFile& file) {
  std::vector<std::pair<std::vector<int64_t>, std::vector<float>>> contents;
  for (const auto& [name, tensor] : file.tensors) contents.emplace_back(tensor.shape, tensor.values);
  std::sort(contents.begin(), contents.end());
  return contents;
}

TEST(ParseTensors, AChangedByteIsRefusedOrChangesATextOrAValueOnly) {
  const TensorFile file = Sample();
  const std::string bytes = SerializeTensors(file);
  const size_t value_bytes = sizeof(float) * (4 + 3);
  int refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int change = 1; change < 256; ++change) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ change);
      const auto parsed = ParseTensors(changed);
      if (!parsed.ok()) {
        ++refused;
        ASSERT_TRUE(absl::IsDataLoss(parsed.status())) << i << " ^ " << change << ": " << parsed.status();
        ASSERT_LT(i, bytes.size() - value_bytes) << "a value was refused";
      } else if (i >= bytes.size() - value_bytes) {
        ASSERT_EQ(parsed->metadata, file.metadata);
        for (const auto& [name, tensor] : file.tensors) ASSERT_EQ(parsed->tensors.at(name).shape, tensor.shape);
      } else {
        ASSERT_EQ(Contents(CopyOf(*parsed)), Contents(file)) << i << " ^ " << change;
        ASSERT_EQ(parsed->metadata.size(), file.metadata.size()) << i << " ^ " << change;
      }
    }
  }
  // All of the length, and of the header at least what is punctuation.
  EXPECT_GT(refused, 255 * (8 + 50));
}

TEST(ParseTensors, Refusals) {
  const auto one = [](std::string_view entry) { return absl::StrCat(R"({"a":)", std::string(entry), "}"); };
  const auto shape = [&](std::string_view list, std::string_view end) {
    return one(absl::StrCat(R"({"dtype":"F32","shape":)", std::string(list), R"(,"data_offsets":[0,)", std::string(end),
                            "]}"));
  };
  const auto two = [](std::string_view first, std::string_view second) {
    return absl::StrCat(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)", std::string(first),
                        R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":)", std::string(second), "}}");
  };
  const struct {
    std::string bytes;
    const char* message;
  } cases[] = {
      {"", "first eight bytes"},
      {Zeros(7), "first eight bytes"},
      {Zeros(8), "not a JSON map"},
      {File(shape("[2]", "8"), Zeros(9)), "behind the last tensor"},
      {File("{}", Zeros(1)), "behind the last tensor"},
      {File(shape("[2]", "8"), Zeros(7)), "'a' is cut"},
      {File(two("[0,8]", "[8,16]"), Zeros(15)), "'b' is cut"},
      {File(two("[0,8]", "[12,20]"), Zeros(20)), "'b' does not begin where the one before ends"},
      {File(two("[4,12]", "[12,20]"), Zeros(20)), "'a' does not begin where the one before ends"},
      {File(two("[0,8]", "[4,12]"), Zeros(12)), "'b' does not begin where the one before ends"},
      {File(two("[0,8]", "[0,8]"), Zeros(8)), "does not begin where the one before ends"},
      {File(two("[0,8]", "[8,0]"), Zeros(8)), "'b' has other bytes than its shape needs"},
      {File(one(R"({"dtype":"F64","shape":[1],"data_offsets":[0,8]})"), Zeros(8)),
       "'a' is not of dtype F32, the only one that is read, but of F64"},
      {File(one(R"({"dtype":"F16","shape":[2],"data_offsets":[0,4]})"), Zeros(4)), "but of F16"},
      {File(one(R"({"dtype":"BF16","shape":[2],"data_offsets":[0,4]})"), Zeros(4)), "but of BF16"},
      {File(one(R"({"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]})"), Zeros(4)), "but of F8_E4M3"},
      {File(one(R"({"dtype":"I64","shape":[1],"data_offsets":[0,8]})"), Zeros(8)), "but of I64"},
      {File(one(R"({"dtype":"U32","shape":[1],"data_offsets":[0,4]})"), Zeros(4)), "but of U32"},
      {File(one(R"({"dtype":"BOOL","shape":[4],"data_offsets":[0,4]})"), Zeros(4)), "but of BOOL"},
      {File(one(R"({"dtype":"f32","shape":[1],"data_offsets":[0,4]})"), Zeros(4)), "'a' is not of dtype F32"},
      {File(one(R"({"dtype":"","shape":[1],"data_offsets":[0,4]})"), Zeros(4)), "'a' is not of dtype F32"},
      {File(one(R"({"dtype":32,"shape":[2],"data_offsets":[0,8]})"), Zeros(8)), "'a' is not of dtype F32"},
      {File(shape("[-1]", "4"), Zeros(4)), "'a' has a shape that is not one"},
      {File(shape("[-1,-2]", "8"), Zeros(8)), "'a' has a shape that is not one"},
      {File(shape("[2.0]", "8"), Zeros(8)), "'a' has a shape that is not one"},
      {File(shape("[\"2\"]", "8"), Zeros(8)), "'a' has a shape that is not one"},
      {File(shape("[null]", "8"), Zeros(8)), "'a' has a shape that is not one"},
      {File(shape("2", "8"), Zeros(8)), "'a' has a shape that is not a list"},
      {File(shape("[3]", "8"), Zeros(8)), "'a' has other bytes than its shape needs"},
      {File(shape("[2]", "7"), Zeros(7)), "'a' has other bytes than its shape needs"},
      // Products and byte counts that come back to small numbers where 64 bits overflow.
      {File(shape("[4294967296,4294967296]", "0"), ""), "'a' has too many values"},
      {File(shape("[4611686018427387904,4]", "0"), ""), "'a' has a shape that is not one"},
      {File(shape("[4611686018427387906]", "8"), Zeros(8)), "'a' has a shape that is not one"},
      {File(shape("[18446744073709551615]", "8"), Zeros(8)), "'a' has a shape that is not one"},
      {File(shape("[18446744073709551616]", "8"), Zeros(8)), "'a' has a shape that is not one"},
      {File(shape("[2]", "8,9"), Zeros(8)), "'a' has data_offsets"},
      {File(shape("[2]", "8.0"), Zeros(8)), "'a' has data_offsets"},
      {File(shape("[2]", "-8"), Zeros(8)), "'a' has data_offsets"},
      {File(one(R"({"dtype":"F32","shape":[2],"data_offsets":8})"), Zeros(8)), "'a' has data_offsets"},
      {File(one(R"({"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,0]})"), Zeros(8)),
       "'a' has other bytes than its shape needs"},
      {File(one(R"({"dtype":"F32","shape":[2],"data_offsets":[18446744073709551600,18446744073709551608]})"), Zeros(8)),
       "'a' does not begin"},
      {File(one(R"({"dtype":"F32","shape":[2]})"), Zeros(8)), "'a' needs dtype, shape and data_offsets"},
      {File(one(R"({"dtype":"F32","data_offsets":[0,8]})"), Zeros(8)), "'a' needs dtype, shape and data_offsets"},
      {File(one(R"({"shape":[2],"data_offsets":[0,8]})"), Zeros(8)), "'a' needs dtype, shape and data_offsets"},
      {File(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1})"), Zeros(8)), "and nothing else"},
      {File(one(R"({"dtype":"F32","shape":[2],"data_offset":[0,8]})"), Zeros(8)), "and nothing else"},
      {File(one("[]"), ""), "'a' needs dtype"},
      {File(one("null"), ""), "'a' needs dtype"},
      {File("[]", ""), "not a JSON map"},
      {File("\"{}\"", ""), "not a JSON map"},
      {File("", ""), "not a JSON map"},
      {File("{}{}", ""), "its header: not JSON: "},
      {File("{\"a\xff\":1}", ""), "its header: not JSON: "},
      {File("nonsense", ""), "not a JSON map"},
      {File(" {}", ""), "not a JSON map"},
      {File(std::string("{}\0\0", 4), ""), "its header: not JSON: "},
      {File(std::string("{}\0]", 4), ""), "its header: not JSON: "},
      {File("\xef\xbb\xbf{}", ""), "not a JSON map"},
      {File(
           R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})",
           ""),
       "is given twice"},
      {File(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\u0061":{}})", ""), "is given twice"},
      {File(one(R"({"dtype":"F64","dtype":"F32","shape":[2],"data_offsets":[0,8]})"), Zeros(8)), "is given twice"},
      {File(one(R"({"dtype":"F32","shape":[9],"shape":[2],"data_offsets":[0,8]})"), Zeros(8)), "is given twice"},
      {File(R"({"__metadata__":{"k":"1","k":"2"}})", ""), "is given twice"},
      {File(R"({"__metadata__":{},"__metadata__":{}})", ""), "is given twice"},
      {File(R"({"__metadata__":[]})", ""), "__metadata__ is not a map"},
      {File(R"({"__metadata__":{"k":1}})", ""), "__metadata__ holds something else"},
      {File(R"({"__metadata__":{"k":null}})", ""), "__metadata__ holds something else"},
  };
  for (const auto& c : cases) {
    const absl::Status status = ParseTensors(c.bytes).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << c.message << ": " << status << " of " << c.bytes.substr(0, 200);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message)) << c.bytes.substr(0, 200);
  }
}

TEST(ParseTensors, TheSameKeyInTwoEntriesIsGood) {
  const auto parsed = ParseTensors(File(
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"shape":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},
      "__metadata__":{"a":"a","shape":"shape"}})",
      Zeros(4)));
  EXPECT_TRUE(parsed.ok()) << parsed.status();
}

TEST(ParseTensors, ValuesThatAreNotAlignedAreRefusedBeforeTheyAreRead) {
  const std::string sound = SerializeTensors(Sample());
  for (size_t shift = 0; shift < 8; ++shift) {
    // The same file, elsewhere in memory.
    std::vector<uint64_t> memory(sound.size() / 8 + 2);
    char* const place = reinterpret_cast<char*>(memory.data()) + shift;
    sound.copy(place, sound.size());
    const auto moved = ParseTensors({place, sound.size()});
    // A header that is longer by as many blanks.
    std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )" + std::string(shift, ' ');
    std::string bytes(1, static_cast<char>(header.size()));
    bytes += Zeros(7) + header + Zeros(8);
    const auto longer = ParseTensors(bytes);
    for (const absl::Status& status : {moved.status(), longer.status()}) {
      EXPECT_EQ(status.ok(), shift % 4 == 0) << shift;
      if (!status.ok()) {
        EXPECT_TRUE(absl::IsDataLoss(status)) << status;
        EXPECT_THAT(std::string(status.message()), HasSubstr("its values are not aligned"));
      }
    }
  }
}

TEST(ParseTensors, RefusesAHeaderLengthThatTheFileDoesNotHave) {
  const std::string sound = SerializeTensors(Sample());
  for (const uint64_t length : {uint64_t{sound.size()} - 7, uint64_t{100'000'001}, uint64_t{1} << 31, uint64_t{1} << 32,
                                uint64_t{1} << 63, (uint64_t{1} << 63) - 1, ~uint64_t{0}, ~uint64_t{0} - 7}) {
    std::string bytes = sound;
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i));
    const absl::Status status = ParseTensors(bytes).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << length << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("its header is cut")) << length;
  }
}

TEST(ParseTensors, AHeaderAbove100MegabytesIsNotParsed) {
  std::string header = "{}";
  header.resize(100'000'004, ' ');
  EXPECT_THAT(std::string(ParseTensors(File(header, "")).status().message()),
              HasSubstr("its header is cut or too long"));
}

TEST(ParseTensors, DeepNestingIsRefused) {
  constexpr int kLevels = 100'000;
  const std::string lists = std::string(kLevels, '[') + std::string(kLevels, ']');
  std::string maps;
  for (int i = 0; i < kLevels; ++i) maps += "{\"a\":";
  absl::StrAppend(&maps, 1, std::string(kLevels, '}'));
  for (const std::string& deep : {lists, maps}) {
    for (const std::string& header :
         {deep, absl::StrCat(R"({"a":)", deep, "}"), absl::StrCat(R"({"__metadata__":{"k":)", deep, "}}"),
          absl::StrCat(R"({"a":{"dtype":)", deep, R"(,"shape":[],"data_offsets":[0,4]}})"),
          absl::StrCat(R"({"a":{"dtype":"F32","shape":)", deep, R"(,"data_offsets":[0,4]}})"),
          absl::StrCat(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,)", deep, "]}}"),
          std::string(kLevels, '[')}) {
      EXPECT_TRUE(absl::IsDataLoss(ParseTensors(File(header, Zeros(4))).status()));
    }
  }
}

TEST(CountOf, IsTheProduct) {
  EXPECT_EQ(CountOf({}), 1);
  EXPECT_EQ(CountOf({3, 4, 5}), 60);
  EXPECT_EQ(CountOf({7, 0}), 0);
}

}  // namespace
}  // namespace vickrey::model
