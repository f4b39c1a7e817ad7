// Models on a live server: they come and go, and are tried by canary and shadow.
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/server.h"
#include "tests/e2e/test_models.h"
#include "tests/e2e/test_server.h"
#include "vickrey/base/files.h"
#include "vickrey/base/sha256.h"
#include "vickrey/v1/model_service.grpc.pb.h"

namespace vickrey::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::MakeAuction;
using vickrey::v1::ModelInfo;
using vickrey::v1::RunAuctionRequest;
using vickrey::v1::UploadModelRequest;

[[maybe_unused]] testing::Environment* const kOneQueue = testing::AddGlobalTestEnvironment(new tests::OneCallbackQueue);

class ModelsTest : public testing::Test {
 protected:
  ModelsTest() : folder_(tests::FreshFolder("models_test")) {
    tests::WriteLogistic(folder_ / "models", "ctr", "1", -2);
    tests::WriteLogistic(folder_ / "away", "ctr", "2", -3);
    Start();
  }
  ~ModelsTest() override {
    client_ = nullptr;
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  void Start(const std::function<void(ServerOptions&)>& change = [](ServerOptions&) {}) {
    server_ = nullptr;
    ServerOptions options;
    options.artifact_root = folder_ / "models";
    options.models = {"ctr/1"};
    change(options);
    auto server = Server::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    // A machine may be busy with other tests: what is asked here is not how fast.
    client_ =
        std::make_unique<client::Client>(server_->address(), client::Client::Options{.timeout = absl::Minutes(2)});
  }

  // Sends a header and chunks (file, data) as they are. `cut`: and then goes away.
  grpc::Status Send(const std::string& name, const std::string& version,
                    const std::vector<std::pair<std::string, std::string>>& chunks, bool cut = false) {
    const auto stub =
        vickrey::v1::ModelService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    vickrey::v1::UploadModelResponse response;
    const auto stream = stub->UploadModel(&context, &response);
    UploadModelRequest request;
    if (!name.empty()) {
      request.mutable_header()->set_name(name);
      request.mutable_header()->set_version(version);
      stream->Write(request);
    }
    for (const auto& [file, data] : chunks) {
      request.mutable_chunk()->set_file(file);
      request.mutable_chunk()->set_data(data);
      if (!stream->Write(request)) break;
    }
    if (cut) {
      absl::SleepFor(absl::Milliseconds(50));  // so that some of it is written
      context.TryCancel();
    }
    stream->WritesDone();
    return stream->Finish();
  }

  std::vector<std::pair<std::string, std::string>> FilesOf(const std::filesystem::path& artifact) {
    std::vector<std::pair<std::string, std::string>> files;
    for (const char* file : {"SHA256SUMS", "model.json", "weights.safetensors"}) {
      files.emplace_back(file, *base::ReadFile(artifact / file));
    }
    return files;
  }

  // Everything under the root, by path.
  std::set<std::string> Tree() const {
    std::set<std::string> paths;
    std::error_code error;
    std::filesystem::recursive_directory_iterator entry(folder_ / "models", error);
    for (; !error && entry != std::filesystem::end(entry); entry.increment(error)) {
      paths.insert(entry->path().lexically_relative(folder_ / "models").string());
    }
    if (error) paths.insert("what was looked at is gone: " + error.message());  // something is being removed
    return paths;
  }

  // What is under the root when nothing changes any more, for what ends after its caller has gone.
  std::set<std::string> TreeInTheEnd(const std::set<std::string>& expected) const {
    for (int i = 0; i < 500 && Tree() != expected; ++i) absl::SleepFor(absl::Milliseconds(10));
    return Tree();
  }

  absl::Status Label(const std::string& label, const std::string& version, double share = 0) {
    vickrey::v1::SetModelLabelRequest request;
    request.set_name("ctr");
    request.set_label(label);
    request.set_version(version);
    if (share > 0) request.set_share(share);
    return client_->SetModelLabel(request).status();
  }

  static RunAuctionRequest Request(const std::string& id) {
    RunAuctionRequest request;
    request.mutable_model()->set_name("ctr");
    *request.mutable_auction() = MakeAuction(id);
    return request;
  }

  const std::filesystem::path folder_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(ModelsTest, AnUploadThatSendsNothingIsEndedAndItsPlaceIsFree) {
  Start([](ServerOptions& options) { options.idle = absl::Milliseconds(300); });
  const std::set<std::string> before = Tree();
  const auto stub =
      vickrey::v1::ModelService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  struct Stalled {
    grpc::ClientContext context;
    vickrey::v1::UploadModelResponse response;
    std::unique_ptr<grpc::ClientWriter<UploadModelRequest>> stream;
  };
  std::vector<std::unique_ptr<Stalled>> stalled;
  for (int i = 0; i < 4; ++i) {
    auto& each = stalled.emplace_back(std::make_unique<Stalled>());
    each->stream = stub->UploadModel(&each->context, &each->response);
    UploadModelRequest request;
    request.mutable_header()->set_name("ctr");
    request.mutable_header()->set_version(absl::StrCat(10 + i));
    if (i > 0) each->stream->Write(request);  // one does not even begin
  }
  absl::Status status;
  for (int i = 0; i < 500 && (i == 0 || absl::IsResourceExhausted(status)); ++i) {
    status = client_->UploadModel(folder_ / "away/ctr/2", "ctr", "2").status();
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_TRUE(status.ok()) << status;
  int refused = 0;
  for (const auto& each : stalled) {
    const grpc::Status ended = each->stream->Finish();
    if (ended.error_code() == grpc::RESOURCE_EXHAUSTED && ++refused == 1) continue;  // it came behind the good one
    EXPECT_EQ(ended.error_code(), grpc::DEADLINE_EXCEEDED) << ended.error_message();
    EXPECT_THAT(ended.error_message(), HasSubstr("nothing came for 300ms"));
  }
  std::set<std::string> after = before;
  for (const char* path : {"ctr/2", "ctr/2/SHA256SUMS", "ctr/2/model.json", "ctr/2/weights.safetensors"}) {
    after.insert(path);
  }
  EXPECT_EQ(TreeInTheEnd(after), after);
}

TEST_F(ModelsTest, AServerThatStartsLeavesTheUploadsOfAnotherAlone) {
  const auto stub =
      vickrey::v1::ModelService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  vickrey::v1::UploadModelResponse response;
  const auto stream = stub->UploadModel(&context, &response);
  UploadModelRequest request;
  request.mutable_header()->set_name("ctr");
  request.mutable_header()->set_version("2");
  ASSERT_TRUE(stream->Write(request));
  const auto files = FilesOf(folder_ / "away/ctr/2");
  request.mutable_chunk()->set_file(files[0].first);
  request.mutable_chunk()->set_data(files[0].second);
  ASSERT_TRUE(stream->Write(request));
  const auto hidden = [&] {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "models")) {
      const std::string name = entry.path().filename().string();
      if (name.front() == '.') names.insert(name);
    }
    return names;
  };
  // Its files come behind its lock, without which it would be taken for one that was left behind.
  const auto has_files = [&] {
    for (const std::string& name : hidden()) {
      for (const auto& entry : std::filesystem::directory_iterator(folder_ / "models" / name)) {
        if (entry.is_directory()) return true;
      }
    }
    return false;
  };
  for (int i = 0; i < 500 && !has_files(); ++i) absl::SleepFor(absl::Milliseconds(10));
  const std::set<std::string> at_work = hidden();
  ASSERT_EQ(at_work.size(), 1);
  // What servers that were killed have left: nobody holds its lock, or it came to none.
  std::filesystem::create_directories(folder_ / "models/.@upload.tmp-aaaaaa/.artifact.tmp-bbbbbb");
  std::ofstream(folder_ / "models/.@upload.tmp-aaaaaa/lock");
  std::filesystem::create_directories(folder_ / "models/.@upload.tmp-cccccc");
  std::filesystem::create_directories(folder_ / "models/.@deleted.tmp-dddddd/x");
  std::filesystem::create_directories(folder_ / "models/.mine.tmp-eeeeee");  // whose this is, nobody knows

  ServerOptions options;
  options.artifact_root = folder_ / "models";
  const auto second = Server::Start(options);
  ASSERT_TRUE(second.ok()) << second.status();
  std::set<std::string> left = at_work;
  left.insert(".mine.tmp-eeeeee");
  EXPECT_EQ(hidden(), left);
  for (size_t i = 1; i < files.size(); ++i) {
    request.mutable_chunk()->set_file(files[i].first);
    request.mutable_chunk()->set_data(files[i].second);
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.model().state(), ModelInfo::READY);
  EXPECT_EQ(hidden(), std::set<std::string>{".mine.tmp-eeeeee"});
  EXPECT_TRUE(client::Client((*second)->address()).RegisterModel("ctr/2").ok());
}

TEST_F(ModelsTest, UploadsServesAndDeletes) {
  const auto info = client_->UploadModel(folder_ / "away/ctr/2", "ctr", "2");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->state(), ModelInfo::READY);
  EXPECT_EQ(FilesOf(folder_ / "models/ctr/2"), FilesOf(folder_ / "away/ctr/2"));
  EXPECT_TRUE(client_->UploadModel(folder_ / "away/ctr/2", "ctr", "2").ok());  // the same again
  ASSERT_TRUE(Label("stable", "2").ok());
  EXPECT_EQ(client_->RunAuction(Request("a"))->model_version(), "2");
  EXPECT_THAT(client_->GetModel("ctr", "2")->labels(), ElementsAre("stable"));

