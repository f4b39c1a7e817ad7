#include "vickrey/base/program.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/build_info.h"
#include "vickrey/base/json.h"
#include "vickrey/base/status.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::base {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Version, NamesTheProgramAndItsLibraries) {
  EXPECT_THAT(VersionText("vickrey-x"), StartsWith("vickrey-x " + GetBuildInfo().version + "\n"));
  EXPECT_THAT(VersionText("vickrey-x"), HasSubstr("\nLibTorch  "));
  EXPECT_THAT(VersionText("vickrey-x"), HasSubstr("\nRocksDB   7."));
}

TEST(Version, JsonSaysTheSame) {
  vickrey::v1::VersionLine line;
  ASSERT_TRUE(FromJson(VersionJson("vickrey-x"), &line).ok());
  EXPECT_EQ(line.program(), "vickrey-x");
  EXPECT_EQ(line.version(), GetBuildInfo().version);
  EXPECT_EQ(line.libtorch(), GetBuildInfo().libtorch);
  EXPECT_EQ(line.libraries().count("gRPC"), 1u);
}

TEST(Exit, WritesTheErrorLineAndGivesTheCode) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(Exit(AtLine(InvalidField("pctr", "2 is above 1"), 3)), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            R"({"error":{"code":"INVALID_ARGUMENT","message":"pctr: 2 is above 1","line":"3","field":"pctr"}})"
            "\n");
  testing::internal::CaptureStderr();
  EXPECT_EQ(Exit(absl::OkStatus()), 0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace vickrey::base
