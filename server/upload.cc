// UploadModel: what arrives is written and checked in jobs, so that a slow disk holds up no thread of calls.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/services.h"
#include "vickrey/base/status.h"

namespace vickrey::server {
namespace {

using vickrey::v1::UploadModelRequest;
using vickrey::v1::UploadModelResponse;

const Method kUploadModel = {.name = "ModelService.UploadModel", .role = Role::kAdminister, .stream = true};

}  // namespace

// One upload. It reads a message, has a job take it, and reads the next:
//
//   StartRead --> OnReadDone(true)  --> job: Take   --> StartRead, or Finish at an error
//                 OnReadDone(false) --> job: Commit --> Finish
//                 nothing for `idle`                --> Finish, which ends the read; OnReadDone --> job: drops it
//
// What was written is gone before Finish, but for what was published and where nothing came.
class ModelService::UploadReactor final : public grpc::ServerReadReactor<UploadModelRequest> {
 public:
  UploadReactor(ModelService* service, grpc::CallbackServerContext* context, UploadModelResponse* response)
      : service_(*service), response_(*response), call_(&service->gate_, context, kUploadModel) {
    if (!call_.admission().ok()) {
      Finish(call_.End(call_.admission()));
      return;
    }
    if (service_.uploads_.fetch_add(1) >= kMaxUploads) {
      End(absl::ResourceExhaustedError(
          absl::StrCat(kMaxUploads, " uploads are under way, as many as this server takes; try again later")));
    } else {
      Read();
    }
  }

 private:
  // Its place is free before the caller hears of the end, who may come again at once.
  void End(const absl::Status& status) {
    service_.uploads_.fetch_sub(1);
    Finish(call_.End(status));
  }

  // Another message, as long as one comes.
  void Read() {
    timeout_ = service_.timeouts_.After(service_.idle_, [this] {
      End(absl::DeadlineExceededError(absl::StrCat("nothing came for ", absl::FormatDuration(service_.idle_),
                                                   ", as long as this server waits for more")));
    });
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!service_.timeouts_.CallOff(timeout_)) {
      Drop();
      return;
    }
    service_.background_.Run([this, ok] {
      const absl::Status status = ok ? Take() : Commit();
      if (ok && status.ok()) {
        Read();
        return;
      }
      service_.background_.Do([this] { upload_ = nullptr; });
      End(status);
    });
  }
  void OnDone() override { delete this; }

  // Files are deleted in a job, which this need not live to see.
  void Drop() {
    Background& background = service_.background_;
    background.Run([&background, upload = std::shared_ptr<Upload>(std::move(upload_))]() mutable {
      background.Do([&upload] { upload = nullptr; });
    });
  }

  absl::Status Take() {
    absl::Status status;
    service_.background_.Do([&] { status = TakeNow(); });
    return status;
  }

  absl::Status TakeNow() {
    if (upload_ == nullptr) {
      if (!request_.has_header()) return base::InvalidField("header", "must come first");
      call_.set_about(absl::StrCat(request_.header().name(), "@", request_.header().version()));
      ASSIGN_OR_RETURN(upload_,
                       Upload::Begin(service_.registry_.artifacts(), request_.header(), service_.max_upload_bytes_));
      return absl::OkStatus();
    }
    if (!request_.has_chunk()) return base::InvalidField("chunk", "must come after the header");
    return upload_->Write(request_.chunk());
  }

  absl::Status Commit() {
    // A stream that broke ends like one that is complete.
    RETURN_IF_ERROR(call_.CheckWanted());
    if (upload_ == nullptr) return base::InvalidField("header", "is missing");
    ASSIGN_OR_RETURN(*response_.mutable_model(), service_.registry_.Publish(upload_.get()));
    call_.set_model(absl::StrCat(upload_->name(), "@", upload_->version()));
    return absl::OkStatus();
  }

  ModelService& service_;
  UploadModelResponse& response_;
  Call call_;
  UploadModelRequest request_;
  std::unique_ptr<Upload> upload_;
  Timeouts::Id timeout_;  // of the read that is under way
};

grpc::ServerReadReactor<UploadModelRequest>* ModelService::UploadModel(grpc::CallbackServerContext* context,
                                                                       UploadModelResponse* response) {
  return new UploadReactor(this, context, response);
}

}  // namespace vickrey::server
