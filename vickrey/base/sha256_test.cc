#include "vickrey/base/sha256.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

// FIPS 180-4's examples.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kMillionA[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), kAbc);
}

TEST(Sha256, PartsAreTheWholeAndDigestStartsOver) {
  Sha256 sha;
  for (int i = 0; i < 1000; ++i) sha.Update(std::string(1000, 'a'));
  EXPECT_EQ(absl::BytesToHexString(sha.Digest()), kMillionA);
  sha.Update("abc");
  EXPECT_EQ(absl::BytesToHexString(sha.Digest()), kAbc);
}

TEST(Sha256, OfAFile) {
  const std::string file = testing::TempDir() + "/sha256_test-" + std::to_string(getpid());
  std::ofstream(file) << std::string(1'000'000, 'a');
  EXPECT_EQ(Sha256HexOfFile(file).value(), kMillionA);
  EXPECT_TRUE(absl::IsNotFound(Sha256HexOfFile(file + ".missing").status()));
  EXPECT_TRUE(absl::IsUnavailable(Sha256HexOfFile(testing::TempDir()).status()));
  std::remove(file.c_str());
}

}  // namespace
}  // namespace vickrey::base
