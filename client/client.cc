#include "client/client.h"

#include <google/protobuf/empty.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>

#include <chrono>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/credentials.h"
#include "vickrey/base/grpc_status.h"
#include "vickrey/base/status.h"
#include "vickrey/v1/auction_service.grpc.pb.h"
#include "vickrey/v1/impression_log_service.grpc.pb.h"
#include "vickrey/v1/model_service.grpc.pb.h"
#include "vickrey/v1/prediction_service.grpc.pb.h"

namespace vickrey::client {
namespace {

const absl::Duration kTimeOfRecord = absl::Milliseconds(10);  // more than a slow disk needs
const absl::Duration kTimeOfChunk = absl::Seconds(1);
constexpr size_t kChunkBytes = 1 << 20;
constexpr const char* kArtifactFiles[] = {"SHA256SUMS", "model.json", "weights.safetensors"};
constexpr int kMaxAnswerBytes = 64 << 20;
// How often a quiet connection is tried, for calls without a deadline: servers of gRPC take offence below 5 minutes.
constexpr int kKeepaliveMs = 310'000;
// A server of gRPC that ends cancels the calls that reach it in its last moment, unread, and those that have not ended
// when its time is over. The latter may have been carried out: only calls that may be repeated are tried again then.
constexpr char kServiceConfig[] = R"({"methodConfig": [
  {"name": [{"service": "vickrey.v1.AuctionService"}, {"service": "vickrey.v1.PredictionService"}],
   "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2,
                   "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]}},
  {"name": [{}],
   "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2,
                   "retryableStatusCodes": ["UNAVAILABLE"]}}]})";
constexpr char kHealthMethod[] = "/grpc.health.v1.Health/Check";
constexpr int kHealthStatusField = 1, kServing = 1;  // of grpc.health.v1.HealthCheckResponse

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address, const Security& security) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // an ad stack's server is not reached through a proxy
  return grpc::CreateCustomChannel(address, CredentialsOf(security), arguments);
}

// The field that a server's message begins with, "auction.candidates[2].bid.micros: ..."; "" where it begins otherwise.
std::string FieldIn(std::string message) {
  // Of a stream its record comes first.
  const size_t of_stream = message.find(" of the stream: ");
  if (message.starts_with("record ") && of_stream != std::string::npos) {
    message = message.substr(message.find(": ") + 2);
  }
  const size_t end = message.find(": ");
  const std::string field = message.substr(0, end);
  const bool is_path = end != std::string::npos &&
                       field.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.[]") ==
                           std::string::npos;
  return is_path ? field : "";
}

bool IsWord(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") ==
             std::string_view::npos;
}

}  // namespace

absl::StatusOr<vickrey::v1::ModelRef> ParseModelRef(std::string_view text) {
  vickrey::v1::ModelRef ref;
  const size_t at = text.find('@');
  const size_t colon = text.rfind(':');
  std::string_view name = text, choice;
  if (at != std::string_view::npos) {
    name = text.substr(0, at);
    choice = text.substr(at + 1);
    ref.set_version(std::string(choice));
  } else if (colon != std::string_view::npos) {
    name = text.substr(0, colon);
    choice = text.substr(colon + 1);
    ref.set_label(std::string(choice));
  }
  ref.set_name(std::string(name));
  if (!IsWord(name) || (name.size() < text.size() && !IsWord(choice))) {
    return base::InvalidField("model",
                              absl::StrCat("'", std::string(text), "' is not NAME, NAME@VERSION or NAME:LABEL"));
  }
  return ref;
}

struct Client::Impl {
  Impl(std::string server, Options settings)
      : address(std::move(server)),
        options(std::move(settings)),
        channel(ChannelTo(address, options.security)),
        prediction(vickrey::v1::PredictionService::NewStub(channel)),
        auction(vickrey::v1::AuctionService::NewStub(channel)),
        model(vickrey::v1::ModelService::NewStub(channel)),
        log(vickrey::v1::ImpressionLogService::NewStub(channel)) {}

  // Deadline and token. `records`: how many a stream carries.
  void Prepare(grpc::ClientContext* context, size_t records = 0) const {
    const absl::Duration timeout = options.timeout + static_cast<int64_t>(records) * kTimeOfRecord;
    context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
    PrepareLong(context);
  }

