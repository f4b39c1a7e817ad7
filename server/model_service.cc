#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/services.h"
#include "vickrey/base/status.h"

namespace vickrey::server {
namespace {

const Method kRegisterModel = {.name = "ModelService.RegisterModel", .role = Role::kAdminister};
const Method kSetModelLabel = {.name = "ModelService.SetModelLabel", .role = Role::kAdminister};
const Method kGetModel = {.name = "ModelService.GetModel", .role = Role::kRead};
const Method kDeleteModel = {.name = "ModelService.DeleteModel", .role = Role::kAdminister};
const Method kListModels = {.name = "ModelService.ListModels", .role = Role::kRead};

}  // namespace

template <typename Response, typename F>
grpc::ServerUnaryReactor* ModelService::AnswerLater(grpc::CallbackServerContext* context, const Method& method,
                                                    std::string about, Response* response, F f) {
  auto* reactor = context->DefaultReactor();
  const auto call = std::make_shared<Call>(&gate_, context, method);
  call->set_about(std::move(about));
  if (!call->admission().ok()) {
    reactor->Finish(call->End(call->admission()));
    return reactor;
  }
  background_.Run([reactor, call, response, f] {
    absl::StatusOr<vickrey::v1::ModelInfo> info = f();
    const absl::Status status = info.status();
    if (status.ok()) *response->mutable_model() = *std::move(info);
    reactor->Finish(call->End(status));
  });
  return reactor;
}

grpc::ServerUnaryReactor* ModelService::RegisterModel(grpc::CallbackServerContext* context,
                                                      const vickrey::v1::RegisterModelRequest* request,
                                                      vickrey::v1::RegisterModelResponse* response) {
  return AnswerLater(context, kRegisterModel, request->path(), response,
                     [this, request] { return registry_.Register(request->path()); });
}

grpc::ServerUnaryReactor* ModelService::DeleteModel(grpc::CallbackServerContext* context,
                                                    const vickrey::v1::DeleteModelRequest* request,
                                                    vickrey::v1::DeleteModelResponse* response) {
  return AnswerLater(context, kDeleteModel, absl::StrCat(request->name(), "@", request->version()), response,
                     [this, request] { return registry_.Delete(*request); });
}

grpc::ServerUnaryReactor* ModelService::GetModel(grpc::CallbackServerContext* context,
                                                 const vickrey::v1::GetModelRequest* request,
                                                 vickrey::v1::GetModelResponse* response) {
  return Answer(&gate_, context, kGetModel, [&](Call&) -> absl::Status {
    ASSIGN_OR_RETURN(*response->mutable_model(), registry_.Get(*request));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ModelService::SetModelLabel(grpc::CallbackServerContext* context,
                                                      const vickrey::v1::SetModelLabelRequest* request,
                                                      vickrey::v1::SetModelLabelResponse* response) {
  return Answer(&gate_, context, kSetModelLabel, [&](Call& call) -> absl::Status {
    call.set_about(absl::StrCat(request->name(), ":", request->label(), " -> ", request->version()));
    ASSIGN_OR_RETURN(auto infos, registry_.SetLabel(*request));
    for (auto& info : infos) *response->add_models() = std::move(info);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ModelService::ListModels(grpc::CallbackServerContext* context,
                                                   const vickrey::v1::ListModelsRequest* request,
                                                   vickrey::v1::ListModelsResponse* response) {
  return Answer(&gate_, context, kListModels, [&](Call&) -> absl::Status {
    ASSIGN_OR_RETURN(*response, registry_.List(*request));
    return absl::OkStatus();
  });
}

}  // namespace vickrey::server
