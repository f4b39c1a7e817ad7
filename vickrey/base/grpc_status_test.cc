#include "vickrey/base/grpc_status.h"

#include <string>

#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

TEST(GrpcStatus, EveryCodeSurvivesThereAndBack) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), code == 0 ? "" : "why");
    const grpc::Status wire = ToGrpcStatus(status);
    EXPECT_EQ(wire.error_code(), code);
    EXPECT_EQ(wire.error_message(), status.message());
    EXPECT_EQ(FromGrpcStatus(wire), status);
  }
}

TEST(GrpcStatus, NamesAreKept) {
  EXPECT_EQ(ToGrpcStatus(absl::ResourceExhaustedError("full")).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(absl::IsAborted(FromGrpcStatus({grpc::StatusCode::ABORTED, "etag"})));
}

TEST(GrpcStatus, ALongMessageIsCutBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 5000; ++i) text += "\u00e9";
  const grpc::Status wire = ToGrpcStatus(absl::NotFoundError(text));
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(wire.error_message(), text.substr(0, 1999) + "...");
  const std::string fits(2000, 'a');
  EXPECT_EQ(ToGrpcStatus(absl::NotFoundError(fits)).error_message(), fits);
}

}  // namespace
}  // namespace vickrey::base
