// The models that a server holds, without a network.
#include "server/registry.h"

#include <atomic>
#include <cmath>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/test_models.h"
#include "vickrey/base/files.h"

namespace vickrey::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::v1::ModelInfo;
using vickrey::v1::ModelRef;

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() : root_(tests::FreshFolder("registry_test")), registry_(root_, &background_) {}
  ~RegistryTest() override { std::filesystem::remove_all(root_); }

  absl::StatusOr<std::vector<ModelInfo>> Label(const std::string& name, const std::string& label,
                                               const std::string& version, const std::string& etag = "") {
    vickrey::v1::SetModelLabelRequest request;
    request.set_name(name);
    request.set_label(label);
    request.set_version(version);
    request.set_etag(etag);
    return registry_.SetLabel(request);
  }

  static ModelRef Ref(const std::string& name) {
    ModelRef ref;
    ref.set_name(name);
    return ref;
  }

  absl::Status Delete(const std::string& name, const std::string& version, bool files = false) {
    vickrey::v1::DeleteModelRequest request;
    request.set_name(name);
    request.set_version(version);
    request.set_delete_files(files);
    return registry_.Delete(request).status();
  }

  const std::filesystem::path root_;
  Background background_;
  Registry registry_;
};

TEST_F(RegistryTest, RegistersAndFindsByVersionAndLabel) {
  const std::string sha256 = tests::WriteLogistic(root_, "ctr", "1", 0);
  const auto info = registry_.Register("ctr/1");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->state(), ModelInfo::READY);
  EXPECT_EQ(info->sha256(), sha256);
  EXPECT_EQ(info->architecture(), "logistic");

  ModelRef ref = Ref("ctr");
  EXPECT_TRUE(absl::IsNotFound(registry_.Find(ref).status()));  // no label yet
  ref.set_version("1");
  EXPECT_EQ((*registry_.Find(ref))->ref(), "ctr@1");
  ASSERT_TRUE(Label("ctr", "stable", "1").ok());
  EXPECT_EQ((*registry_.Find(Ref("ctr")))->ref(), "ctr@1");
  ref.set_version("2");
  EXPECT_THAT(registry_.Find(ref).status().message(), HasSubstr("'2' of ctr is not held; held: 1"));
  EXPECT_THAT(registry_.Find(Ref("x")).status().message(), HasSubstr("held: ctr"));
  EXPECT_TRUE(absl::IsInvalidArgument(registry_.Find(Ref("a/b")).status()));
}

TEST_F(RegistryTest, TheSameAgainSucceedsAndAnotherDigestDoesNot) {
  tests::WriteLogistic(root_, "ctr", "1", 0);
  ASSERT_TRUE(registry_.Register("ctr/1").ok());
  EXPECT_TRUE(registry_.Register("ctr/1").ok());
  std::filesystem::remove_all(root_ / "ctr" / "1");
  tests::WriteLogistic(root_, "ctr", "1", 5);
  EXPECT_TRUE(absl::IsAlreadyExists(registry_.Register("ctr/1").status()));
  ModelRef ref = Ref("ctr");
  ref.set_version("1");
  EXPECT_TRUE(registry_.Find(ref).ok());  // the first one still serves
}

