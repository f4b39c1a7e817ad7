#include "vickrey/model/softmax.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/base/instruction_sets_testing.h"
#include "vickrey/base/random.h"
#include "vickrey/model/matrix.h"

namespace vickrey::model {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kBehind = 1e30f;  // what lies behind the scores, larger than each

// Of rows of equally many scores, side by side with what lies behind them.
struct Rows {
  explicit Rows(const std::vector<std::vector<float>>& rows)
      : count(static_cast<int64_t>(rows[0].size())), stride(PackedMatrix::Padded(count)), inverse(rows.size()) {
    for (const std::vector<float>& row : rows) {
      scores.insert(scores.end(), row.begin(), row.end());
      scores.resize(scores.size() + stride - count, kBehind);
    }
    Softmax(static_cast<int64_t>(rows.size()), count, scores.data(), stride, inverse.data());
  }
  float share(int64_t row, int64_t k) const { return scores[row * stride + k] * inverse[row]; }

  const int64_t count, stride;
  std::vector<float> scores, inverse;
};

TEST(Softmax, AgreesWithTheFormula) {
  base::ForEachInstructionSet([] {
    base::RandomStream random(1, base::StreamId("test"), 0);
    for (const double scale : {1e-6, 1., 10., 1e4}) {
      for (int count = 1; count < 70; ++count) {
        std::vector<std::vector<float>> given(3, std::vector<float>(count));
        for (std::vector<float>& row : given) {
          for (float& score : row) score = static_cast<float>(scale * (random.Normal() - 3));
        }
        const Rows rows(given);
        for (size_t i = 0; i < given.size(); ++i) {
          double most = given[i][0], sum = 0;
          for (const float score : given[i]) most = std::max(most, double{score});
          for (const float score : given[i]) sum += std::exp(score - most);
          for (int k = 0; k < count; ++k) {
            const double expected = std::exp(given[i][k] - most) / sum;
            // The difference of two floats is rounded before its power is taken.
            const double tolerance = (1e-6 + 1e-7 * (most - given[i][k])) * expected + 1e-30;
            ASSERT_NEAR(rows.share(i, k), expected, tolerance) << count << " at " << k;
          }
        }
      }
    }
  });
}

// 1 : 2 : 5, near the largest numbers as well.
TEST(Softmax, IsTheSameForScoresThatAreAllGreaterByTheSame) {
  base::ForEachInstructionSet([] {
    for (const float more : {0.f, 100.f, -100.f, 1e5f}) {
      const float step = more == 1e5f ? .0078125f : 0;  // what a float near 1e5 can hold
      const Rows rows({{more, more + std::log(2.f) + step, more + std::log(5.f)}});
      EXPECT_NEAR(rows.share(0, 0), .125, step > 0 ? 2e-3 : 1e-5) << more;
      EXPECT_NEAR(rows.share(0, 2), .625, step > 0 ? 2e-3 : 1e-5) << more;
    }
  });
}

TEST(Softmax, WhatIsNotANumberIsNotHidden) {
  base::ForEachInstructionSet([] {
    for (const float score : {kNan, kInfinity}) {
      for (int place = 0; place < 35; ++place) {
        std::vector<float> row(35, 1);
        row[place] = score;
        const Rows rows({std::vector<float>(35, 2), row});
        EXPECT_FLOAT_EQ(rows.share(0, place), 1.f / 35);  // of the row before
        EXPECT_TRUE(std::isnan(rows.inverse[1])) << score << " at " << place;
      }
    }
    EXPECT_TRUE(std::isnan(Rows({{-kInfinity, -kInfinity}}).inverse[0]));
    const Rows rows({{-kInfinity, 3}});
    EXPECT_EQ(rows.share(0, 0), 0);
    EXPECT_EQ(rows.share(0, 1), 1);
  });
}

TEST(Softmax, BitsDoNotDependOnOtherRowsNorOnWhatLiesBehind) {
  base::ForEachInstructionSet([] {
    base::RandomStream random(2, base::StreamId("test"), 0);
    std::vector<float> row(21), other(21);
    for (float& score : row) score = static_cast<float>(random.Normal());
    for (float& score : other) score = static_cast<float>(50 * random.Normal());
    const Rows alone({row}), among({other, row, other});
    for (int k = 0; k < 21; ++k) {
      EXPECT_EQ(std::bit_cast<uint32_t>(alone.share(0, k)), std::bit_cast<uint32_t>(among.share(1, k)));
    }
  });
}

}  // namespace
}  // namespace vickrey::model
