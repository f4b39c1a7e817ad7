#include "vickrey/base/status.h"

#include <memory>

#include "gtest/gtest.h"

namespace vickrey::base {
namespace {

absl::StatusOr<int> Half(int n) {
  if (n % 2 != 0) return InvalidField("n", "5 is odd; an even number is needed");
  return n / 2;
}

absl::StatusOr<int> Quarter(int n) {
  ASSIGN_OR_RETURN(int half, Half(n));
  ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

absl::Status CheckEven(int n) {
  RETURN_IF_ERROR(Half(n));
  RETURN_IF_ERROR(absl::OkStatus());
  return absl::OkStatus();
}

TEST(StatusMacros, PassValuesOnAndLeaveAtTheFirstError) {
  EXPECT_EQ(Quarter(12).value(), 3);
  EXPECT_EQ(Quarter(6).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(CheckEven(2).ok());
  EXPECT_EQ(CheckEven(5).message(), "n: 5 is odd; an even number is needed");
}

TEST(StatusMacros, MoveTheValue) {
  auto get = []() -> absl::StatusOr<int> {
    ASSIGN_OR_RETURN(std::unique_ptr<int> owned, absl::StatusOr<std::unique_ptr<int>>(std::make_unique<int>(7)));
    return *owned;
  };
  EXPECT_EQ(get().value(), 7);
}

TEST(Status, AnnotateKeepsCodeAndField) {
  absl::Status status = Annotate(InvalidField("bid_micros", "0 is below 1"), "line 3");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "line 3: bid_micros: 0 is below 1");
  EXPECT_EQ(FieldOf(status), "bid_micros");
  EXPECT_TRUE(Annotate(absl::OkStatus(), "line 3").ok());
  EXPECT_FALSE(FieldOf(absl::InternalError("x")).has_value());
}

TEST(Status, ExitCodesTellTheCallerWhatToDo) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("a checksum is off")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("bad")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("no such file")), 2);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("no server")), 3);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("SIGTERM")), 4);
}

}  // namespace
}  // namespace vickrey::base