  tests::WriteLogistic(folder_ / "other", "ctr", "2", 5);
  const auto other = client_->UploadModel(folder_ / "other/ctr/2", "ctr", "2");
  EXPECT_TRUE(absl::IsAlreadyExists(other.status())) << other.status();
  EXPECT_EQ(FilesOf(folder_ / "models/ctr/2"), FilesOf(folder_ / "away/ctr/2"));

  vickrey::v1::DeleteModelRequest request;
  request.set_name("ctr");
  request.set_version("2");
  request.set_delete_files(true);
  EXPECT_THAT(std::string(client_->DeleteModel(request).status().message()), HasSubstr("bears the labels stable"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "models/ctr/2"));
  ASSERT_TRUE(Label("stable", "1").ok());
  EXPECT_EQ(client_->DeleteModel(request)->state(), ModelInfo::UNLOADING);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "models/ctr/2"));
  EXPECT_TRUE(client_->UploadModel(folder_ / "other/ctr/2", "ctr", "2").ok());  // now there is room for another one
  EXPECT_TRUE(absl::IsNotFound(client_->GetModel("ctr", "3").status()));

  request.set_delete_files(false);  // what is not held, but there, is not replaced either
  ASSERT_TRUE(client_->DeleteModel(request).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(client_->UploadModel(folder_ / "away/ctr/2", "ctr", "2").status()));
  std::ofstream(folder_ / "models/ctr/2/weights.safetensors") << "damaged";
  const auto damaged = client_->UploadModel(folder_ / "other/ctr/2", "ctr", "2").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(damaged)) << damaged;  // the next start would not serve it
}

