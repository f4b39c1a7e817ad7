#include "client/connect.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/status.h"

namespace vickrey::client {
namespace {

using ::testing::HasSubstr;

TEST(CheckAddress, APortThatWouldLeadToAnotherIsRefused) {
  for (const char* address :
       {"localhost:65536", "127.0.0.1:99999", "[::1]:115587", "dns:///a.example:70000", "a:99999999999999999999"}) {
    const absl::Status status = CheckAddress(address);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << address;
    EXPECT_EQ(base::FieldOf(status), "address");
    EXPECT_THAT(status.message(), HasSubstr(address));
    EXPECT_EQ(Connect(address).status(), status);
  }
}

TEST(CheckAddress, WithoutAPortItIsNone) {
  for (const char* address : {"", "a.example", "127.0.0.1", "a:"}) {
    const absl::Status status = CheckAddress(address);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << address;
    EXPECT_THAT(status.message(), HasSubstr("is not HOST:PORT"));
  }
}

TEST(CheckAddress, WhatGrpcTakesAsItIs) {
  for (const char* address : {"localhost:65535", "127.0.0.1:0", "[::1]:50051", "dns:///a.example:443", "a:http", "::1",
                              "2001:db8::9999", "unix:/tmp/a:99999", "unix-abstract:a:99999"}) {
    EXPECT_TRUE(CheckAddress(address).ok()) << address;
  }
}

}  // namespace
}  // namespace vickrey::client