  // Of a call that takes as long as it takes.
  void PrepareLong(grpc::ClientContext* context) const {
    if (!options.security.token.empty()) {
      context->AddMetadata("authorization", absl::StrCat("Bearer ", options.security.token));
    }
  }

  absl::Status StatusOf(const grpc::Status& status) const {
    absl::Status result = base::FromGrpcStatus(status);
    // gRPC's own words for a server that is not there do not name it where they should.
    if (absl::IsUnavailable(result) && absl::StrContains(status.error_message(), "connect")) {
      return absl::UnavailableError(absl::StrCat("no server at ", address, ": ", status.error_message()));
    }
    if (absl::IsCancelled(result)) {  // what this client cancels itself has an error already
      return absl::UnavailableError(absl::StrCat("the server at ", address,
                                                 " cancelled the call: it ends, or what it sent was not read for too "
                                                 "long"));
    }
    if (absl::IsUnauthenticated(result)) {
      return absl::UnauthenticatedError(
          absl::StrCat(status.error_message(), "; VICKREY_TOKEN_FILE names the file of the caller's token"));
    }
    const std::string field = FieldIn(status.error_message());
    return field.empty() ? result : base::AboutField(result, field);
  }

  // One unary call.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                Stub& stub, const Request& request, bool is_long = false) const {
    grpc::ClientContext context;
    is_long ? PrepareLong(&context) : Prepare(&context);
    Response response;
    RETURN_IF_ERROR(StatusOf((stub.*method)(&context, request, &response)));
    return response;
  }

  // Sends all requests on a thread of its own while answers are read.
  template <typename Stream, typename Fill, typename Record, typename Result>
  absl::Status Append(Stream stream, const std::vector<Record>& records, Fill fill,
                      std::vector<Result>* results) const {
    std::thread sender([&] {
      for (const Record& record : records) {
        if (!stream->Write(fill(record))) return;  // the stream has ended; Finish says why
      }
      stream->WritesDone();
    });
    decltype(ResponseOf(stream)) response;
    while (stream->Read(&response)) {
      for (auto& result : *response.mutable_results()) results->push_back(std::move(result));
    }
    sender.join();
    RETURN_IF_ERROR(StatusOf(stream->Finish()));
    if (results->size() < records.size()) return absl::DataLossError("the server did not answer for every record");
    return absl::OkStatus();
  }

  template <typename Request, typename Response>
  static Response ResponseOf(const std::unique_ptr<grpc::ClientReaderWriter<Request, Response>>&);

  const std::string address;
  const Options options;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<vickrey::v1::PredictionService::Stub> prediction;
  const std::unique_ptr<vickrey::v1::AuctionService::Stub> auction;
  const std::unique_ptr<vickrey::v1::ModelService::Stub> model;
  const std::unique_ptr<vickrey::v1::ImpressionLogService::Stub> log;
};

Client::Client(std::string address, Options options)
    : impl_(std::make_unique<Impl>(std::move(address), std::move(options))) {}
Client::~Client() = default;

const std::string& Client::address() const { return impl_->address; }

absl::StatusOr<vickrey::v1::PredictResponse> Client::Predict(const vickrey::v1::PredictRequest& request) const {
  return impl_->Call(&vickrey::v1::PredictionService::Stub::Predict, *impl_->prediction, request);
}

absl::StatusOr<vickrey::v1::Outcome> Client::RunAuction(const vickrey::v1::RunAuctionRequest& request) const {
  ASSIGN_OR_RETURN(auto response,
                   impl_->Call(&vickrey::v1::AuctionService::Stub::RunAuction, *impl_->auction, request));
  return std::move(*response.mutable_outcome());
}

void Client::RunAuction(vickrey::v1::RunAuctionRequest request,
                        std::function<void(absl::StatusOr<vickrey::v1::Outcome>)> done) const {
  struct Call {
    grpc::ClientContext context;
    vickrey::v1::RunAuctionRequest request;
    vickrey::v1::RunAuctionResponse response;
  };
  auto call = std::make_shared<Call>();
  call->request = std::move(request);
  impl_->Prepare(&call->context);
  impl_->auction->async()->RunAuction(&call->context, &call->request, &call->response,
                                      [this, call, done = std::move(done)](const grpc::Status& status) {
                                        if (!status.ok()) return done(impl_->StatusOf(status));
                                        done(std::move(*call->response.mutable_outcome()));
                                      });
}

