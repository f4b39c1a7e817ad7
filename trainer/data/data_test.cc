// Datasets in files: what is written is read, in any order, by any number of threads.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "trainer/data/dataset.h"
#include "trainer/data/grouping.h"
#include "trainer/data/labels.h"
#include "trainer/data/loader.h"
#include "trainer/data/record.h"
#include "vickrey/base/files.h"
#include "vickrey/base/random.h"
#include "vickrey/model/networks_testing.h"

namespace vickrey::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::filesystem::path Folder(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / absl::StrCat(name, "-", getpid());
  std::filesystem::remove_all(folder);
  return folder;
}

// Auctions of 1 to 5 candidates with all kinds of features.
class DataTest : public testing::Test {
 protected:
  static constexpr int kAuctions = 300;

  DataTest() : network_(model::TestSpecs().front()), inputs_(*model::MakeInputs(*network_.schema)) {
    base::RandomStream random(1, 2, 3);
    std::vector<int> sizes;
    for (int a = 0; a < kAuctions; ++a) sizes.push_back(1 + static_cast<int>(random.Below(5)));
    all_.features = model::RandomBatch(network_.layout, sizes, 4);
    for (int64_t i = 0; i < all_.candidates(); ++i) {
      all_.bids_micros.push_back(1 + i);
      all_.values_micros.push_back(2 * i);
      all_.truths.push_back(i % 3 == 0 ? std::numeric_limits<double>::quiet_NaN() : random.Uniform());
      all_.clicks.push_back(i % 5 == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(i % 2));
    }
    for (int a = 0; a < kAuctions; ++a) {
      ids_.push_back(random.Bits());
      parts_.push_back(a < 240 ? Part::kTrain : a < 270 ? Part::kValidation : Part::kTest);
    }
  }

  std::shared_ptr<const Dataset> Write(const std::filesystem::path& folder) const {
    const auto writer = *DatasetWriter::Create(folder, network_.schema, {});
    EXPECT_TRUE(writer->Append(all_, ids_, parts_).ok());
    EXPECT_TRUE(writer->Publish().ok());
    auto dataset = Dataset::Open(folder);
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return *dataset;
  }

  // Auction `number` of the chunk is auction `k` of another.
  void ExpectSame(const Chunk& chunk, int64_t k, int64_t number) const {
    std::string a, b;
    AppendRecord(chunk, k, &a);
    AppendRecord(all_, number, &b);
    EXPECT_EQ(a, b) << number;
  }

  const model::TestNetwork network_;
  const model::Layout inputs_;
  Chunk all_;
  std::vector<uint64_t> ids_;
  std::vector<Part> parts_;
};

TEST_F(DataTest, RecordsAreReadInAnyOrder) {
  const auto dataset = Write(Folder("any-order"));
  EXPECT_EQ(dataset->auctions(), kAuctions);
  EXPECT_EQ(dataset->candidates(), all_.candidates());
  Chunk chunk;
  for (const int64_t number : {299, 0, 7, 7, 150}) ASSERT_TRUE(dataset->Read(number, &chunk).ok());
  EXPECT_THAT(chunk.numbers, ElementsAre(299, 0, 7, 7, 150));
  for (int64_t k = 0; k < chunk.auctions(); ++k) {
    ExpectSame(chunk, k, chunk.numbers[k]);
    EXPECT_EQ(chunk.first_candidates[k], all_.features.offsets[chunk.numbers[k]]);
  }
}

TEST_F(DataTest, ARecordOfAnyOtherLengthIsRefused) {
  std::string bytes;
  AppendRecord(all_, 3, &bytes);
  Chunk chunk;
  ASSERT_TRUE(ParseRecord(inputs_, bytes, &chunk));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseRecord(inputs_, {bytes.data(), size}, &chunk)) << size;
  }
  EXPECT_FALSE(ParseRecord(inputs_, bytes + std::string(4, '\0'), &chunk));
  for (size_t count = 0; count < 12; ++count) {  // the counts in front
    std::string changed = bytes;
    changed[count] = static_cast<char>(changed[count] ^ 1);
    EXPECT_FALSE(ParseRecord(inputs_, changed, &chunk)) << count;
  }
  EXPECT_EQ(chunk.auctions(), 1);
  ExpectSame(chunk, 0, 3);
}

