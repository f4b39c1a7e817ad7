#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/services.h"
#include "vickrey/base/status.h"

namespace vickrey::server {
namespace {

const Method kRegisterModel = {.name = "ModelService.RegisterModel", .role = Role::kAdminister};
const Method kSetModelLabel = {.name = "ModelService.SetModelLabel", .role = Role::kAdminister};
const Method kListModels = {.name = "ModelService.ListModels", .role = Role::kRead};

}  // namespace

grpc::ServerUnaryReactor* ModelService::RegisterModel(grpc::CallbackServerContext* context,
                                                      const vickrey::v1::RegisterModelRequest* request,
                                                      vickrey::v1::RegisterModelResponse* response) {
  auto* reactor = context->DefaultReactor();
  const auto call = std::make_shared<Call>(&gate_, context, kRegisterModel);
  call->set_about(request->path());
  if (!call->admission().ok()) {
    reactor->Finish(call->End(call->admission()));
    return reactor;
  }
  worker_.Run([this, reactor, call, request, response] {
    auto info = registry_.Register(request->path());
    if (info.ok()) *response->mutable_model() = *info;
    reactor->Finish(call->End(info.status()));
  });
  return reactor;
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
