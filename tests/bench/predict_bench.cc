// What a Predict call costs beside gRPC, by its parts: 32 candidates with 13 numbers and 26 categories each, a logistic
// model of 26 x 65,536 buckets. Argument: 0 encoded features, 1 named ones.
#include <google/protobuf/arena.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "vickrey/base/random.h"
#include "vickrey/decision/decide.h"
#include "vickrey/features/encode.h"
#include "vickrey/features/schema.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/batch.h"
#include "vickrey/model/encode.h"
#include "vickrey/model/model.h"
#include "vickrey/v1/prediction_service.pb.h"

namespace vickrey {
namespace {

using google::protobuf::Arena;
using vickrey::v1::FeatureField;
using vickrey::v1::PredictRequest;

constexpr int kNumbers = 13, kNames = 26, kCandidates = 32, kAuctions = 200;

vickrey::storage::v1::ModelFile FileOf() {
  vickrey::storage::v1::ModelFile file;
  file.set_name("logistic");
  file.set_version("1");
  file.mutable_spec()->set_architecture("logistic");
  file.mutable_calibration()->set_multiplier(1);
  for (int i = 0; i < kNumbers + kNames; ++i) {
    FeatureField& field = *file.mutable_schema()->add_fields();
    field.set_side(FeatureField::AD);
    if (i < kNumbers) {
      field.set_name(absl::StrCat("I", i + 1));
      field.set_kind(FeatureField::DENSE);
      field.set_transform(FeatureField::SIGNED_LOG1P);
    } else {
      field.set_name(absl::StrCat("C", i - kNumbers + 1));
      field.set_kind(FeatureField::CATEGORICAL);
      field.set_buckets(65536);
      field.set_embedding_width(16);
    }
  }
  return file;
}

struct Fixture {
  Fixture() {
    vickrey::storage::v1::ModelFile file = FileOf();
    schema = features::Schema::Create(file.schema()).value();
    *file.mutable_schema() = schema->proto();
    layout = model::MakeLayout(file.spec(), *schema).value();
    const auto root = std::filesystem::temp_directory_path() / absl::StrCat("predict_bench-", getpid());
    std::filesystem::create_directories(root);
    model::WriteArtifact(root, file, model::ViewOf(model::StartTensors(layout, 1))).value();
    model = model::Model::Load(root / "logistic" / "1").value();
    std::filesystem::remove_all(root);
    for (int a = 0; a < kAuctions; ++a) {
      PredictRequest request = Request(a);
      requests[1].push_back(request.SerializeAsString());
      for (auto& candidate : *request.mutable_auction()->mutable_candidates()) {
        vickrey::v1::EncodedFeatures encoded;
        features::Encode(*schema, FeatureField::AD, candidate.features().named(), "", &encoded).IgnoreError();
        *candidate.mutable_features()->mutable_encoded() = encoded;
      }
      auto& context = *request.mutable_auction()->mutable_context()->mutable_encoded();
      context.set_schema_id(schema->id());
      requests[0].push_back(request.SerializeAsString());
    }
  }

  static PredictRequest Request(int a) {
    base::RandomStream random(1, base::StreamId("predict_bench"), a);
    PredictRequest request;
    request.mutable_model()->set_name("logistic");
    request.mutable_auction()->set_auction_id(absl::StrCat("a", a));
    request.mutable_auction()->set_currency_code("USD");
    for (int i = 0; i < kCandidates; ++i) {
      auto& candidate = *request.mutable_auction()->add_candidates();
      candidate.set_ad_id(absl::StrCat("ad", a * kCandidates + i));
      candidate.mutable_bid()->set_micros(100'000 + i);
      auto& values = *candidate.mutable_features()->mutable_named()->mutable_fields();
      for (int k = 1; k <= kNumbers; ++k) {
        values[absl::StrCat("I", k)].set_number_value(std::floor(std::exp(2 + 2 * random.Normal())));
      }
      for (int k = 1; k <= kNames; ++k) {
        const auto name = static_cast<uint32_t>(std::pow(random.Uniform(), -2.5));  // a long tail
        values[absl::StrCat("C", k)].set_string_value(absl::StrCat(absl::Hex(name * 2654435761u, absl::kZeroPad8)));
      }
    }
    return request;
  }

  std::shared_ptr<const features::Schema> schema;
  model::Layout layout;
  std::shared_ptr<const model::Model> model;
  std::vector<std::string> requests[2];
};

const Fixture& Shared() {
  static const auto* const fixture = new Fixture();
  return *fixture;
}

// An arena that is used again, as the server's are.
class Messages {
 public:
  Messages() : block_(size_t{1} << 20), arena_(Options(&block_)) {}
  PredictRequest* Parse(const std::string& bytes) {
    arena_.Reset();
    auto* request = Arena::CreateMessage<PredictRequest>(&arena_);
    request->ParseFromString(bytes);
    return request;
  }
  Arena* arena() { return &arena_; }

