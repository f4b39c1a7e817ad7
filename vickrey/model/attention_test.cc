#include "vickrey/model/attention.h"

#include <hwy/aligned_allocator.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "vickrey/base/instruction_sets_testing.h"
#include "vickrey/base/random.h"

namespace vickrey::model {
namespace {

class AttentionTest : public testing::Test {
 protected:
  // A layer of random weights and fields.
  void Make(int64_t heads, int64_t width, int64_t inputs, int64_t fields) {
    heads_ = heads, width_ = width, inputs_ = inputs, fields_ = fields;
    base::RandomStream random(1, base::StreamId("test"), heads + width + inputs + fields);
    const auto fill = [&](std::vector<float>* values, int64_t count) {
      values->resize(count);
      for (float& value : *values) value = static_cast<float>(.5 * random.Normal());
    };
    for (const char* part : {"query", "key", "value", "residual"}) {
      Tensor& tensor = file_.tensors[absl::StrCat("layer.", part)];
      tensor.shape = {heads * width, inputs};
      fill(&tensor.values, heads * width * inputs);
    }
    fill(&x_, fields * inputs);
  }

  // The first `shared` fields apart from the others.
  std::vector<float> Attend(int64_t shared) const {
    const AttentionLayer layer("layer", heads_, ViewOf(file_));
    EXPECT_EQ(layer.outputs(), heads_ * width_);
    std::vector<float> projections(fields_ * layer.projected()), y(fields_ * layer.outputs());
    layer.Project(x_.data(), shared, projections.data());
    const float* const rest = projections.data() + shared * layer.projected();
    layer.Project(x_.data() + shared * inputs_, fields_ - shared, projections.data() + shared * layer.projected());
    const auto scratch = hwy::AllocateAligned<float>(static_cast<size_t>(layer.ScratchFor(fields_)));
    std::fill_n(scratch.get(), layer.ScratchFor(fields_), std::nanf(""));  // whatever it held
    layer.Attend({projections.data(), shared}, {rest, fields_ - shared}, scratch.get(), y.data());
    return y;
  }

  // The formula, in double.
  double Product(const std::string& part, int64_t row, int64_t field) const {
    const std::vector<float>& weight = file_.tensors.at("layer." + part).values;
    double sum = 0;
    for (int64_t j = 0; j < inputs_; ++j) sum += double{weight[row * inputs_ + j]} * x_[field * inputs_ + j];
    return sum;
  }
  double Expected(int64_t field, int64_t output) const {
    const int64_t head = output / width_;
    double sum = 0, mixed = 0;
    for (int64_t n = 0; n < fields_; ++n) {
      double score = 0;
      for (int64_t j = head * width_; j < (head + 1) * width_; ++j) {
        score += Product("query", j, field) * Product("key", j, n);
      }
      sum += std::exp(score);
      mixed += std::exp(score) * Product("value", output, n);
    }
    return std::max(0., mixed / sum + Product("residual", output, field));
  }

  int64_t heads_ = 0, width_ = 0, inputs_ = 0, fields_ = 0;
  TensorFile file_;
  std::vector<float> x_;
};

TEST_F(AttentionTest, AgreesWithTheFormula) {
  struct Case {
    int64_t heads, width, inputs, fields;
  };
  for (const auto& [heads, width, inputs, fields] :
       {Case{1, 1, 1, 1}, {1, 16, 4, 16}, {2, 3, 5, 7}, {3, 17, 2, 33}, {2, 4, 3, 64}, {1, 2, 3, 65}, {2, 2, 2, 150}}) {
    Make(heads, width, inputs, fields);
    base::ForEachInstructionSet([&, fields = fields] {
      const std::vector<float> y = Attend(0);
      for (int64_t m = 0; m < fields; m += 1 + fields / 8) {
        for (int64_t j = 0; j < heads_ * width_; ++j) {
          const double expected = Expected(m, j);
          ASSERT_NEAR(y[m * heads_ * width_ + j], expected, 1e-5 * (1 + expected)) << fields << " fields, " << m;
        }
      }
    });
  }
}

TEST_F(AttentionTest, BitsDoNotDependOnWhichFieldsAreShared) {
  Make(2, 5, 3, 70);
  base::ForEachInstructionSet([&] {
    const std::vector<float> together = Attend(0);
    for (const int64_t shared : {1, 16, 33, 69, 70}) {
      const std::vector<float> y = Attend(shared);
      for (size_t i = 0; i < y.size(); ++i) {
        ASSERT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(together[i])) << shared << ", " << i;
      }
    }
  });
}

}  // namespace
}  // namespace vickrey::model