TEST_F(ModelsTest, WhateverFailsAnUploadLeavesNothing) {
  const auto before = Tree();
  const auto good = FilesOf(folder_ / "away/ctr/2");
  const auto refused = [&](const std::string& name, const std::string& version,
                           const std::vector<std::pair<std::string, std::string>>& chunks) {
    const grpc::Status status = Send(name, version, chunks);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_EQ(Tree(), before);
    return status.error_message();
  };
  EXPECT_THAT(refused("", "", {}), HasSubstr("header: "));
  EXPECT_THAT(refused("", "", good), HasSubstr("header: must come first"));
  for (const char* bad : {"..", ".", "", "a/b", "../../x", "/tmp/x", "x\n"}) {
    EXPECT_THAT(refused("ctr", bad, good), HasSubstr("header.version: ")) << bad;
    if (*bad == '\0') continue;  // for which no header is sent
    EXPECT_THAT(refused(bad, "2", good), HasSubstr("header.name: ")) << bad;
  }
  for (const char* bad : {"", "../model.json", "/etc/passwd", "model.json/", "sub/model.json", "run.sh"}) {
    auto files = good;
    files.emplace_back(bad, "x");
    EXPECT_THAT(refused("ctr", "2", files), HasSubstr("chunk.file: ")) << bad;
  }
  EXPECT_THAT(refused("ctr", "2", {good[0], good[1]}), HasSubstr("weights.safetensors is missing"));
  EXPECT_THAT(refused("ctr", "2", {good[0], good[1], good[2], good[0]}), HasSubstr("has ended"));
  EXPECT_THAT(refused("ctr", "3", good), HasSubstr("ctr@2"));
  EXPECT_THAT(refused("new", "2", good), HasSubstr("ctr@2"));
  auto damaged = good;
  damaged[2].second.back() ^= 1;
  EXPECT_THAT(refused("ctr", "2", damaged), HasSubstr("ctr/2/SHA256SUMS: does not match weights.safetensors"));
  damaged = good;
  damaged[0].second.append(5000, ' ');
  EXPECT_EQ(Send("ctr", "2", damaged).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Tree(), before);
  for (size_t files = 0; files <= good.size(); ++files) {
    EXPECT_FALSE(Send("ctr", "2", {good.begin(), good.begin() + files}, /*cut=*/true).ok());
  }
  EXPECT_EQ(TreeInTheEnd(before), before);
  EXPECT_TRUE(absl::IsNotFound(client_->GetModel("ctr", "2").status()));
  EXPECT_EQ(client_->ListModels("")->size(), 1u);  // nothing of them is remembered

  std::filesystem::create_directory_symlink(folder_ / "away", folder_ / "models/away");
  std::string refusal = Send("away", "2", good).error_message();
  for (int i = 0; i < 500 && refusal.find("uploads are under way") != std::string::npos; ++i) {  // those that were cut
    absl::SleepFor(absl::Milliseconds(10));
    refusal = Send("away", "2", good).error_message();
  }
  EXPECT_THAT(refusal, HasSubstr("header.name: 'away' is not a folder"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "away/2"));
}

