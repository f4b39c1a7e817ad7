// The client of vickrey-server: gRPC and the protocol files, nothing else.
#ifndef CLIENT_CLIENT_H_
#define CLIENT_CLIENT_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "vickrey/v1/auction_service.pb.h"
#include "vickrey/v1/feedback.pb.h"
#include "vickrey/v1/impression_log_service.pb.h"
#include "vickrey/v1/lines.pb.h"
#include "vickrey/v1/log_results.pb.h"
#include "vickrey/v1/model.pb.h"
#include "vickrey/v1/model_service.pb.h"
#include "vickrey/v1/prediction_service.pb.h"

namespace vickrey::client {

// NAME, NAME@VERSION or NAME:LABEL. INVALID_ARGUMENT for anything else. A name may hold colons: what follows the last
// one is the label.
absl::StatusOr<vickrey::v1::ModelRef> ParseModelRef(std::string_view text);

// How a server is spoken to. All texts are PEM; empty: none.
struct Security {
  std::string ca;                // TLS, with a server whose certificate is by this authority
  std::string certificate, key;  // of the caller, where the server asks for one
  std::string token;             // sent with every call; without TLS anybody on the way can read it
};

// A connection to a server. Calls that fail because it cannot be reached (UNAVAILABLE), and predictions and auctions
// that it cancels, as servers of gRPC do when they end, are tried again, four times in all, by gRPC; every call ends
// after `timeout` (an append after 10 ms a record more) with DEADLINE_EXCEEDED. Errors are the server's, and name the
// address where it cannot be reached; what the server cancels is UNAVAILABLE.
//
// Thread-safe.
class Client {
 public:
  struct Options {
    absl::Duration timeout = absl::Seconds(20);
    Security security = {};
  };

  // Does not wait for the server: the first call does.
  Client(std::string address, Options options);
  explicit Client(std::string address) : Client(std::move(address), Options{}) {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& address() const;

  absl::StatusOr<vickrey::v1::PredictResponse> Predict(const vickrey::v1::PredictRequest& request) const;
  absl::StatusOr<vickrey::v1::Outcome> RunAuction(const vickrey::v1::RunAuctionRequest& request) const;
  // The same without waiting: `done` comes on a thread of gRPC and must not block. The client must outlive it.
  void RunAuction(vickrey::v1::RunAuctionRequest request,
                  std::function<void(absl::StatusOr<vickrey::v1::Outcome>)> done) const;

  absl::StatusOr<vickrey::v1::ModelInfo> RegisterModel(const std::string& path) const;
  // Sends the artifact in `folder`, which says that it is this name and version. It may take a second a MiB more than
  // `timeout`.
  absl::StatusOr<vickrey::v1::ModelInfo> UploadModel(const std::filesystem::path& folder, const std::string& name,
                                                     const std::string& version) const;
  absl::StatusOr<vickrey::v1::ModelInfo> GetModel(const std::string& name, const std::string& version) const;
  absl::StatusOr<vickrey::v1::ModelInfo> DeleteModel(const vickrey::v1::DeleteModelRequest& request) const;
  absl::StatusOr<std::vector<vickrey::v1::ModelInfo>> SetModelLabel(
      const vickrey::v1::SetModelLabelRequest& request) const;
  // All versions (of `name`, where it is not empty), whatever the number of pages.
  absl::StatusOr<std::vector<vickrey::v1::ModelInfo>> ListModels(const std::string& name) const;

  // Appends over one stream and waits until all are on disk. On an error `results` has those that were acknowledged.
  absl::Status AppendAuctions(const std::vector<vickrey::v1::LoggedAuction>& records,
                              std::vector<vickrey::v1::AppendAuctionResult>* results) const;
  absl::Status AppendFeedback(const std::vector<vickrey::v1::Feedback>& reports,
                              std::vector<vickrey::v1::AppendFeedbackResult>* results) const;

  // Calls `f` on each auction as it comes. Its first error ends the reading, and is the answer. These three take as
  // long as the log is big, so that no timeout ends them: only a server that is gone does.
  absl::Status ReadAuctions(const vickrey::v1::ReadAuctionsRequest& request,
                            const std::function<absl::Status(vickrey::v1::ReadAuctionsResponse)>& f) const;
  // Of a snapshot; empty: of the log as it is.
  absl::StatusOr<vickrey::v1::LogStatsLine> GetLogStats(const std::string& snapshot_id) const;
  absl::StatusOr<vickrey::v1::Snapshot> CreateSnapshot() const;
  // All, the oldest first, whatever the number of pages.
  absl::StatusOr<std::vector<vickrey::v1::Snapshot>> ListSnapshots() const;
  absl::StatusOr<vickrey::v1::Snapshot> DeleteSnapshot(const std::string& snapshot_id) const;

  // Whether the server takes calls, by the standard health service.
  absl::StatusOr<bool> IsServing() const;

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace vickrey::client

#endif  // CLIENT_CLIENT_H_