TEST_F(RegistryTest, RefusesPathsThatAreNotNameAndVersion) {
  tests::WriteLogistic(root_, "ctr", "1", 0);
  for (const char* path : {"", "ctr", "ctr/1/", "/ctr/1", "../registry/1", "ctr/..", "./ctr", "ctr/1/..", "a b/1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(registry_.Register(path).status())) << path;
  }
  EXPECT_TRUE(absl::IsNotFound(registry_.Register("ctr/2").status()));
  EXPECT_EQ(registry_.List({})->models_size(), 0);  // nothing of them is remembered
}

TEST_F(RegistryTest, ALinkOutOfTheRootIsRefused) {
  tests::WriteLogistic(root_ / "outside", "ctr", "1", 0);
  std::filesystem::create_directories(root_ / "inside" / "ctr");
  std::filesystem::create_directory_symlink(root_ / "outside" / "ctr" / "1", root_ / "inside" / "ctr" / "1");
  Registry registry(root_ / "inside", &background_);
  EXPECT_THAT(registry.Register("ctr/1").status().message(), HasSubstr("leads out of the artifact root"));
}

TEST_F(RegistryTest, WhatIsDamagedFailsAndSaysWhy) {
  tests::WriteLogistic(root_, "ctr", "1", 0);
  std::ofstream(root_ / "ctr/1/model.json", std::ios::app) << " ";
  EXPECT_TRUE(absl::IsFailedPrecondition(registry_.Register("ctr/1").status()));
  ModelRef ref = Ref("ctr");
  ref.set_version("1");
  EXPECT_TRUE(absl::IsUnavailable(registry_.Find(ref).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Label("ctr", "stable", "1").status()));
  const auto listed = registry_.List({});
  ASSERT_EQ(listed->models_size(), 1);
  EXPECT_EQ(listed->models(0).state(), ModelInfo::FAILED);
  EXPECT_THAT(listed->models(0).why(), HasSubstr("SHA256SUMS"));

  std::filesystem::remove_all(root_ / "ctr" / "1");
  tests::WriteLogistic(root_, "ctr", "1", 0);
  EXPECT_TRUE(registry_.Register("ctr/1").ok());  // mended, it can be tried again
  EXPECT_TRUE(registry_.Find(ref).ok());
}

// Its sums, shapes and values are as they should be; but where every feature is missing its logit is +inf - inf.
void WriteOneThatOverflows(const std::filesystem::path& root, const std::string& name, const std::string& version) {
  tests::WriteLogisticOf(root, name, version, {"c", "d"}, {"x", "y"}, [](model::TensorFile* weights) {
    for (float& value : weights->tensors.at("context.weight").values) value = 3e38F;
    for (float& value : weights->tensors.at("ad.weight").values) value = -3e38F;
  });
}

TEST_F(RegistryTest, WhatFailsItsWarmUpNeverBecomesReadyAndSaysWhy) {
  WriteOneThatOverflows(root_, "ctr", "2");
  tests::WriteLogistic(root_, "ctr", "1", 0);
  ASSERT_TRUE(registry_.Register("ctr/1").ok());
  ASSERT_TRUE(Label("ctr", "stable", "1").ok());
  for (int i = 0; i < 2; ++i) {
    const absl::Status refused = registry_.Register("ctr/2").status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_THAT(refused.message(), HasSubstr("ctr@2 fails its warm-up with 1 candidates"));
    EXPECT_EQ(registry_.States().at("ctr@2"), ModelInfo::FAILED);
  }
  vickrey::v1::GetModelRequest get;
  get.set_name("ctr");
  get.set_version("2");
  EXPECT_THAT(registry_.Get(get)->why(), HasSubstr("output is not a number"));
  for (const char* label : {"stable", "canary", "shadow"}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(Label("ctr", label, "2").status())) << label;
  }
  ModelRef ref = Ref("ctr");
  ref.set_version("2");
  EXPECT_THAT(registry_.Find(ref).status().message(), HasSubstr("FAILED"));
  EXPECT_EQ((*registry_.Find(Ref("ctr")))->version(), "1");

  // Nor does it by an upload, which leaves nothing then.
  WriteOneThatOverflows(root_ / "away", "ctr", "3");
  vickrey::v1::UploadModelRequest::Header header;
  header.set_name("ctr");
  header.set_version("3");
  auto upload = Upload::Begin(registry_.artifacts(), header, 1 << 20);
  ASSERT_TRUE(upload.ok());
  for (const auto& file : model::kArtifactFiles) {
    vickrey::v1::UploadModelRequest::Chunk chunk;
    chunk.set_file(std::string(file.name));
    chunk.set_data(*base::ReadFile(root_ / "away/ctr/3" / file.name));
    ASSERT_TRUE((*upload)->Write(chunk).ok());
  }
  EXPECT_THAT(registry_.Publish(upload->get()).status().message(), HasSubstr("ctr@3 fails its warm-up"));
  EXPECT_FALSE(registry_.States().contains("ctr@3"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "ctr/3"));
}

TEST_F(RegistryTest, ErrorsNameSomeOfManyModels) {
  for (int i = 10; i < 40; ++i) {
    tests::WriteLogistic(root_, "ctr", absl::StrCat(i), 0);
    ASSERT_TRUE(registry_.Register(absl::StrCat("ctr/", i)).ok());
  }
  ModelRef ref = Ref("ctr");
  ref.set_version("x");
  EXPECT_THAT(std::string(registry_.Find(ref).status().message()),
              testing::EndsWith("held: 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 and 20 more"));
}

