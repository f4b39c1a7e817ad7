// Reading a server's log and its snapshots, over loopback.
#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/server.h"
#include "tests/e2e/callback_queue.h"
#include "tests/e2e/test_models.h"
#include "vickrey/base/status.h"
#include "vickrey/log/reader.h"
#include "vickrey/v1/impression_log_service.grpc.pb.h"

namespace vickrey::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using vickrey::v1::LoggedAuction;
using vickrey::v1::ReadAuctionsRequest;
using vickrey::v1::ReadAuctionsResponse;

constexpr int64_t kTime = 1'704'067'200'000'000;
constexpr int kPlaces = 8;  // for reading, of a server
constexpr int kHour = 3600;

[[maybe_unused]] testing::Environment* const kOneQueue = testing::AddGlobalTestEnvironment(new tests::OneCallbackQueue);

LoggedAuction Record(int i, size_t bytes = 0) {
  LoggedAuction record;
  auto& auction = *record.mutable_auction();
  auction.set_auction_id(absl::StrCat("a", i));
  auction.set_event_time(kTime + i);
  auction.set_currency_code("USD");
  auto& candidate = *auction.add_candidates();
  candidate.set_ad_id("ad");
  candidate.mutable_bid()->set_micros(1'000'000);
  record.add_candidates()->set_slot(1);
  if (bytes > 0) {
    (*candidate.mutable_features()->mutable_named()->mutable_fields())["text"].set_string_value(
        std::string(bytes, 'x'));
  }
  return record;
}

