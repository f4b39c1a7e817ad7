// Training by several processes comes to what one process comes to, whatever they tell each other. The groups are real
// processes on loopback: this program again, with what to do as its argument.
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/data/dataset.h"
#include "trainer/export.h"
#include "trainer/fit.h"
#include "trainer/parallel/group_testing.h"
#include "vickrey/base/config.h"
#include "vickrey/base/files.h"
#include "vickrey/base/json.h"
#include "vickrey/base/random.h"
#include "vickrey/model/networks_testing.h"
#include "vickrey/model/tensors.h"

namespace vickrey::trainer {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr int kAuctions = 80, kTrain = 64, kBatch = 16, kEpochs = 3, kSteps = kEpochs * kTrain / kBatch;
constexpr double kNear = 1e-5;  // what rounding may come to, of numbers about 1

std::filesystem::path Folder(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / absl::StrCat(name, "-", getpid());
  std::filesystem::remove_all(folder);
  return folder;
}

// Auctions of 1 to 5 candidates with all kinds of features.
void WriteData(const std::filesystem::path& folder) {
  const model::TestNetwork network(model::TestSpecs().front());
  base::RandomStream random(1, 2, 3);
  std::vector<int> sizes;
  for (int a = 0; a < kAuctions; ++a) sizes.push_back(1 + static_cast<int>(random.Below(5)));
  Chunk all;
  all.features = model::RandomBatch(network.layout, sizes, 4);
  for (int64_t i = 0; i < all.candidates(); ++i) {
    all.bids_micros.push_back(1'000'000 + i);
    all.values_micros.push_back(1'000'000 + i);
    all.truths.push_back(std::numeric_limits<double>::quiet_NaN());
    all.clicks.push_back(static_cast<float>(random.Below(2)));
  }
  std::vector<uint64_t> ids;
  std::vector<Part> parts;
  for (int a = 0; a < kAuctions; ++a) {
    ids.push_back(random.Bits());
    parts.push_back(a < kTrain ? Part::kTrain : Part::kValidation);
  }
  const auto writer = *DatasetWriter::Create(folder, network.schema, {});
  EXPECT_TRUE(writer->Append(all, ids, parts).ok());
  EXPECT_TRUE(writer->Publish().ok());
}

// What a process is to do. In words, for another process.
struct Task {
  std::string communication = "ddp";
  std::string dense = "adam", tables = "adam";
  double clip_norm = 0;  // 0: none
  double decay = 0;
  bool overflows = false;
  bool saves_steps = false;  // a checkpoint after every step
  std::filesystem::path run, data;