TEST_F(DataTest, DamagedFoldersSaySo) {
  const std::filesystem::path folder = Folder("damaged");
  (void)Write(folder);
  const std::string records = *base::ReadFile(folder / "records");
  ASSERT_TRUE(base::WriteFileAtomically(folder / "records", records.substr(1)).ok());
  const absl::Status cut = Dataset::Open(folder).status();
  EXPECT_TRUE(absl::IsDataLoss(cut)) << cut;
  EXPECT_THAT(std::string(cut.message()), HasSubstr("delete it"));
  ASSERT_TRUE(base::WriteFileAtomically(folder / "records", records).ok());
  ASSERT_TRUE(base::WriteFileAtomically(folder / "dataset.json", "{\"format\":99}").ok());
  EXPECT_TRUE(absl::IsDataLoss(Dataset::Open(folder).status()));
  EXPECT_TRUE(absl::IsNotFound(Dataset::Open(Folder("nowhere")).status()));
}

std::vector<int64_t> NumbersOf(const Selection& selection) {
  std::vector<int64_t> numbers(static_cast<size_t>(selection.auctions()));
  EXPECT_TRUE(selection.Numbers(0, numbers).ok());
  return numbers;
}

TEST_F(DataTest, FoldsAreAPartitionByTheIdAlone) {
  const auto dataset = Write(Folder("folds"));
  constexpr int kFolds = 5;
  const Grouping grouping = *Grouping::Make(dataset, kFolds, 9);
  EXPECT_EQ(grouping.Train().auctions(), 240);
  EXPECT_EQ(NumbersOf(grouping.Validation()).front(), 240);
  EXPECT_EQ(NumbersOf(grouping.Test()).back(), 299);
  std::set<int64_t> seen;
  for (int fold = 0; fold < kFolds; ++fold) {
    const std::vector<int64_t> own = NumbersOf(grouping.Fold(fold)), others = NumbersOf(grouping.TrainWithout(fold));
    EXPECT_TRUE(std::is_sorted(own.begin(), own.end()));
    EXPECT_GT(own.size(), 20u);
    std::set<int64_t> both(own.begin(), own.end());
    both.insert(others.begin(), others.end());
    EXPECT_EQ(both.size(), 240u);
    EXPECT_EQ(own.size() + others.size(), 240u);
    seen.insert(own.begin(), own.end());
    // Reading across the gap where the fold is left out.
    std::vector<int64_t> middle(100);
    ASSERT_TRUE(grouping.TrainWithout(fold).Numbers(70, middle).ok());
    EXPECT_TRUE(std::equal(middle.begin(), middle.end(), others.begin() + 70));
    Totals totals = grouping.Fold(fold).totals();
    totals.Add(grouping.TrainWithout(fold).totals());
    EXPECT_EQ(totals.candidates, grouping.Train().totals().candidates);
    EXPECT_EQ(totals.clicks, grouping.Train().totals().clicks);
  }
  EXPECT_EQ(seen.size(), 240u);
  // In another snapshot, in which an auction comes elsewhere, it is in the same fold.
  std::reverse(ids_.begin(), ids_.begin() + 240);
  const Grouping reversed = *Grouping::Make(Write(Folder("reversed")), kFolds, 9);
  std::vector<int64_t> mirrored = NumbersOf(grouping.Fold(2));
  for (int64_t& number : mirrored) number = 239 - number;
  std::reverse(mirrored.begin(), mirrored.end());
  EXPECT_EQ(NumbersOf(reversed.Fold(2)), mirrored);
}

TEST_F(DataTest, TotalsCountLabels) {
  const Totals totals = Grouping::Make(Write(Folder("totals")), 1, 1)->Train().totals();
  const int64_t end = all_.features.offsets[240];
  EXPECT_EQ(totals.candidates, end);
  EXPECT_EQ(totals.labelled, std::count_if(all_.clicks.begin(), all_.clicks.begin() + end,
                                           [](float click) { return !std::isnan(click); }));
  EXPECT_EQ(totals.clicks, std::count(all_.clicks.begin(), all_.clicks.begin() + end, 1.0f));
  EXPECT_EQ(totals.with_truth, std::count_if(all_.truths.begin(), all_.truths.begin() + end,
                                             [](double truth) { return !std::isnan(truth); }));
}

TEST(BatchPlan, AnEpochHoldsEachAuctionOnceAndDependsOnNothingButSeedEpochAndStep) {
  const BatchPlan plan = {.auctions = 103, .batch_auctions = 10, .seed = 5};
  EXPECT_EQ(plan.steps_per_epoch(), 11);
  EXPECT_EQ(plan.SizeOf(9), 10);
  EXPECT_EQ(plan.SizeOf(10), 3);
  EXPECT_EQ(plan.SizeOf(21), 3);  // the last of the second epoch
  std::vector<std::vector<int64_t>> epochs(2);
  for (int64_t step = 0; step < 22; ++step) {
    const std::vector<int64_t> places = plan.PlacesOf(step, 0, plan.SizeOf(step));
    epochs[step / 11].insert(epochs[step / 11].end(), places.begin(), places.end());
    // Two ranks' parts are the whole.
    std::vector<int64_t> parts = plan.PlacesOf(step, 0, 2);
    const std::vector<int64_t> rest = plan.PlacesOf(step, 2, plan.SizeOf(step));
    parts.insert(parts.end(), rest.begin(), rest.end());
    EXPECT_EQ(parts, places);
  }
  for (const auto& epoch : epochs) EXPECT_EQ(std::set<int64_t>(epoch.begin(), epoch.end()).size(), 103u);
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE((BatchPlan{.auctions = 103, .batch_auctions = 10, .seed = 6}).PlacesOf(0, 0, 10), plan.PlacesOf(0, 0, 10));
}

