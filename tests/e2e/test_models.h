// Artifacts for tests that need a model and no trainer.
#ifndef TESTS_E2E_TEST_MODELS_H_
#define TESTS_E2E_TEST_MODELS_H_

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "vickrey/features/schema.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/layout.h"

namespace vickrey::tests {

// A logistic model of dense features, the ad's and the context's, under `root`/NAME/VERSION; `fill` changes the
// weights that training starts with. Returns its digest.
inline std::string WriteLogisticOf(const std::filesystem::path& root, const std::string& name,
                                   const std::string& version, const std::vector<std::string>& context_fields,
                                   const std::vector<std::string>& ad_fields,
                                   const std::function<void(model::TensorFile*)>& fill) {
  vickrey::storage::v1::ModelFile file;
  file.set_name(name);
  file.set_version(version);
  file.mutable_spec()->set_architecture("logistic");
  file.mutable_calibration()->set_multiplier(1);
  const auto add = [&](const std::vector<std::string>& fields, vickrey::v1::FeatureField::Side side) {
    for (const std::string& field : fields) {
      auto& added = *file.mutable_schema()->add_fields();
      added.set_name(field);
      added.set_side(side);
      added.set_kind(vickrey::v1::FeatureField::DENSE);
    }
  };
  add(context_fields, vickrey::v1::FeatureField::CONTEXT);
  add(ad_fields, vickrey::v1::FeatureField::AD);
  const auto schema = features::Schema::Create(file.schema()).value();
  *file.mutable_schema() = schema->proto();
  model::TensorFile weights = model::StartTensors(model::MakeLayout(file.spec(), *schema).value(), 1);
  fill(&weights);
  return model::WriteArtifact(root, file, model::ViewOf(weights)).value().sha256;
}

// A logistic model of one ad feature x and one context feature c, under `root`/NAME/VERSION:
// logit = bias + weight x. Returns its digest.
inline std::string WriteLogistic(const std::filesystem::path& root, const std::string& name, const std::string& version,
                                 float bias, float weight = 1) {
  return WriteLogisticOf(root, name, version, {"c"}, {"x"}, [&](model::TensorFile* weights) {
    weights->tensors.at("bias").values = {bias};
    weights->tensors.at("ad.weight").values = {weight, 0};
  });
}

// An empty folder of this process.
inline std::filesystem::path FreshFolder(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() / (name + "-" + std::to_string(getpid()));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace vickrey::tests

#endif  // TESTS_E2E_TEST_MODELS_H_