TEST_F(RegistryTest, AFolderUnderAnotherNameIsRefused) {
  tests::WriteLogistic(root_, "ctr", "1", 0);
  std::filesystem::copy(root_ / "ctr" / "1", root_ / "ctr" / "2");
  EXPECT_THAT(registry_.Register("ctr/2").status().message(), HasSubstr("holds the artifact ctr@1"));
}

TEST_F(RegistryTest, LabelsMoveByCompareAndSet) {
  for (const char* version : {"1", "2"}) {
    tests::WriteLogistic(root_, "ctr", version, 0);
    ASSERT_TRUE(registry_.Register(std::string("ctr/") + version).ok());
  }
  const std::string etag = registry_.List({})->models(0).etag();
  const auto first = Label("ctr", "stable", "1", etag);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(first->at(0).labels(), ElementsAre("stable"));
  EXPECT_TRUE(absl::IsAborted(Label("ctr", "stable", "2", etag).status()));
  const auto second = Label("ctr", "stable", "2", first->at(0).etag());
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->at(0).labels().empty());
  EXPECT_THAT(second->at(1).labels(), ElementsAre("stable"));
  ASSERT_TRUE(Label("ctr", "stable", "").ok());
  EXPECT_TRUE(absl::IsNotFound(registry_.Find(Ref("ctr")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Label("ctr", "Stable!", "1").status()));
  EXPECT_TRUE(absl::IsNotFound(Label("other", "stable", "1").status()));
  EXPECT_TRUE(absl::IsNotFound(Label("ctr", "stable", "9").status()));
}

