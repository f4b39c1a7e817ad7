#include "vickrey/base/finite.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/status.h"
#include "vickrey/v1/lines.pb.h"

namespace vickrey::base {
namespace {

TEST(ShortestDecimal, ReadsBackAsTheSameNumber) {
  EXPECT_EQ(ShortestDecimal(1.0000000001), "1.0000000001");
  EXPECT_EQ(ShortestDecimal(0.1), "0.1");
  EXPECT_EQ(ShortestDecimal(1e9), "1e+09");
  EXPECT_EQ(ShortestDecimal(std::numeric_limits<double>::infinity()), "inf");
}

TEST(CheckFiniteResult, NamesTheNumber) {
  vickrey::v1::LossLine line;
  line.add_gradient(1);
  line.add_gradient(-std::numeric_limits<double>::infinity());
  const absl::Status status = CheckFiniteResult(line);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(status), "gradient[1]");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("comes out as -inf"));
  line.set_gradient(1, 2);
  EXPECT_TRUE(CheckFiniteResult(line).ok());

  vickrey::v1::LossSummaryLine summary;
  summary.mutable_summary()->set_train_value(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(FieldOf(CheckFiniteResult(summary)), "summary.train_value");
}

}  // namespace
}  // namespace vickrey::base