 private:
  static google::protobuf::ArenaOptions Options(std::vector<char>* block) {
    google::protobuf::ArenaOptions options;
    options.initial_block = block->data();
    options.initial_block_size = block->size();
    return options;
  }
  std::vector<char> block_;
  Arena arena_;
};

// Calls `part` on every request, parsed outside of the time that counts.
template <typename F>
void ForEachParsed(benchmark::State& state, F part) {
  const auto& bytes = Shared().requests[state.range(0)];
  std::vector<PredictRequest> requests(bytes.size());
  for (size_t k = 0; k < bytes.size(); ++k) requests[k].ParseFromString(bytes[k]);
  size_t k = 0;
  for (auto _ : state) part(requests[k++ % requests.size()]);
}

void BM_Parse(benchmark::State& state) {
  Messages messages;
  const auto& bytes = Shared().requests[state.range(0)];
  size_t k = 0;
  for (auto _ : state) benchmark::DoNotOptimize(messages.Parse(bytes[k++ % bytes.size()]));
  state.counters["bytes"] = static_cast<double>(bytes[0].size());
}
BENCHMARK(BM_Parse)->Arg(0)->Arg(1);

void BM_Check(benchmark::State& state) {
  ForEachParsed(state, [](const PredictRequest& request) {
    benchmark::DoNotOptimize(decision::CheckOffer(request.auction(), "auction.", false).ok());
  });
}
BENCHMARK(BM_Check)->Arg(0);

// Checks of the features, and arrays of what the network reads.
void BM_Batch(benchmark::State& state) {
  model::Batch batch;
  ForEachParsed(state, [&](const PredictRequest& request) {
    batch.Clear();
    const Fixture& shared = Shared();
    if (!model::AppendAuction(*shared.schema, shared.layout, request.auction(), "", &batch).ok()) std::abort();
  });
}
BENCHMARK(BM_Batch)->Arg(0)->Arg(1);

void BM_BatchAndScore(benchmark::State& state) {
  ForEachParsed(state, [](const PredictRequest& request) {
    benchmark::DoNotOptimize(Shared().model->Predict(request.auction(), "").value());
  });
}
BENCHMARK(BM_BatchAndScore)->Arg(0)->Arg(1);

void BM_All(benchmark::State& state) {
  Messages messages;
  std::string answer;
  const auto& bytes = Shared().requests[state.range(0)];
  size_t k = 0;
  for (auto _ : state) {
    const PredictRequest& request = *messages.Parse(bytes[k++ % bytes.size()]);
    if (!decision::CheckOffer(request.auction(), "auction.", false).ok()) std::abort();
    const auto prediction = Shared().model->Predict(request.auction(), "").value();
    auto* response = Arena::CreateMessage<vickrey::v1::PredictResponse>(messages.arena());
    response->mutable_logits()->Add(prediction.logits.begin(), prediction.logits.end());
    response->mutable_pctr()->Add(prediction.pctr.begin(), prediction.pctr.end());
    for (const auto& candidate : request.auction().candidates()) response->add_ad_ids(candidate.ad_id());
    response->SerializeToString(&answer);
  }
}
BENCHMARK(BM_All)->Arg(0)->Arg(1);

}  // namespace
}  // namespace vickrey