TEST_F(DataTest, TheLoaderGivesTheBatchesOfThePlanWhateverItsThreads) {
  const Grouping grouping = *Grouping::Make(Write(Folder("loader")), 3, 1);
  const Selection train = grouping.TrainWithout(1);
  const std::vector<int64_t> numbers = NumbersOf(train);
  const BatchPlan plan = {.auctions = train.auctions(), .batch_auctions = 16, .seed = 2};
  for (const int threads : {1, 4}) {
    for (const int rank : {0, 1}) {
      Loader loader(train, Labels::Clicks(), plan,
                    {.first_step = 3, .end_step = 40, .rank = rank, .ranks = 2, .threads = threads});
      for (int64_t step = 3; step < 40; ++step) {
        auto batch = loader.Next();
        ASSERT_TRUE(batch.ok()) << batch.status();
        const int64_t size = plan.SizeOf(step);
        std::vector<int64_t> expected = plan.PlacesOf(step, size * rank / 2, size * (rank + 1) / 2);
        for (int64_t& place : expected) place = numbers[place];
        EXPECT_EQ((*batch)->chunk.numbers, expected);
        for (int64_t k = 0; k < (*batch)->chunk.auctions(); ++k) ExpectSame((*batch)->chunk, k, expected[k]);
        ASSERT_EQ((*batch)->loss.bids.size(), (*batch)->chunk.bids_micros.size());
        EXPECT_EQ((*batch)->loss.bids[0], static_cast<double>((*batch)->chunk.bids_micros[0]) / 1e6);
        loader.Recycle(*std::move(batch));
      }
    }
  }
}

TEST_F(DataTest, ALoaderThatIsNotReadToTheEndStops) {
  const Grouping grouping = *Grouping::Make(Write(Folder("stops")), 1, 1);
  const BatchPlan plan = {.auctions = 240, .batch_auctions = 4, .seed = 2};
  Loader loader(grouping.Train(), Labels::Clicks(), plan, {.end_step = 1'000'000, .threads = 3});
  EXPECT_TRUE(loader.Next().ok());
}

TEST_F(DataTest, LabelsOfAFileAreThoseOfTheCandidates) {
  const auto dataset = Write(Folder("labels"));
  std::vector<float> values;
  for (int64_t i = 0; i < dataset->candidates(); ++i) values.push_back(static_cast<float>(i));
  const std::filesystem::path file = Folder("label-file");
  ASSERT_TRUE(
      base::WriteFileAtomically(file, absl::StrCat("head", std::string(reinterpret_cast<const char*>(values.data()),
                                                                       values.size() * sizeof(float))))
          .ok());
  const Labels labels = Labels::OfFile(*base::RandomAccessFile::Open(file), 4);
  Chunk chunk;
  ASSERT_TRUE(dataset->Read(200, &chunk).ok());
  ASSERT_TRUE(dataset->Read(2, &chunk).ok());
  std::vector<double> found, expected;
  ASSERT_TRUE(labels.Of(chunk, &found).ok());
  for (const int64_t a : {200, 2}) {
    for (int64_t i = all_.features.offsets[a]; i < all_.features.offsets[a + 1]; ++i) expected.push_back(i);
  }
  EXPECT_EQ(found, expected);
}

TEST_F(DataTest, ASampleIsEvenlySpaced) {
  const Grouping grouping = *Grouping::Make(Write(Folder("sample")), 1, 1);
  const Selection train = grouping.Train();
  std::vector<int64_t> numbers;
  ASSERT_TRUE(ForEachChunk(Sample(train, 6), [&](const Chunk& chunk) {
                numbers.insert(numbers.end(), chunk.numbers.begin(), chunk.numbers.end());
                return absl::OkStatus();
              }).ok());
  EXPECT_THAT(numbers, ElementsAre(0, 40, 80, 120, 160, 200));
  EXPECT_EQ(Sample(train, 0).auctions, 240);
  EXPECT_EQ(Sample(train, 1000).auctions, 240);
}

}  // namespace
}  // namespace vickrey::trainer
