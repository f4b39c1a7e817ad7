#include "vickrey/base/sealed_json.h"

#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "vickrey/base/files.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::base {
namespace {

TEST(SealedJson, AnyChangeIsSeen) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / absl::StrCat("sealed-", getpid());
  vickrey::v1::Auction auction, read;
  auction.set_auction_id("a");
  auction.set_event_time(int64_t{1} << 60);
  ASSERT_TRUE(WriteSealed(file, auction).ok());
  ASSERT_TRUE(ReadSealed(file, &read).ok());
  EXPECT_EQ(read.SerializeAsString(), auction.SerializeAsString());
  const std::string bytes = *ReadFile(file);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] ^= 1;
    ASSERT_TRUE(WriteFileAtomically(file, changed).ok());
    EXPECT_TRUE(absl::IsDataLoss(ReadSealed(file, &read))) << "byte " << i;
    ASSERT_TRUE(WriteFileAtomically(file, bytes.substr(0, i)).ok());
    EXPECT_TRUE(absl::IsDataLoss(ReadSealed(file, &read))) << i << " bytes";
  }
  ASSERT_TRUE(WriteFileAtomically(file, absl::StrCat(bytes, " ")).ok());
  EXPECT_TRUE(absl::IsDataLoss(ReadSealed(file, &read)));
  std::filesystem::remove(file);
  EXPECT_TRUE(absl::IsNotFound(ReadSealed(file, &read)));
  EXPECT_TRUE(absl::IsDataLoss(ReadSealed(file.parent_path(), &read)));
}

}  // namespace
}  // namespace vickrey::base