TEST_F(RegistryTest, ListsInPages) {
  for (const char* version : {"1", "2", "3"}) {
    tests::WriteLogistic(root_, "a", version, 0);
    ASSERT_TRUE(registry_.Register(std::string("a/") + version).ok());
  }
  tests::WriteLogistic(root_, "b", "1", 0);
  ASSERT_TRUE(registry_.Register("b/1").ok());
  vickrey::v1::ListModelsRequest request;
  request.set_page_size(2);
  std::vector<std::string> seen;
  do {
    const auto page = registry_.List(request);
    ASSERT_TRUE(page.ok());
    EXPECT_LE(page->models_size(), 2);
    for (const ModelInfo& info : page->models()) seen.push_back(info.name() + info.version());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(seen, ElementsAre("a1", "a2", "a3", "b1"));
  request.set_page_size(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(registry_.List(request).status()));
  request.set_page_size(1001);
  EXPECT_TRUE(absl::IsInvalidArgument(registry_.List(request).status()));
  request.set_page_size(0);
  request.set_page_token("nonsense");
  EXPECT_TRUE(absl::IsInvalidArgument(registry_.List(request).status()));
}

TEST_F(RegistryTest, ASwapFailsNoCall) {
  for (const char* version : {"1", "2"}) tests::WriteLogistic(root_, "ctr", version, 0);
  ASSERT_TRUE(registry_.Register("ctr/1").ok());
  ASSERT_TRUE(Label("ctr", "stable", "1").ok());
  std::atomic<bool> stop = false;
  std::atomic<int> calls = 0, failed = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&] {
      vickrey::v1::Auction auction;
      auction.add_candidates();
      while (!stop) {
        const auto model = registry_.Find(Ref("ctr"));
        failed += !model.ok() || !(*model)->Predict(auction, "").ok();
        ++calls;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(registry_.Register("ctr/2").ok());
    ASSERT_TRUE(Label("ctr", "stable", i % 2 == 0 ? "2" : "1").ok());
  }
  while (calls < 100) std::this_thread::yield();
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(RegistryTest, AVersionThatIsTakenOutIsFreedWithItsLastCall) {
  for (const char* version : {"1", "2"}) {
    tests::WriteLogistic(root_, "ctr", version, 0);
    ASSERT_TRUE(registry_.Register(std::string("ctr/") + version).ok());
  }
  ASSERT_TRUE(Label("ctr", "stable", "1").ok());
  ASSERT_TRUE(Label("ctr", "best", "1").ok());
  const absl::Status labelled = Delete("ctr", "1");
  EXPECT_TRUE(absl::IsFailedPrecondition(labelled));
  EXPECT_THAT(labelled.message(), HasSubstr("best, stable"));
  ASSERT_TRUE(Label("ctr", "stable", "2").ok());
  ASSERT_TRUE(Label("ctr", "best", "").ok());

  ModelRef ref = Ref("ctr");
  ref.set_version("1");
  vickrey::v1::GetModelRequest get;
  get.set_name("ctr");
  get.set_version("1");
  auto call = *registry_.Find(ref);
  ASSERT_TRUE(Delete("ctr", "1").ok());
  EXPECT_TRUE(absl::IsNotFound(registry_.Find(ref).status()));
  EXPECT_EQ(registry_.Get(get)->state(), ModelInfo::UNLOADING);
  EXPECT_EQ(registry_.List({})->models(0).state(), ModelInfo::UNLOADING);
  vickrey::v1::Auction auction;
  auction.add_candidates();
  EXPECT_TRUE(call->Predict(auction, "").ok());
  EXPECT_TRUE(absl::IsNotFound(Delete("ctr", "1")));

  call = nullptr;  // which leaves the model to the background
  background_.Run([] {});
  for (int i = 0; i < 1000 && registry_.Get(get).ok(); ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_TRUE(absl::IsNotFound(registry_.Get(get).status()));
  EXPECT_EQ(registry_.List({})->models_size(), 1);
  EXPECT_TRUE(std::filesystem::exists(root_ / "ctr/1"));
  EXPECT_TRUE(registry_.Register("ctr/1").ok());  // its files are there to come back from
}

TEST_F(RegistryTest, TheThreadOfACallFreesNoModel) {
  tests::WriteLogistic(root_, "ctr", "1", 0);
  ASSERT_TRUE(registry_.Register("ctr/1").ok());
  ModelRef ref = Ref("ctr");
  ref.set_version("1");
  vickrey::v1::GetModelRequest get;
  get.set_name("ctr");
  get.set_version("1");
  auto call = *registry_.Find(ref);
  ASSERT_TRUE(Delete("ctr", "1").ok());
  const auto let_go = std::make_shared<absl::Notification>();  // the background may come to it after this test's end
  background_.Run([let_go] { let_go->WaitForNotification(); });
  call = nullptr;
  EXPECT_EQ(registry_.Get(get)->state(), ModelInfo::UNLOADING);  // the background has not come to it yet
  let_go->Notify();
}

TEST_F(RegistryTest, DeletesFilesInOneStepAndNothingElse) {
  for (const char* version : {"1", "2"}) tests::WriteLogistic(root_, "ctr", version, 0);
  ASSERT_TRUE(registry_.Register("ctr/1").ok());
  ASSERT_TRUE(Delete("ctr", "1", true).ok());
  EXPECT_FALSE(std::filesystem::exists(root_ / "ctr/1"));
  EXPECT_TRUE(Delete("ctr", "2", true).ok());  // one that is not held
  EXPECT_FALSE(std::filesystem::exists(root_ / "ctr/2"));
  EXPECT_TRUE(absl::IsNotFound(Delete("ctr", "2", true)));

  tests::WriteLogistic(root_ / "other", "ctr", "1", 0);
  std::filesystem::create_directory_symlink(root_ / "other/ctr/1", root_ / "ctr/3");
  std::filesystem::create_directory_symlink(root_ / "other/ctr", root_ / "linked");
  EXPECT_TRUE(absl::IsInvalidArgument(Delete("ctr", "3", true)));
  EXPECT_TRUE(absl::IsInvalidArgument(Delete("linked", "1", true)));
  // What trainers keep beside artifacts.
  std::filesystem::create_directories(root_ / "datasets/d1");
  std::ofstream(root_ / "datasets/d1/shard-0") << "precious";
  std::filesystem::create_directories(root_ / "runs/ctr/1");
  EXPECT_TRUE(absl::IsInvalidArgument(Delete("datasets", "d1", true)));
  EXPECT_TRUE(absl::IsInvalidArgument(Delete("runs", "ctr", true)));
  EXPECT_TRUE(std::filesystem::exists(root_ / "datasets/d1/shard-0"));
  EXPECT_TRUE(std::filesystem::exists(root_ / "runs/ctr/1"));
  for (const char* bad : {"..", ".", "", "a/b", "../other", "/", "other/ctr"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Delete("ctr", bad, true))) << bad;
    EXPECT_TRUE(absl::IsInvalidArgument(Delete(bad, "1", true))) << bad;
  }
  EXPECT_TRUE(std::filesystem::exists(root_ / "other/ctr/1/model.json"));
  for (const auto& entry : std::filesystem::directory_iterator(root_)) {
    EXPECT_NE(entry.path().filename().string().front(), '.') << entry.path();
  }
}

TEST_F(RegistryTest, ACanaryGetsItsShareAndAnAuctionAlwaysGoesTheSameWay) {
  for (const char* version : {"1", "2"}) {
    tests::WriteLogistic(root_, "ctr", version, 0);
    ASSERT_TRUE(registry_.Register(std::string("ctr/") + version).ok());
  }
  ASSERT_TRUE(Label("ctr", "stable", "1").ok());
  vickrey::v1::SetModelLabelRequest canary;
  canary.set_name("ctr");
  canary.set_label("canary");
  canary.set_version("2");
  const auto goes = [&](int auction) {
    return (*registry_.Choose(Ref("ctr"), absl::StrCat("auction-", auction))).model->version() == "2";
  };
  ASSERT_TRUE(registry_.SetLabel(canary).ok());
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(goes(i));  // no share, no traffic
  std::vector<bool> at_a_tenth;
  constexpr int kAuctions = 10'000;
  for (const double share : {0.1, 0.5, 1.0}) {
    canary.set_share(share);
    const auto infos = registry_.SetLabel(canary);
    ASSERT_TRUE(infos.ok());
    EXPECT_FALSE(infos->at(0).has_canary_share());
    EXPECT_EQ(infos->at(1).canary_share(), share);
    int got = 0;
    for (int i = 0; i < kAuctions; ++i) {
      const bool went = goes(i);
      EXPECT_EQ(goes(i), went);
      got += went;
      if (share == 0.1) at_a_tenth.push_back(went);
      EXPECT_TRUE(went || !at_a_tenth[i]);  // also when the share grows
    }
    // Five standard deviations.
    EXPECT_NEAR(got, kAuctions * share, 5 * std::sqrt(kAuctions * share * (1 - share)));
  }
  ModelRef ref = Ref("ctr");
  ref.set_label("stable");
  EXPECT_EQ(registry_.Choose(ref, "auction-1")->model->version(), "1");  // who asks for a label gets it
  for (const double share : {0.0, -0.1, 1.1, std::nan("")}) {
    canary.set_share(share);
    EXPECT_TRUE(absl::IsInvalidArgument(registry_.SetLabel(canary).status())) << share;
  }
  canary.set_share(0.5);
  canary.set_label("stable");
  EXPECT_TRUE(absl::IsInvalidArgument(registry_.SetLabel(canary).status()));
}

TEST_F(RegistryTest, AShadowIsAskedWhereANameAloneIs) {
  for (const char* version : {"1", "2"}) {
    tests::WriteLogistic(root_, "ctr", version, 0);
    ASSERT_TRUE(registry_.Register(std::string("ctr/") + version).ok());
  }
  ASSERT_TRUE(Label("ctr", "stable", "1").ok());
  EXPECT_EQ(registry_.Choose(Ref("ctr"), "a")->shadow.model, nullptr);
  ASSERT_TRUE(Label("ctr", "shadow", "2").ok());
  EXPECT_EQ(registry_.Choose(Ref("ctr"), "a")->model->version(), "1");
  EXPECT_EQ(registry_.Choose(Ref("ctr"), "a")->shadow.model->version(), "2");
  ModelRef ref = Ref("ctr");
  ref.set_version("1");
  EXPECT_EQ(registry_.Choose(ref, "a")->shadow.model, nullptr);
  ASSERT_TRUE(Label("ctr", "shadow", "1").ok());
  EXPECT_EQ(registry_.Choose(Ref("ctr"), "a")->shadow.model, nullptr);  // it answers itself
}

}  // namespace
}  // namespace vickrey::server
