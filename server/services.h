// The services of vickrey-server. Every call is checked before anything is used; errors name the field.
#ifndef SERVER_SERVICES_H_
#define SERVER_SERVICES_H_

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "server/arena_messages.h"
#include "server/background.h"
#include "server/gate.h"
#include "server/log_writer.h"
#include "server/placements.h"
#include "server/read_pool.h"
#include "server/registry.h"
#include "server/shadow.h"
#include "server/timeouts.h"
#include "server/worker.h"
#include "vickrey/v1/auction_service.grpc.pb.h"
#include "vickrey/v1/impression_log_service.grpc.pb.h"
#include "vickrey/v1/model_service.grpc.pb.h"
#include "vickrey/v1/prediction_service.grpc.pb.h"

namespace vickrey::server {

// All are thread-safe; what they are given must outlive them. `log` may be null: a server without a log. `shadow` gets
// what was answered.

class PredictionService final : public vickrey::v1::PredictionService::CallbackService {
 public:
  PredictionService(Gate* gate, const Registry* registry, Shadow* shadow)
      : gate_(*gate), registry_(*registry), shadow_(*shadow) {
    SetMessageAllocatorFor_Predict(&messages_);
  }
  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context, const vickrey::v1::PredictRequest* request,
                                    vickrey::v1::PredictResponse* response) override;

 private:
  ArenaMessages<vickrey::v1::PredictRequest, vickrey::v1::PredictResponse> messages_;
  Gate& gate_;
  const Registry& registry_;
  Shadow& shadow_;
};

class AuctionService final : public vickrey::v1::AuctionService::CallbackService {
 public:
  AuctionService(Gate* gate, const Registry* registry, const Placements* placements, Shadow* shadow, LogWriter* log)
      : gate_(*gate), registry_(*registry), placements_(*placements), shadow_(*shadow), log_(log) {
    SetMessageAllocatorFor_RunAuction(&messages_);
  }
  grpc::ServerUnaryReactor* RunAuction(grpc::CallbackServerContext* context,
                                       const vickrey::v1::RunAuctionRequest* request,
                                       vickrey::v1::RunAuctionResponse* response) override;

 private:
  // `record` is filled where the decision is to be logged; `shadow` is who is to predict it too.
  absl::Status Decide(const vickrey::v1::RunAuctionRequest& request, Call* call, vickrey::v1::Outcome* outcome,
                      vickrey::v1::LoggedAuction* record, ShadowModel* shadow) const;

  ArenaMessages<vickrey::v1::RunAuctionRequest, vickrey::v1::RunAuctionResponse> messages_;
  Gate& gate_;
  const Registry& registry_;
  const Placements& placements_;
  Shadow& shadow_;
  LogWriter* const log_;
};

class ModelService final : public vickrey::v1::ModelService::CallbackService {
 public:
  static constexpr int kMaxUploads = 4;  // at a time

  // `background` is where models are loaded and files are written. `max_upload_bytes`: of one artifact. `idle`: how
  // long an upload may send nothing.
  ModelService(Gate* gate, Registry* registry, Background* background, int64_t max_upload_bytes, absl::Duration idle)
      : gate_(*gate),
        registry_(*registry),
        background_(*background),
        max_upload_bytes_(max_upload_bytes),
        idle_(idle) {}
  grpc::ServerUnaryReactor* RegisterModel(grpc::CallbackServerContext* context,
                                          const vickrey::v1::RegisterModelRequest* request,
                                          vickrey::v1::RegisterModelResponse* response) override;
  grpc::ServerUnaryReactor* SetModelLabel(grpc::CallbackServerContext* context,
                                          const vickrey::v1::SetModelLabelRequest* request,
                                          vickrey::v1::SetModelLabelResponse* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const vickrey::v1::ListModelsRequest* request,
                                       vickrey::v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context, const vickrey::v1::GetModelRequest* request,
                                     vickrey::v1::GetModelResponse* response) override;
  grpc::ServerUnaryReactor* DeleteModel(grpc::CallbackServerContext* context,
                                        const vickrey::v1::DeleteModelRequest* request,
                                        vickrey::v1::DeleteModelResponse* response) override;
  grpc::ServerReadReactor<vickrey::v1::UploadModelRequest>* UploadModel(
      grpc::CallbackServerContext* context, vickrey::v1::UploadModelResponse* response) override;

 private:
  class UploadReactor;

  // Answers by `f`, giving a StatusOr<ModelInfo>, in a job.
  template <typename Response, typename F>
  grpc::ServerUnaryReactor* AnswerLater(grpc::CallbackServerContext* context, const Method& method, std::string about,
                                        Response* response, F f);

  Gate& gate_;
  Registry& registry_;
  Background& background_;
  const int64_t max_upload_bytes_;
  const absl::Duration idle_;
  std::atomic<int> uploads_ = 0;  // under way
  Timeouts timeouts_;
};

class ImpressionLogService final : public vickrey::v1::ImpressionLogService::CallbackService {
 public:
  // `idle`: how long a reader may take nothing.
  ImpressionLogService(Gate* gate, LogWriter* log, absl::Duration idle) : gate_(*gate), log_(log), idle_(idle) {}
  grpc::ServerBidiReactor<vickrey::v1::AppendAuctionsRequest, vickrey::v1::AppendAuctionsResponse>* AppendAuctions(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<vickrey::v1::AppendFeedbackRequest, vickrey::v1::AppendFeedbackResponse>* AppendFeedback(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<vickrey::v1::ReadAuctionsResponse>* ReadAuctions(
      grpc::CallbackServerContext* context, const vickrey::v1::ReadAuctionsRequest* request) override;
  grpc::ServerUnaryReactor* GetLogStats(grpc::CallbackServerContext* context,
                                        const vickrey::v1::GetLogStatsRequest* request,
                                        vickrey::v1::GetLogStatsResponse* response) override;
  grpc::ServerUnaryReactor* CreateSnapshot(grpc::CallbackServerContext* context,
                                           const vickrey::v1::CreateSnapshotRequest* request,
                                           vickrey::v1::CreateSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* ListSnapshots(grpc::CallbackServerContext* context,
                                          const vickrey::v1::ListSnapshotsRequest* request,
                                          vickrey::v1::ListSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteSnapshot(grpc::CallbackServerContext* context,
                                           const vickrey::v1::DeleteSnapshotRequest* request,
                                           vickrey::v1::DeleteSnapshotResponse* response) override;

 private:
  static constexpr int kReads = 8;

  Gate& gate_;
  LogWriter* const log_;
  const absl::Duration idle_;
  ReadPool reads_{kReads};
  Worker freezer_;  // makes snapshots, which takes as long as the log is big
  Worker keeper_;   // lists and deletes them
};

}  // namespace vickrey::server

#endif  // SERVER_SERVICES_H_