absl::StatusOr<vickrey::v1::ModelInfo> Client::RegisterModel(const std::string& path) const {
  vickrey::v1::RegisterModelRequest request;
  request.set_path(path);
  ASSIGN_OR_RETURN(auto response, impl_->Call(&vickrey::v1::ModelService::Stub::RegisterModel, *impl_->model, request));
  return std::move(*response.mutable_model());
}

absl::StatusOr<vickrey::v1::ModelInfo> Client::UploadModel(const std::filesystem::path& folder, const std::string& name,
                                                           const std::string& version) const {
  grpc::ClientContext context;
  uintmax_t bytes = 0;
  for (const char* file : kArtifactFiles) {
    std::error_code error;
    const uintmax_t size = std::filesystem::file_size(folder / file, error);
    if (error) return absl::NotFoundError(absl::StrCat("cannot read ", (folder / file).string()));
    bytes += size;
  }
  impl_->Prepare(&context, bytes / kChunkBytes * (kTimeOfChunk / kTimeOfRecord));
  vickrey::v1::UploadModelResponse response;
  const auto stream = impl_->model->UploadModel(&context, &response);
  vickrey::v1::UploadModelRequest request;
  request.mutable_header()->set_name(name);
  request.mutable_header()->set_version(version);
  bool open = stream->Write(request);  // false: the stream has ended; Finish says why
  for (const char* name_of_file : kArtifactFiles) {
    std::ifstream file(folder / name_of_file, std::ios::binary);
    std::string& data = *request.mutable_chunk()->mutable_data();
    request.mutable_chunk()->set_file(name_of_file);
    do {
      data.resize(kChunkBytes);
      file.read(data.data(), kChunkBytes);
      if (file.bad() || (file.fail() && !file.eof())) {
        context.TryCancel();
        stream->Finish();
        return absl::UnavailableError(absl::StrCat("cannot read ", (folder / name_of_file).string()));
      }
      data.resize(static_cast<size_t>(file.gcount()));
      open = open && stream->Write(request);
    } while (open && !file.eof());
  }
  stream->WritesDone();
  RETURN_IF_ERROR(impl_->StatusOf(stream->Finish()));
  return std::move(*response.mutable_model());
}

absl::StatusOr<vickrey::v1::ModelInfo> Client::GetModel(const std::string& name, const std::string& version) const {
  vickrey::v1::GetModelRequest request;
  request.set_name(name);
  request.set_version(version);
  ASSIGN_OR_RETURN(auto response, impl_->Call(&vickrey::v1::ModelService::Stub::GetModel, *impl_->model, request));
  return std::move(*response.mutable_model());
}

absl::StatusOr<vickrey::v1::ModelInfo> Client::DeleteModel(const vickrey::v1::DeleteModelRequest& request) const {
  ASSIGN_OR_RETURN(auto response, impl_->Call(&vickrey::v1::ModelService::Stub::DeleteModel, *impl_->model, request));
  return std::move(*response.mutable_model());
}

absl::StatusOr<std::vector<vickrey::v1::ModelInfo>> Client::SetModelLabel(
    const vickrey::v1::SetModelLabelRequest& request) const {
  ASSIGN_OR_RETURN(auto response, impl_->Call(&vickrey::v1::ModelService::Stub::SetModelLabel, *impl_->model, request));
  return std::vector<vickrey::v1::ModelInfo>(response.models().begin(), response.models().end());
}

