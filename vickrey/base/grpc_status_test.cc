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

}  // namespace
}  // namespace vickrey::base
