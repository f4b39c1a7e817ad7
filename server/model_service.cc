#include <utility>

#include "server/services.h"
#include "vickrey/base/grpc_status.h"
#include "vickrey/base/status.h"

namespace vickrey::server {

grpc::ServerUnaryReactor* ModelService::RegisterModel(grpc::CallbackServerContext* context,
                                                      const vickrey::v1::RegisterModelRequest* request,
                                                      vickrey::v1::RegisterModelResponse* response) {
  auto* reactor = context->DefaultReactor();
  worker_.Run([this, reactor, request, response] {
    auto info = registry_.Register(request->path());
    if (info.ok()) *response->mutable_model() = *info;
    reactor->Finish(base::ToGrpcStatus(info.status()));
  });
  return reactor;
}

grpc::ServerUnaryReactor* ModelService::SetModelLabel(grpc::CallbackServerContext* context,
                                                      const vickrey::v1::SetModelLabelRequest* request,
                                                      vickrey::v1::SetModelLabelResponse* response) {
  auto infos = registry_.SetLabel(*request);
  if (infos.ok()) {
    for (auto& info : *infos) *response->add_models() = std::move(info);
  }
  auto* reactor = context->DefaultReactor();
  reactor->Finish(base::ToGrpcStatus(infos.status()));
  return reactor;
}

grpc::ServerUnaryReactor* ModelService::ListModels(grpc::CallbackServerContext* context,
                                                   const vickrey::v1::ListModelsRequest* request,
                                                   vickrey::v1::ListModelsResponse* response) {
  auto page = registry_.List(*request);
  if (page.ok()) *response = *page;
  auto* reactor = context->DefaultReactor();
  reactor->Finish(base::ToGrpcStatus(page.status()));
  return reactor;
}

}  // namespace vickrey::server