TEST_F(ModelsTest, AnUploadMayBeTooLarge) {
  Start([](ServerOptions& options) { options.max_upload_bytes = 100; });
  const auto before = Tree();
  const auto status = client_->UploadModel(folder_ / "away/ctr/2", "ctr", "2").status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(Tree(), before);
}

TEST_F(ModelsTest, WhatAKilledServerLeftGoesWithTheNextStart) {
  const auto before = Tree();
  std::filesystem::create_directories(folder_ / "models/.@upload.tmp-Ab12Cd");
  std::ofstream(folder_ / "models/.@upload.tmp-Ab12Cd/model.json") << "half";
  std::filesystem::create_directories(folder_ / "models/.@deleted.tmp-Ab12Ce");
  Start();
  EXPECT_EQ(Tree(), before);
}

TEST_F(ModelsTest, NoCallFailsWhileModelsComeAndGo) {
  ASSERT_TRUE(client_->UploadModel(folder_ / "away/ctr/2", "ctr", "2").ok());
  tests::WriteLogistic(folder_ / "away", "ctr", "3", -1);
  std::atomic<bool> stop = false;
  std::atomic<int> calls = 0, failed = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; !stop; ++i) {
        const auto outcome = client_->RunAuction(Request(absl::StrCat("t", t, "-", i)));
        EXPECT_TRUE(outcome.ok()) << outcome.status();
        failed += !outcome.ok();
        ++calls;
      }
    });
  }
  vickrey::v1::DeleteModelRequest gone;
  gone.set_name("ctr");
  gone.set_version("3");
  int moves = 0;
  for (const absl::Time end = absl::Now() + absl::Seconds(3); moves < 3 || absl::Now() < end; ++moves) {
    EXPECT_TRUE(Label("stable", moves % 2 == 0 ? "2" : "1").ok());
    const auto uploaded = client_->UploadModel(folder_ / "away/ctr/3", "ctr", "3");
    EXPECT_TRUE(uploaded.ok()) << uploaded.status();
    EXPECT_TRUE(Label("canary", "3", 0.5).ok());
    EXPECT_TRUE(Label("shadow", moves % 2 == 0 ? "1" : "3").ok());
    for (const char* label : {"canary", "shadow"}) EXPECT_TRUE(Label(label, "").ok());
    gone.set_delete_files(moves % 2 == 0);
    EXPECT_TRUE(client_->DeleteModel(gone).ok());
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(calls, 10);
}

