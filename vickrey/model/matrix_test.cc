#include "vickrey/model/matrix.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vickrey/base/instruction_sets_testing.h"
#include "vickrey/base/random.h"

namespace vickrey::model {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

std::vector<float> RandomValues(int64_t count, uint64_t index) {
  base::RandomStream random(1, base::StreamId("test"), index);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

// Rows of x times `matrix`, which all start from `start`.
std::vector<float> Product(const PackedMatrix& matrix, const std::vector<float>& x, int64_t rows,
                           const std::vector<float>& start, bool relu = false) {
  std::vector<float> y(rows * matrix.padded(), std::numeric_limits<float>::quiet_NaN());
  const std::vector<const float*> starts(rows, start.data());
  matrix.Multiply(x.data(), matrix.inputs(), rows, {.start = starts.data(), .relu = relu}, y.data(), matrix.padded());
  return y;
}

TEST(PackedMatrix, AgreesWithTheFormula) {
  base::ForEachInstructionSet([] {
    for (const int64_t outputs : {1, 3, 16, 17, 40, 160, 400}) {
      for (const int64_t inputs : {0, 1, 2, 7, 64, 101}) {
        const std::vector<float> w = RandomValues(outputs * inputs, 1);
        const PackedMatrix matrix({{outputs, inputs}, w});
        const std::vector<float> start = PaddedVector(RandomValues(outputs, 2));
        for (int64_t rows = 0; rows < 30; ++rows) {
          const std::vector<float> x = RandomValues(rows * inputs, 3);
          const std::vector<float> y = Product(matrix, x, rows, start);
          for (int64_t i = 0; i < rows; ++i) {
            for (int64_t h = 0; h < matrix.padded(); ++h) {
              double sum = start[h];
              for (int64_t j = 0; h < outputs && j < inputs; ++j) sum += double{x[i * inputs + j]} * w[h * inputs + j];
              ASSERT_NEAR(y[i * matrix.padded() + h], sum, 1e-4) << outputs << " x " << inputs << ", row " << i;
            }
          }
        }
      }
    }
  });
}

TEST(PackedMatrix, EqualRowsGiveEqualBits) {
  base::ForEachInstructionSet([] {
    const int64_t inputs = 429, outputs = 100;
    const PackedMatrix matrix({{outputs, inputs}, RandomValues(outputs * inputs, 4)});
    const std::vector<float> row = RandomValues(inputs, 5), start = PaddedVector(RandomValues(outputs, 6));
    const std::vector<float> alone = Product(matrix, row, 1, start);
    for (int64_t rows = 2; rows < 40; ++rows) {
      std::vector<float> x;
      for (int64_t i = 0; i < rows; ++i) x.insert(x.end(), row.begin(), row.end());
      const std::vector<float> y = Product(matrix, x, rows, start);
      for (size_t k = 0; k < y.size(); ++k) {
        ASSERT_EQ(std::bit_cast<uint32_t>(y[k]), std::bit_cast<uint32_t>(alone[k % alone.size()])) << rows;
      }
    }
  });
}

TEST(PackedMatrix, ReluCutsWhatIsNegativeAndNothingElse) {
  base::ForEachInstructionSet([] {
    const PackedMatrix matrix({{4, 1}, std::vector<float>{1, -1, 0, 2}});
    const std::vector<float> start(16);
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> of_three = Product(matrix, {3}, 1, start, /*relu=*/true);
    EXPECT_THAT(std::vector<float>(of_three.begin(), of_three.begin() + 4), ElementsAre(3, 0, 0, 6));
    EXPECT_THAT(std::vector<float>(of_three.begin() + 4, of_three.end()), Each(0));
    const std::vector<float> of_infinity = Product(matrix, {infinity}, 1, start, /*relu=*/true);
    EXPECT_EQ(of_infinity[0], infinity);
    EXPECT_EQ(of_infinity[1], 0);
    EXPECT_TRUE(std::isnan(of_infinity[2]));  // 0 times infinity
  });
}

TEST(PackedMatrix, RowsMayBeApart) {
  const PackedMatrix matrix({{2, 2}, std::vector<float>{1, 2, 3, 4}});
  const std::vector<float> x = {1, 1, 99, 10, 100, 99}, zeros(16), ones(16, 1);
  const float* starts[] = {zeros.data(), ones.data()};
  std::vector<float> y(40, -1);
  matrix.Multiply(x.data(), /*x_stride=*/3, /*rows=*/2, {.start = starts}, y.data(), /*y_stride=*/20);
  EXPECT_EQ(y[0], 3);
  EXPECT_EQ(y[1], 7);
  EXPECT_EQ(y[20], 211);
  EXPECT_EQ(y[21], 431);
  EXPECT_EQ(y[16], -1);  // what lies between the rows stays
}

TEST(PackedMatrix, TheBiasComesLast) {
  base::ForEachInstructionSet([] {
    // Added first, it would be lost in the large numbers that cancel.
    const PackedMatrix matrix({{1, 2}, std::vector<float>{1, 1}});
    const std::vector<float> x = {1e9, -1e9}, bias = PaddedVector(std::vector<float>{0.25});
    std::vector<float> y(16);
    matrix.Multiply(x.data(), 2, 1, {.bias = bias.data()}, y.data(), 16);
    EXPECT_EQ(y[0], 0.25);
  });
}

TEST(Dot, AgreesWithTheFormula) {
  base::ForEachInstructionSet([] {
    for (int64_t count = 0; count < 100; ++count) {
      const std::vector<float> x = RandomValues(count, 7), w = RandomValues(count, 8);
      double sum = 0;
      for (int64_t j = 0; j < count; ++j) sum += double{x[j]} * w[j];
      EXPECT_NEAR(Dot(x, w), sum, 1e-5) << count;
    }
  });
}

TEST(PaddedVector, IsFollowedByZeros) {
  const std::vector<float> padded = PaddedVector(std::vector<float>{1, 2});
  EXPECT_EQ(padded.size(), 16u);
  EXPECT_EQ(padded[1], 2);
  EXPECT_EQ(padded[2], 0);
  EXPECT_TRUE(PaddedVector({}).empty());
}

}  // namespace
}  // namespace vickrey::model
