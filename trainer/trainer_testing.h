// Small data and a small network for tests of the training loop and of what comes before and behind it.
#ifndef TRAINER_TRAINER_TESTING_H_
#define TRAINER_TRAINER_TESTING_H_

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "trainer/data/grouping.h"
#include "trainer/parallel/workers.h"
#include "vickrey/config/v1/train.pb.h"
#include "vickrey/features/schema.h"
#include "vickrey/torch/network.h"

namespace vickrey::trainer {

inline constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

// Auctions of two candidates each with one dense feature: x = 0 and x = 1. The first half is for training, the second
// for validation, or another part.
struct Sheet {
  explicit Sheet(int64_t count) {
    for (int64_t a = 0; a < count; ++a) {
      for (const bool clicked : {false, true}) {
        clicks.push_back(static_cast<float>(clicked));
        truths.push_back(clicked ? .9 : .1);
        bids.push_back(1'000'000);
        values.push_back(1'000'000);
      }
      parts.push_back(a < count / 2 ? Part::kTrain : Part::kValidation);
    }
  }

  std::vector<float> clicks;
  std::vector<double> truths;
  std::vector<int64_t> bids, values;
  std::vector<Part> parts;
};

// The dense field "x" of ads.
std::shared_ptr<const features::Schema> OneFeature();

// A folder that is empty.
std::filesystem::path Folder(const std::string& name);

Grouping MakeData(const Sheet& sheet, int folds = 1);

// A group of one process.
Workers& Alone();

vickrey::config::v1::ModelConfig Logistic();

std::unique_ptr<torch::Network> Start(const vickrey::config::v1::ModelConfig& model, double click_rate = .5,
                                      int outputs = 1);

std::vector<float> LogitsOfTrain(const Grouping& data, const torch::Network& network);

}  // namespace vickrey::trainer

#endif  // TRAINER_TRAINER_TESTING_H_