absl::StatusOr<std::vector<vickrey::v1::ModelInfo>> Client::ListModels(const std::string& name) const {
  std::vector<vickrey::v1::ModelInfo> models;
  vickrey::v1::ListModelsRequest request;
  request.set_name(name);
  do {
    ASSIGN_OR_RETURN(auto page, impl_->Call(&vickrey::v1::ModelService::Stub::ListModels, *impl_->model, request));
    models.insert(models.end(), page.models().begin(), page.models().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return models;
}

absl::Status Client::AppendAuctions(const std::vector<vickrey::v1::LoggedAuction>& records,
                                    std::vector<vickrey::v1::AppendAuctionResult>* results) const {
  grpc::ClientContext context;
  impl_->Prepare(&context, records.size());
  return impl_->Append(
      impl_->log->AppendAuctions(&context), records,
      [](const vickrey::v1::LoggedAuction& record) {
        vickrey::v1::AppendAuctionsRequest request;
        *request.mutable_record() = record;
        return request;
      },
      results);
}

absl::Status Client::AppendFeedback(const std::vector<vickrey::v1::Feedback>& reports,
                                    std::vector<vickrey::v1::AppendFeedbackResult>* results) const {
  grpc::ClientContext context;
  impl_->Prepare(&context, reports.size());
  return impl_->Append(
      impl_->log->AppendFeedback(&context), reports,
      [](const vickrey::v1::Feedback& report) {
        vickrey::v1::AppendFeedbackRequest request;
        *request.mutable_feedback() = report;
        return request;
      },
      results);
}

absl::Status Client::ReadAuctions(const vickrey::v1::ReadAuctionsRequest& request,
                                  const std::function<absl::Status(vickrey::v1::ReadAuctionsResponse)>& f) const {
  grpc::ClientContext context;
  impl_->PrepareLong(&context);
  const auto stream = impl_->log->ReadAuctions(&context, request);
  vickrey::v1::ReadAuctionsResponse response;
  absl::Status stopped;
  while (stopped.ok() && stream->Read(&response)) stopped = f(std::move(response));
  if (!stopped.ok()) context.TryCancel();
  const absl::Status status = impl_->StatusOf(stream->Finish());
  return stopped.ok() ? status : stopped;
}

absl::StatusOr<vickrey::v1::LogStatsLine> Client::GetLogStats(const std::string& snapshot_id) const {
  vickrey::v1::GetLogStatsRequest request;
  request.set_snapshot_id(snapshot_id);
  ASSIGN_OR_RETURN(auto response, impl_->Call(&vickrey::v1::ImpressionLogService::Stub::GetLogStats, *impl_->log,
                                              request, /*is_long=*/true));
  return std::move(*response.mutable_stats());
}

absl::StatusOr<vickrey::v1::Snapshot> Client::CreateSnapshot() const {
  ASSIGN_OR_RETURN(auto response, impl_->Call(&vickrey::v1::ImpressionLogService::Stub::CreateSnapshot, *impl_->log,
                                              vickrey::v1::CreateSnapshotRequest(), /*is_long=*/true));
  return std::move(*response.mutable_snapshot());
}

absl::StatusOr<std::vector<vickrey::v1::Snapshot>> Client::ListSnapshots() const {
  std::vector<vickrey::v1::Snapshot> snapshots;
  vickrey::v1::ListSnapshotsRequest request;
  do {
    ASSIGN_OR_RETURN(auto page,
                     impl_->Call(&vickrey::v1::ImpressionLogService::Stub::ListSnapshots, *impl_->log, request));
    snapshots.insert(snapshots.end(), page.snapshots().begin(), page.snapshots().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return snapshots;
}

absl::StatusOr<vickrey::v1::Snapshot> Client::DeleteSnapshot(const std::string& snapshot_id) const {
  vickrey::v1::DeleteSnapshotRequest request;
  request.set_snapshot_id(snapshot_id);
  ASSIGN_OR_RETURN(auto response,
                   impl_->Call(&vickrey::v1::ImpressionLogService::Stub::DeleteSnapshot, *impl_->log, request));
  return std::move(*response.mutable_snapshot());
}

absl::StatusOr<bool> Client::IsServing() const {
  // An empty request asks for the server as a whole; the answer's one field is read as an unknown one.
  grpc::ClientContext context;
  impl_->Prepare(&context);
  google::protobuf::Empty request, response;
  const grpc::internal::RpcMethod method(kHealthMethod, grpc::internal::RpcMethod::NORMAL_RPC);
  RETURN_IF_ERROR(
      impl_->StatusOf(grpc::internal::BlockingUnaryCall(impl_->channel.get(), method, &context, request, &response)));
  const auto& fields = response.GetReflection()->GetUnknownFields(response);
  for (int i = 0; i < fields.field_count(); ++i) {
    const auto& field = fields.field(i);
    if (field.number() == kHealthStatusField && field.type() == google::protobuf::UnknownField::TYPE_VARINT) {
      return field.varint() == kServing;
    }
  }
  return false;
}

}  // namespace vickrey::client