class LogServiceTest : public testing::Test {
 protected:
  LogServiceTest() : folder_(tests::FreshFolder("log_service_test")) {
    tests::WriteLogistic(folder_ / "models", "ctr", "1", -2);
    options_.artifact_root = folder_ / "models";
    options_.log = folder_ / "log";
    options_.models = {"ctr/1"};
    options_.drain = absl::Seconds(1);
    Restart();
  }
  ~LogServiceTest() override {
    client_ = nullptr;
    server_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  void Restart() {
    server_ = nullptr;
    auto server = Server::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client_ = std::make_unique<client::Client>(server_->address());
    stub_ = vickrey::v1::ImpressionLogService::NewStub(
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  void Append(int begin, int end, size_t bytes = 0) const {
    std::vector<LoggedAuction> records;
    for (int i = begin; i < end; ++i) records.push_back(Record(i, bytes));
    std::vector<vickrey::v1::AppendAuctionResult> results;
    const absl::Status status = client_->AppendAuctions(records, &results);
    ASSERT_TRUE(status.ok()) << status;
  }
  // More than the buffers between here and there hold.
  void AppendMuch() const {
    for (int i = 0; i < 200; i += 50) Append(i, i + 50, 200'000);
  }
  void Click(int i, int64_t after) const {
    vickrey::v1::Feedback click;
    click.set_feedback_id(absl::StrCat("f", i));
    click.set_auction_id(absl::StrCat("a", i));
    click.set_ad_id("ad");
    click.set_kind(vickrey::v1::Feedback::CLICK);
    click.set_event_time(kTime + after);
    std::vector<vickrey::v1::AppendFeedbackResult> results;
    const absl::Status status = client_->AppendFeedback({click}, &results);
    ASSERT_TRUE(status.ok()) << status;
  }

  std::vector<ReadAuctionsResponse> Read(const ReadAuctionsRequest& request = {}) const {
    std::vector<ReadAuctionsResponse> read;
    const absl::Status status = client_->ReadAuctions(request, [&](ReadAuctionsResponse response) {
      read.push_back(std::move(response));
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return read;
  }
  std::vector<std::string> Ids(const ReadAuctionsRequest& request = {}) const {
    std::vector<std::string> ids;
    for (const auto& response : Read(request)) ids.push_back(response.record().auction().auction_id());
    return ids;
  }
  // The status of a read that is to fail, or of one that takes the first auction only.
  absl::Status Try(ReadAuctionsRequest request = {}) const {
    request.set_limit(request.limit() == 0 ? 1 : request.limit());
    return client_->ReadAuctions(request, [](const auto&) { return absl::OkStatus(); });
  }
  absl::Status Predict() const {
    vickrey::v1::PredictRequest request;
    request.mutable_model()->set_name("ctr");
    *request.mutable_auction() = Record(0).auction();
    return client_->Predict(request).status();
  }

  // A read whose answers nobody takes, once it has begun.
  struct Stalled {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<ReadAuctionsResponse>> reader;
  };
  std::unique_ptr<Stalled> Stall(absl::Duration deadline = absl::InfiniteDuration()) const {
    auto stalled = std::make_unique<Stalled>();
    if (deadline < absl::InfiniteDuration()) {
      stalled->context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    }
    stalled->reader = stub_->ReadAuctions(&stalled->context, ReadAuctionsRequest());
    ReadAuctionsResponse response;
    EXPECT_TRUE(stalled->reader->Read(&response));
    return stalled;
  }
  void ExpectAPlaceSoon() const {
    absl::Status status = Try();
    for (int i = 0; i < 1000 && absl::IsResourceExhausted(status); ++i) {
      absl::SleepFor(absl::Milliseconds(10));
      status = Try();
    }
    EXPECT_TRUE(status.ok()) << status;
  }

  const std::filesystem::path folder_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<vickrey::v1::ImpressionLogService::Stub> stub_;
};

TEST_F(LogServiceTest, ReadsWhatAScanReads) {
  Append(0, 50);
  Click(7, 1000);
  Click(8, int64_t{10} * kHour * 1'000'000);
  const std::string snapshot = client_->CreateSnapshot()->snapshot_id();
  Append(50, 60);
  EXPECT_EQ(Ids().size(), 60u);
  ReadAuctionsRequest request;
  request.set_snapshot_id(snapshot);
  request.set_from(kTime + 5);
  request.set_to(kTime + 45);
  request.set_as_of(kTime + int64_t{2} * kHour * 1'000'000);
  const auto read = Read(request);
  const auto reader = log::LogReader::Open(folder_ / "log", snapshot).value();
  const auto scan = reader->NewScan({.from = request.from(), .to = request.to(), .as_of = request.as_of()}).value();
  LoggedAuction expected;
  for (const auto& response : read) {
    ASSERT_TRUE(scan->Next(&expected).value());
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(response.record(), expected));
    EXPECT_EQ(response.cursor(), scan->cursor());
  }
  EXPECT_FALSE(scan->Next(&expected).value());
  ASSERT_EQ(read.size(), 40u);
  EXPECT_TRUE(read[2].record().candidates(0).click());
  EXPECT_FALSE(read[3].record().candidates(0).click());  // not known yet
  request.clear_as_of();
  EXPECT_TRUE(Read(request)[3].record().candidates(0).click());

  request.set_limit(3);
  request.set_cursor(read[9].cursor());
  EXPECT_THAT(Ids(request), ElementsAre("a15", "a16", "a17"));
  request.set_as_of(kTime + 20);
  request.mutable_label_window()->set_nanos(4'000);
  const auto young = Read(request);
  EXPECT_TRUE(young[1].record().candidates(0).has_click());   // of 16, at 20: just old enough
  EXPECT_FALSE(young[2].record().candidates(0).has_click());  // of 17
}

TEST_F(LogServiceTest, NamesTheFieldOfEveryBadRequest) {
  Append(0, 2);
  const std::string snapshot = client_->CreateSnapshot()->snapshot_id();
  const auto message = [&](auto change) {
    ReadAuctionsRequest request;
    change(request);
    const absl::Status status = Try(request);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  using R = ReadAuctionsRequest;
  EXPECT_THAT(message([](R& r) { r.set_from(-1); }), StartsWith("from: -1"));
  EXPECT_THAT(message([](R& r) { r.set_to(-1); }), StartsWith("to: -1"));
  EXPECT_THAT(message([](R& r) { r.set_as_of(-1); }), StartsWith("as_of: -1"));
  EXPECT_THAT(message([](R& r) { r.set_limit(-1); }), StartsWith("limit: -1"));
  EXPECT_THAT(message([](R& r) { r.mutable_label_window()->set_seconds(-1); }), StartsWith("label_window: -1"));
  EXPECT_THAT(message([](R& r) { r.mutable_label_window()->set_nanos(-1); }), StartsWith("label_window: "));
  EXPECT_THAT(message([](R& r) { r.mutable_label_window()->set_seconds(int64_t{1} << 62); }),
              StartsWith("label_window: "));
  EXPECT_THAT(message([](R& r) { r.set_cursor("x"); }), StartsWith("cursor: "));
  const std::string cursor = Read()[0].cursor();
  EXPECT_THAT(message([&](R& r) { r.set_cursor(cursor), r.set_snapshot_id(snapshot); }), StartsWith("cursor: "));
  for (const char* bad : {"s0", "../log", "a b", "."}) {
    R request;
    request.set_snapshot_id(bad);
    for (const absl::Status& status :
         {Try(request), client_->GetLogStats(bad).status(), client_->DeleteSnapshot(bad).status()}) {
      EXPECT_TRUE(absl::IsNotFound(status)) << status;
      EXPECT_THAT(std::string(status.message()), StartsWith(absl::StrCat("snapshot_id: '", bad, "'")));
      EXPECT_THAT(std::string(status.message()), HasSubstr(snapshot));  // what there is
    }
  }
  EXPECT_EQ(base::FieldOf(client_->DeleteSnapshot("").status()), "snapshot_id");
}

TEST_F(LogServiceTest, CountsWhatIsThere) {
  Append(0, 10);
  Click(3, 5);
  const std::string snapshot = client_->CreateSnapshot()->snapshot_id();
  Append(10, 20);
  for (const auto& [id, auctions] : {std::pair<std::string, int>("", 20), {snapshot, 10}}) {
    const auto stats = client_->GetLogStats(id);
    ASSERT_TRUE(stats.ok()) << stats.status();
    EXPECT_EQ(stats->auctions(), auctions);
    EXPECT_EQ(stats->clicks(), 1);
    EXPECT_EQ(stats->feedback(), 1);
    EXPECT_EQ(stats->from(), kTime);
    EXPECT_EQ(stats->to(), kTime + auctions - 1);
    EXPECT_GT(stats->bytes(), 0);
  }
}

TEST_F(LogServiceTest, ListsSnapshotsInPagesAndDeletesThem) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) {
    Append(i, i + 1);
    const auto snapshot = client_->CreateSnapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_EQ(snapshot->auctions(), i + 1);
    EXPECT_EQ(snapshot->digest().size(), 64u);
    EXPECT_EQ(client_->CreateSnapshot()->created_time(), snapshot->created_time());  // the same contents
    made.push_back(snapshot->snapshot_id());
  }
  std::vector<std::string> listed;
  vickrey::v1::ListSnapshotsRequest request;
  request.set_page_size(2);
  for (int page = 0; page < 3; ++page) {
    grpc::ClientContext context;
    vickrey::v1::ListSnapshotsResponse response;
    ASSERT_TRUE(stub_->ListSnapshots(&context, request, &response).ok());
    for (const auto& snapshot : response.snapshots()) listed.push_back(snapshot.snapshot_id());
    request.set_page_token(response.next_page_token());
    EXPECT_EQ(request.page_token().empty(), page == 2);
    if (page == 0) {  // the token's own
      EXPECT_TRUE(client_->DeleteSnapshot(made[1]).ok());
    }
  }
  EXPECT_EQ(listed, made);
  EXPECT_EQ(client_->ListSnapshots()->size(), 4u);
  const auto why = [&](int size, const std::string& token) {
    request.set_page_size(size), request.set_page_token(token);
    grpc::ClientContext context;
    vickrey::v1::ListSnapshotsResponse response;
    return stub_->ListSnapshots(&context, request, &response).error_message();
  };
  EXPECT_THAT(why(-1, ""), StartsWith("page_size: -1"));
  EXPECT_THAT(why(1001, ""), StartsWith("page_size: 1001"));
  for (const char* bad : {"x", "/", "1/", "x/s1", "1/a b"}) EXPECT_THAT(why(0, bad), StartsWith("page_token: '"));

  // Who reads a snapshot reads on.
  int read = 0;
  ReadAuctionsRequest last;
  last.set_snapshot_id(made[4]);
  EXPECT_TRUE(client_
                  ->ReadAuctions(last,
                                 [&](const auto&) {
                                   return read++ == 0 ? client_->DeleteSnapshot(made[4]).status() : absl::OkStatus();
                                 })
                  .ok());
  EXPECT_EQ(read, 5);
}

TEST_F(LogServiceTest, ASnapshotHasAllThatWasAcknowledged) {
  std::atomic<bool> stop = false;
  std::atomic<int> acknowledged = 0;
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) {
      Append(i * 10, (i + 1) * 10);
      acknowledged = (i + 1) * 10;
    }
  });
  for (int i = 0; i < 8; ++i) {
    const int before = acknowledged;
    const auto snapshot = client_->CreateSnapshot();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_GE(snapshot->auctions(), before);
    const int known = acknowledged;
    EXPECT_GE(static_cast<int>(Ids().size()), known);
  }
  stop = true;
  writer.join();
  EXPECT_GT(acknowledged, 0);
}

TEST_F(LogServiceTest, ReadersThatStopReadingTakeNothingButTheirPlaces) {
  AppendMuch();
  std::vector<std::unique_ptr<Stalled>> stalled;
  for (int i = 0; i < kPlaces; ++i) stalled.push_back(Stall());
  for (int i = 0; i < 50; ++i) {
    const absl::Time begin = absl::Now();
    EXPECT_TRUE(Predict().ok()) << Predict();
    EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  }
  Append(1000, 1010);
  EXPECT_TRUE(client_->CreateSnapshot().ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Try())) << Try();
  EXPECT_TRUE(absl::IsResourceExhausted(client_->GetLogStats("").status()));

  stalled[3]->context.TryCancel();  // which frees its place
  ExpectAPlaceSoon();
  stalled[3] = Stall();
  // One that was only slow gets all that was there when it began.
  int read = 1;
  ReadAuctionsResponse response;
  while (stalled[0]->reader->Read(&response)) ++read;
  EXPECT_TRUE(stalled[0]->reader->Finish().ok());
  EXPECT_EQ(read, 200);
  ExpectAPlaceSoon();
  for (size_t i = 1; i < stalled.size(); ++i) stalled[i]->context.TryCancel();
}

TEST_F(LogServiceTest, ADeadlineEndsARead) {
  AppendMuch();
  std::vector<std::unique_ptr<Stalled>> stalled;
  for (int i = 0; i < kPlaces; ++i) stalled.push_back(Stall(absl::Seconds(1)));
  ExpectAPlaceSoon();
  ReadAuctionsResponse response;
  while (stalled[0]->reader->Read(&response)) {
  }
  EXPECT_EQ(stalled[0]->reader->Finish().error_code(), grpc::DEADLINE_EXCEEDED);
}

TEST_F(LogServiceTest, OneWhoTakesNothingIsLetGo) {
  options_.idle = absl::Seconds(1);
  Restart();
  AppendMuch();
  std::vector<std::unique_ptr<Stalled>> stalled;
  for (int i = 0; i < kPlaces; ++i) stalled.push_back(Stall());
  ExpectAPlaceSoon();
  absl::SleepFor(2 * options_.idle);  // by then all of them have ended, not only the first
  ReadAuctionsResponse response;
  int read = 1;
  while (stalled[0]->reader->Read(&response)) ++read;
  EXPECT_FALSE(stalled[0]->reader->Finish().ok());
  EXPECT_LT(read, 200);
  // One that takes something now and then is not idle.
  const auto slow = Stall();
  for (read = 1; slow->reader->Read(&response); ++read) {
    if (read % 50 == 0) absl::SleepFor(absl::Milliseconds(150));
  }
  EXPECT_TRUE(slow->reader->Finish().ok());
  EXPECT_EQ(read, 200);
}

TEST_F(LogServiceTest, AReaderMayStop) {
  Append(0, 100);
  int read = 0;
  const absl::Status status = client_->ReadAuctions(
      {}, [&](const auto&) { return ++read == 3 ? absl::AlreadyExistsError("enough") : absl::OkStatus(); });
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_EQ(read, 3);
}

TEST_F(LogServiceTest, DrainsWithOpenStreams) {
  AppendMuch();
  const auto stalled = Stall();
  grpc::ClientContext context;
  const auto stream = stub_->AppendAuctions(&context);
  vickrey::v1::AppendAuctionsRequest request;
  *request.mutable_record() = Record(1000);
  ASSERT_TRUE(stream->Write(request));
  vickrey::v1::AppendAuctionsResponse response;
  ASSERT_TRUE(stream->Read(&response));  // and no end is sent
  const absl::Time begin = absl::Now();
  server_->Drain();
  EXPECT_LT(absl::Now() - begin, options_.drain + absl::Seconds(5));
}

TEST_F(LogServiceTest, WithoutALogItSaysSo) {
  options_.log = std::nullopt;
  Restart();
  EXPECT_TRUE(absl::IsFailedPrecondition(Try())) << Try();
  EXPECT_TRUE(absl::IsFailedPrecondition(client_->GetLogStats("").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(client_->CreateSnapshot().status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(client_->ListSnapshots().status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(client_->DeleteSnapshot("s1").status()));
}

}  // namespace
}  // namespace vickrey::server
