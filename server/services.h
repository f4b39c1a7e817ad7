// The services of vickrey-server. Every call is checked before anything is used; errors name the field.
#ifndef SERVER_SERVICES_H_
#define SERVER_SERVICES_H_

#include <grpcpp/support/server_callback.h>

#include "server/gate.h"
#include "server/log_writer.h"
#include "server/read_pool.h"
#include "server/registry.h"
#include "server/worker.h"
#include "vickrey/v1/auction_service.grpc.pb.h"
#include "vickrey/v1/impression_log_service.grpc.pb.h"
#include "vickrey/v1/model_service.grpc.pb.h"
#include "vickrey/v1/prediction_service.grpc.pb.h"

namespace vickrey::server {

// All are thread-safe; what they are given must outlive them. `log` may be null: a server without a log.

class PredictionService final : public vickrey::v1::PredictionService::CallbackService {
 public:
  PredictionService(Gate* gate, const Registry* registry) : gate_(*gate), registry_(*registry) {}
  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context, const vickrey::v1::PredictRequest* request,
                                    vickrey::v1::PredictResponse* response) override;

 private:
  Gate& gate_;
  const Registry& registry_;
};

class AuctionService final : public vickrey::v1::AuctionService::CallbackService {
 public:
  AuctionService(Gate* gate, const Registry* registry, LogWriter* log)
      : gate_(*gate), registry_(*registry), log_(log) {}
  grpc::ServerUnaryReactor* RunAuction(grpc::CallbackServerContext* context,
                                       const vickrey::v1::RunAuctionRequest* request,
                                       vickrey::v1::RunAuctionResponse* response) override;

 private:
  // `record` is filled where the decision is to be logged.
  absl::Status Decide(const vickrey::v1::RunAuctionRequest& request, Call* call, vickrey::v1::Outcome* outcome,
                      vickrey::v1::LoggedAuction* record) const;

  Gate& gate_;
  const Registry& registry_;
  LogWriter* const log_;
};

class ModelService final : public vickrey::v1::ModelService::CallbackService {
 public:
  // `worker` loads models.
  ModelService(Gate* gate, Registry* registry, Worker* worker) : gate_(*gate), registry_(*registry), worker_(*worker) {}
  grpc::ServerUnaryReactor* RegisterModel(grpc::CallbackServerContext* context,
                                          const vickrey::v1::RegisterModelRequest* request,
                                          vickrey::v1::RegisterModelResponse* response) override;
  grpc::ServerUnaryReactor* SetModelLabel(grpc::CallbackServerContext* context,
                                          const vickrey::v1::SetModelLabelRequest* request,
                                          vickrey::v1::SetModelLabelResponse* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const vickrey::v1::ListModelsRequest* request,
                                       vickrey::v1::ListModelsResponse* response) override;

 private:
  Gate& gate_;
  Registry& registry_;
  Worker& worker_;
};

class ImpressionLogService final : public vickrey::v1::ImpressionLogService::CallbackService {
 public:
  ImpressionLogService(Gate* gate, LogWriter* log) : gate_(*gate), log_(log) {}
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
  ReadPool reads_{kReads};
  Worker freezer_;  // makes snapshots, which takes as long as the log is big
  Worker keeper_;   // lists and deletes them
};

}  // namespace vickrey::server

#endif  // SERVER_SERVICES_H_