  std::string ToString() const {
    return absl::StrCat(communication, ",", dense, ",", tables, ",", clip_norm, ",", decay, ",", overflows ? 1 : 0, ",",
                        saves_steps ? 1 : 0, ",", run.string(), ",", data.string());
  }
  static Task Parse(const std::string& text) {
    const std::vector<std::string> words = absl::StrSplit(text, ',');
    return {.communication = words.at(0),
            .dense = words.at(1),
            .tables = words.at(2),
            .clip_norm = std::stod(words.at(3)),
            .decay = std::stod(words.at(4)),
            .overflows = words.at(5) == "1",
            .saves_steps = words.at(6) == "1",
            .run = words.at(7),
            .data = words.at(8)};
  }
};

absl::StatusOr<Fitted> Train(const Task& task, Workers* workers) {
  FitOptions options{.name = "test", .run = task.run, .key = "k"};
  options.loss.set_loss("logloss");
  options.optimizer.set_dense(task.dense);
  options.optimizer.set_tables(task.tables);
  if (task.dense == "sgd") options.optimizer.set_momentum(.9);
  if (task.clip_norm > 0) options.optimizer.set_clip_norm(task.clip_norm);
  options.optimizer.set_weight_decay(task.decay);
  options.optimizer.set_tables_weight_decay(task.decay);
  options.optimizer.set_batch_auctions(kBatch);
  options.optimizer.set_epochs(kEpochs);
  options.checkpoint.set_seconds(task.saves_steps ? 0 : 1e9);
  options.checkpoint.set_keep(1000);
  options.parallel.set_communication(task.communication);
  if (task.overflows) {
    options.optimizer.set_schedule("constant");
    options.optimizer.set_batch_auctions(1000);  // one step an epoch, behind which all look at the weights
    options.loss.set_base_rate(1e-6);            // gradients of a million
  }
  for (google::protobuf::Message* part : std::initializer_list<google::protobuf::Message*>{
           &options.loss, &options.optimizer, &options.evaluation, &options.checkpoint, &options.parallel}) {
    const absl::Status finished = base::FinishConfig("test", part);
    if (!finished.ok()) return finished;
  }
  if (task.overflows) options.optimizer.set_learning_rate(1e38);  // which no configuration may say
  auto grouping = Grouping::Make(*Dataset::Open(task.data), 1, /*seed=*/1);
  if (!grouping.ok()) return grouping.status();
  vickrey::config::v1::ModelConfig mlp;
  mlp.set_architecture("mlp");
  mlp.add_hidden(5);
  auto network = NewNetwork(mlp, *model::TestSchema(), /*click_rate=*/.5, /*seed=*/1, {});
  if (!network.ok()) return network.status();
  return Fit(grouping->Train(), grouping->Validation(), Labels::Clicks(), options, workers, network->get());
}

// The part of one process of a group: prints TrainSpeed, or the error.
int Work(const std::string& task) {
  at::set_num_threads(1);
  const auto workers = Workers::FromEnvironment({.timeout = absl::Seconds(30)});
  const auto fitted = workers.ok() ? Train(Task::Parse(task), workers->get()) : workers.status();
  std::printf("%s\n", fitted.ok() ? base::ToJson(fitted->speed).c_str() : fitted.status().ToString().c_str());
  return 0;
}

vickrey::v1::TrainSpeed SpeedOf(const std::string& output) {
  vickrey::v1::TrainSpeed speed;
  EXPECT_TRUE(base::FromJson(output, &speed).ok()) << output;
  return speed;
}

using Values = std::map<std::string, std::vector<float>>;

Values ReadTensors(const std::filesystem::path& file) {
  const auto bytes = base::ReadFile(file);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  Values all;
  if (!bytes.ok()) return all;
  const auto views = model::ParseTensors(*bytes);
  EXPECT_TRUE(views.ok()) << views.status();
  for (const auto& [name, view] : views->tensors) {
    // With the shape, so that tensors of another one are others.
    all[absl::StrCat(name, "/", view.shape.front())] = model::Values(*views, name);
  }
  return all;
}

// Parameters and the optimizer's state after the last step.
Values LastOf(const std::filesystem::path& run) {
  return ReadTensors(run / "checkpoints" / std::to_string(kSteps) / "tensors.safetensors");
}

double Distance(const Values& a, const Values& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0;
  for (const auto& [name, values] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second.size() != values.size()) {
      ADD_FAILURE() << "no " << name << " of this size in both";
      continue;
    }
    for (size_t i = 0; i < values.size(); ++i) {
      most = std::max(most, std::abs(double{values[i]} - double{other->second[i]}));
    }
  }
  return most;
}

class FitWorkersTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    at::set_num_threads(1);
    SetVariables({});
    WriteData(Data());
  }
  static std::filesystem::path Data() {
    static const auto* const folder = new std::filesystem::path(Folder("data"));
    return *folder;
  }

  // The run's folder, when `size` processes have done the task in it.
  std::filesystem::path Run(Task task, int size, const std::filesystem::path& run = {}) {
    static int runs = 0;
    task.data = Data();
    task.run = run.empty() ? Folder(absl::StrCat("run-", runs++)) : run;
    speeds_.clear();
    if (size == 1) {
      const auto workers = *Workers::FromEnvironment({});
      const auto fitted = Train(task, workers.get());
      EXPECT_TRUE(fitted.ok()) << fitted.status();
      if (fitted.ok()) speeds_.push_back(fitted->speed);
    } else {
      for (const std::string& output : RunGroup(task.ToString(), size)) speeds_.push_back(SpeedOf(output));
    }
    return task.run;
  }

  std::vector<vickrey::v1::TrainSpeed> speeds_;  // of the last Run, by rank
};

