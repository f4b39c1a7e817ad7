// LibTorch, RocksDB, Protobuf and gRPC in one process: they bring libraries of the same names in different versions,
// and a wrong header or symbol shows here first.
#include <unistd.h>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros.h>
#include <grpcpp/grpcpp.h>
#include <rocksdb/db.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/base/grpc_status.h"
#include "vickrey/log/rocksdb_status.h"
#include "vickrey/torch/exceptions.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/prediction_service.grpc.pb.h"

namespace vickrey {
namespace {

// One step of gradient descent for a logistic regression of one weight: the loss's slope at w = 0 for x = 2, y = 1 is
// (sigmoid(0) - 1) * 2 = -1, so a step of 0.5 leads to w = 0.5.
absl::StatusOr<double> LearnOneStep() {
  return torch::CatchTorch([] {
    at::Tensor w = at::zeros({1}).set_requires_grad(true);
    std::vector<float> x = {2};
    const at::Tensor loss = -at::sigmoid(w * at::from_blob(x.data(), {1})).log().sum();
    loss.backward();
    return (w.detach() - 0.5 * w.grad()).item<double>();
  });
}

// Predicts sigmoid(weight) for every candidate.
class Predictor final : public v1::PredictionService::Service {
 public:
  explicit Predictor(double weight) : weight_(weight) {}

  grpc::Status Predict(grpc::ServerContext*, const v1::PredictRequest* request,
                       v1::PredictResponse* response) override {
    const auto pctr = torch::CatchTorch(
        [&] { return at::sigmoid(at::zeros({request->auction().candidates_size()}, at::kDouble) + weight_); });
    if (!pctr.ok()) return base::ToGrpcStatus(pctr.status());
    response->set_auction_id(request->auction().auction_id());
    for (int i = 0; i < pctr->size(0); ++i) response->add_pctr((*pctr)[i].item<double>());
    return grpc::Status::OK;
  }

 private:
  const double weight_;
};

TEST(OneProcess, LearnsStoresAndServes) {
  const auto weight = LearnOneStep();
  ASSERT_TRUE(weight.ok()) << weight.status();
  EXPECT_NEAR(*weight, 0.5, 1e-6);

  v1::Auction auction;
  auction.set_auction_id("a1");
  auction.add_candidates()->mutable_bid()->set_micros(1'000'000);
  auction.add_candidates()->mutable_bid()->set_micros(2'000'000);

  const std::string folder = testing::TempDir() + "/one_process_test-" + std::to_string(getpid());
  std::filesystem::remove_all(folder);
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(log::FromRocksDb(rocksdb::DB::Open(options, folder, &opened)).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  ASSERT_TRUE(log::FromRocksDb(db->Put(synced, "a1", auction.SerializeAsString())).ok());
  std::string stored;
  ASSERT_TRUE(log::FromRocksDb(db->Get({}, "a1", &stored)).ok());

  v1::PredictRequest request;
  ASSERT_TRUE(request.mutable_auction()->ParseFromString(stored));
  Predictor predictor(*weight);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&predictor);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const auto stub = v1::PredictionService::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::PredictResponse response;
  const grpc::Status status = stub->Predict(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.auction_id(), "a1");
  ASSERT_EQ(response.pctr_size(), 2);
  EXPECT_NEAR(response.pctr(1), 1 / (1 + std::exp(-0.5)), 1e-6);
  server->Shutdown();
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace vickrey
