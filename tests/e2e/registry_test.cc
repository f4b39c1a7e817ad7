// The models that a server holds, without a network.
#include "server/registry.h"

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/test_models.h"

namespace vickrey::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using vickrey::v1::ModelInfo;
using vickrey::v1::ModelRef;

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() : root_(tests::FreshFolder("registry_test")), registry_(root_) {}
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

  const std::filesystem::path root_;
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
  Registry registry(root_ / "inside");
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

}  // namespace
}  // namespace vickrey::server