TEST_F(ModelsTest, AShadowNeverChangesAnAnswer) {
  ASSERT_TRUE(client_->UploadModel(folder_ / "away/ctr/2", "ctr", "2").ok());
  Start([&](ServerOptions& options) {
    options.models = {"ctr/2", "ctr/1"};
    options.log = folder_ / "log";
  });
  constexpr int kAuctions = 100;
  const auto answers = [&](bool log) {
    std::vector<std::string> all;
    for (int i = 0; i < kAuctions; ++i) {
      RunAuctionRequest request = Request(absl::StrCat("a", i));
      request.set_log(log);
      const auto outcome = client_->RunAuction(request);
      EXPECT_TRUE(outcome.ok()) << outcome.status();
      all.push_back(outcome->SerializeAsString());
    }
    return all;
  };
  const auto plain = answers(false);
  const auto logged = answers(true);
  ASSERT_TRUE(Label("shadow", "2").ok());
  EXPECT_EQ(answers(false), plain);
  EXPECT_EQ(answers(true), logged);  // a shadow that took the auction from the record would make it a conflict
  vickrey::v1::PredictRequest predict;
  predict.mutable_model()->set_name("ctr");
  *predict.mutable_auction() = MakeAuction("p");
  EXPECT_EQ(client_->Predict(predict)->ad_ids_size(), 2);

  const int asked = 2 * kAuctions + 1;
  vickrey::v1::ShadowStatistics statistics;
  for (int i = 0; i < 6000 && statistics.auctions() + statistics.dropped() < asked; ++i) {
    absl::SleepFor(absl::Milliseconds(10));
    statistics = client_->GetModel("ctr", "2")->shadow();
  }
  EXPECT_EQ(statistics.auctions() + statistics.dropped(), asked);
  EXPECT_EQ(statistics.failed(), 0);
  ASSERT_GT(statistics.auctions(), 0);
  EXPECT_EQ(statistics.candidates(), 2 * statistics.auctions());
  // Of candidates with x = 0 and 1: sigmoid(-3), sigmoid(-2) against sigmoid(-2), sigmoid(-1).
  EXPECT_NEAR(statistics.mean_pctr(), (0.04742587 + 0.11920292) / 2, 1e-7);
  EXPECT_NEAR(statistics.mean_answered_pctr(), (0.11920292 + 0.26894142) / 2, 1e-7);
  EXPECT_NEAR(statistics.mean_absolute_difference(), (0.26894142 - 0.04742587) / 2, 1e-7);
  EXPECT_FALSE(client_->GetModel("ctr", "1")->has_shadow());
}

TEST_F(ModelsTest, WhoMayReadMayNotChange) {
  std::ofstream(folder_ / "tokens.yaml") << "tokens: [{name: reader, roles: [read, predict, write_log], sha256: "
                                         << base::Sha256Hex("r") << "}]";
  Start([&](ServerOptions& options) { options.tokens = folder_ / "tokens.yaml"; });
  const auto stub =
      vickrey::v1::ModelService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  const auto code = [&](const auto& call) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer r");
    return call(&context).error_code();
  };
  const auto ask = [&](auto method, auto request, auto response) {
    return code([&](grpc::ClientContext* context) { return (stub.get()->*method)(context, request, &response); });
  };
  using Stub = vickrey::v1::ModelService::Stub;
  vickrey::v1::GetModelRequest get;
  get.set_name("ctr");
  get.set_version("1");
  EXPECT_EQ(ask(&Stub::GetModel, get, vickrey::v1::GetModelResponse()), grpc::StatusCode::OK);
  EXPECT_EQ(ask(&Stub::DeleteModel, vickrey::v1::DeleteModelRequest(), vickrey::v1::DeleteModelResponse()),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(code([&](grpc::ClientContext* context) {
              vickrey::v1::UploadModelResponse response;
              const auto stream = stub->UploadModel(context, &response);
              stream->WritesDone();
              return stream->Finish();
            }),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(absl::IsUnauthenticated(client_->GetModel("ctr", "1").status()));
}

}  // namespace
}  // namespace vickrey::server
