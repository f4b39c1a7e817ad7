// Snapshots of the log.
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/services.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/snapshot.h"

namespace vickrey::server {
namespace {

using vickrey::storage::v1::SnapshotManifest;

const Method kCreateSnapshot = {.name = "ImpressionLogService.CreateSnapshot", .role = Role::kAdminister};
const Method kListSnapshots = {.name = "ImpressionLogService.ListSnapshots", .role = Role::kRead};
const Method kDeleteSnapshot = {.name = "ImpressionLogService.DeleteSnapshot", .role = Role::kAdminister};

constexpr int kDefaultPage = 100, kMaxPage = 1000;

vickrey::v1::Snapshot SnapshotOf(const SnapshotManifest& manifest) {
  vickrey::v1::Snapshot snapshot;
  snapshot.set_snapshot_id(manifest.snapshot_id());
  snapshot.set_auctions(manifest.auctions());
  snapshot.set_digest(manifest.digest());
  snapshot.set_created_time(manifest.created_time());
  return snapshot;
}

// Answers a call by `f` (of the Call, giving an absl::Status) on the worker's thread.
template <typename F>
grpc::ServerUnaryReactor* AnswerOn(Worker* worker, const LogWriter* log, Gate* gate,
                                   grpc::CallbackServerContext* context, const Method& method, F f) {
  auto* reactor = context->DefaultReactor();
  const auto call = std::make_shared<Call>(gate, context, method);
  absl::Status status = call->admission();
  if (status.ok() && log == nullptr) status = absl::FailedPreconditionError("this server was started without a log");
  if (!status.ok()) {
    reactor->Finish(call->End(status));
    return reactor;
  }
  worker->Run([reactor, call, f = std::move(f)] {
    // It may have waited.
    const absl::Status wanted = call->CheckWanted();
    reactor->Finish(call->End(wanted.ok() ? f(*call) : wanted));
  });
  return reactor;
}

// The order of a list, which a page's token is a place in: that of its last snapshot, which need not be there any more.
using Place = std::tuple<int64_t, std::string>;
Place PlaceOf(const SnapshotManifest& manifest) { return {manifest.created_time(), manifest.snapshot_id()}; }

absl::StatusOr<Place> ParseToken(const std::string& token) {
  const size_t slash = token.find('/');
  Place place;
  if (slash != std::string::npos && absl::SimpleAtoi(token.substr(0, slash), &std::get<0>(place)) &&
      features::IsId(token.substr(slash + 1))) {
    std::get<1>(place) = token.substr(slash + 1);
    return place;
  }
  return base::InvalidField("page_token", absl::StrCat("'", token, "' is not a token of an answer"));
}

absl::Status List(const log::ImpressionLog& log, const vickrey::v1::ListSnapshotsRequest& request,
                  vickrey::v1::ListSnapshotsResponse* response) {
  if (request.page_size() < 0 || request.page_size() > kMaxPage) {
    return base::InvalidField("page_size", absl::StrCat(request.page_size(), " is out of range; 1 to ", kMaxPage,
                                                        ", or 0 for ", kDefaultPage, ", are allowed"));
  }
  const int page = request.page_size() == 0 ? kDefaultPage : request.page_size();
  Place after(std::numeric_limits<int64_t>::min(), "");
  if (!request.page_token().empty()) {
    ASSIGN_OR_RETURN(after, ParseToken(request.page_token()));
  }
  ASSIGN_OR_RETURN(const auto manifests, log::ListSnapshots(log.path()));
  const SnapshotManifest* last = nullptr;
  for (const SnapshotManifest& manifest : manifests) {
    if (PlaceOf(manifest) <= after) continue;
    if (response->snapshots_size() == page) {
      response->set_next_page_token(absl::StrCat(last->created_time(), "/", last->snapshot_id()));
      break;
    }
    *response->add_snapshots() = SnapshotOf(manifest);
    last = &manifest;
  }
  return absl::OkStatus();
}

absl::Status Delete(const log::ImpressionLog& log, const std::string& snapshot_id,
                    vickrey::v1::DeleteSnapshotResponse* response) {
  if (snapshot_id.empty()) return base::InvalidField("snapshot_id", "is required");
  const auto manifest = log::FindSnapshot(log.path(), snapshot_id);
  if (absl::IsNotFound(manifest.status())) return base::Annotate(manifest.status(), "snapshot_id");
  RETURN_IF_ERROR(manifest);
  RETURN_IF_ERROR(log::DeleteSnapshot(log.path(), snapshot_id));
  *response->mutable_snapshot() = SnapshotOf(*manifest);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* ImpressionLogService::CreateSnapshot(grpc::CallbackServerContext* context,
                                                               const vickrey::v1::CreateSnapshotRequest* /*request*/,
                                                               vickrey::v1::CreateSnapshotResponse* response) {
  return AnswerOn(&freezer_, log_, &gate_, context, kCreateSnapshot,
                  [this, response](const Call& call) -> absl::Status {
                    ASSIGN_OR_RETURN(const SnapshotManifest manifest,
                                     log_->log().CreateSnapshot([&call] { return call.CheckWanted(); }));
                    *response->mutable_snapshot() = SnapshotOf(manifest);
                    return absl::OkStatus();
                  });
}

grpc::ServerUnaryReactor* ImpressionLogService::ListSnapshots(grpc::CallbackServerContext* context,
                                                              const vickrey::v1::ListSnapshotsRequest* request,
                                                              vickrey::v1::ListSnapshotsResponse* response) {
  return AnswerOn(&keeper_, log_, &gate_, context, kListSnapshots,
                  [this, request, response](const Call&) { return List(log_->log(), *request, response); });
}

grpc::ServerUnaryReactor* ImpressionLogService::DeleteSnapshot(grpc::CallbackServerContext* context,
                                                               const vickrey::v1::DeleteSnapshotRequest* request,
                                                               vickrey::v1::DeleteSnapshotResponse* response) {
  return AnswerOn(&keeper_, log_, &gate_, context, kDeleteSnapshot, [this, request, response](const Call&) {
    return Delete(log_->log(), request->snapshot_id(), response);
  });
}

}  // namespace vickrey::server