TEST_F(FitWorkersTest, TheWeightsAndTheStateAreThoseOfOneProcess) {
  const Task rules[] = {{},
                        {.clip_norm = .05},
                        {.dense = "adamw", .tables = "rowwise_adagrad", .clip_norm = .05, .decay = .1},
                        {.dense = "sgd", .tables = "sgd", .decay = .1}};
  std::vector<Values> ends;
  for (const Task& rule : rules) {
    ends.push_back(LastOf(Run(rule, 1)));
    for (const char* communication : {"ddp", "zero1"}) {
      for (int size : {2, 3}) {
        // `ddp` steps as one process does, by whatever rule.
        if (rule.decay > 0 && (std::string_view(communication) == "ddp" || size == 2)) continue;
        Task task = rule;
        task.communication = communication;
        EXPECT_LT(Distance(LastOf(Run(task, size)), ends.back()), kNear) << size << " processes, " << task.ToString();
      }
    }
  }
  EXPECT_GT(Distance(ends[0], ends[1]), 1e-3);  // it was clipped
}

TEST_F(FitWorkersTest, ACheckpointIsOneOfTheWhole) {
  constexpr int kFrom = 6;  // in the midst of an epoch
  static_assert(kFrom % (kTrain / kBatch) != 0 && kFrom < kSteps);
  struct Way {
    const char* communication;
    int size;
  };
  const Way zero1 = {"zero1", 3}, ddp = {"ddp", 2}, one = {"ddp", 1};
  const std::pair<Way, std::vector<Way>> ways[] = {
      {zero1, {zero1, {"zero1", 2}, ddp, one}}, {ddp, {zero1}}, {one, {zero1}}};
  for (const auto& [first, seconds] : ways) {
    Task task = {.communication = first.communication, .clip_norm = .05, .saves_steps = true};
    const std::filesystem::path whole = Run(task, first.size);
    const Values end = LastOf(whole);
    for (const auto& entry : std::filesystem::directory_iterator(whole / "checkpoints")) {
      if (std::stoi(entry.path().filename().string()) > kFrom) std::filesystem::remove_all(entry.path());
    }
    for (const Way& second : seconds) {
      const std::filesystem::path run = Folder("goes-on");
      std::filesystem::copy(whole, run, std::filesystem::copy_options::recursive);
      task.communication = second.communication;
      Run(task, second.size, run);
      EXPECT_EQ(speeds_.at(0).steps(), kSteps - kFrom);
      const bool same = std::string_view(first.communication) == second.communication && first.size == second.size;
      EXPECT_LE(Distance(LastOf(run), end), same ? 0 : kNear)
          << first.communication << " " << first.size << ", then " << second.communication << " " << second.size;
    }
  }
}

TEST_F(FitWorkersTest, EachHasAPartOfTheStateAndTellsWhatItSent) {
  Run({}, 1);
  const int64_t whole = speeds_.at(0).optimizer_bytes();
  EXPECT_EQ(speeds_.at(0).communication(), "");
  EXPECT_EQ(speeds_.at(0).communication_bytes(), 0);
  EXPECT_EQ(speeds_.at(0).communication_seconds(), 0);
  for (const char* communication : {"ddp", "zero1"}) {
    Run({.communication = communication}, 3);
    int64_t sum = 0;
    for (const auto& speed : speeds_) {
      sum += speed.optimizer_bytes();
      EXPECT_EQ(speed.communication(), communication);
      EXPECT_GT(speed.communication_seconds(), 0);
      EXPECT_LT(speed.communication_seconds(), speed.seconds());
      // In each step at least the dense parameters twice, two thirds of them.
      EXPECT_GT(speed.communication_bytes(), kSteps * 4 * 2 * 5 * 2 / 3);
    }
    const bool sharded = std::string_view(communication) == "zero1";
    EXPECT_EQ(sum, sharded ? whole : 3 * whole);
    // Shards differ by a number, or a row of each of a few tables.
    const double share = static_cast<double>(speeds_[2].optimizer_bytes()) / static_cast<double>(whole);
    EXPECT_NEAR(share, sharded ? 1. / 3 : 1, .07);
  }
}

TEST_F(FitWorkersTest, WeightsThatOverflowInAShardEndAll) {
  for (const char* communication : {"ddp", "zero1"}) {
    Task task = {.communication = communication, .dense = "sgd", .tables = "sgd", .overflows = true};
    task.data = Data();
    task.run = Folder(absl::StrCat("overflows-", communication));
    EXPECT_THAT(RunGroup(task.ToString(), 3), Each(HasSubstr("left weights that are not finite")));
  }
}

}  // namespace
}  // namespace vickrey::trainer

int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  return argc > 1 ? vickrey::trainer::Work(argv[1]) : RUN_ALL_TESTS();
}
