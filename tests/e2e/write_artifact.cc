// Writes the artifact ROOT/written/1, which tensors_test.py reads with other programs: an mlp whose values, in the
// order of the names of its tensors, are 0, 1/8, 2/8, ..., with metadata. No program of Vickrey's writes one without
// LibTorch.
//
// usage: write_artifact ROOT
#include <cstdio>
#include <string>

#include "vickrey/base/json.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/layout.h"

namespace model = vickrey::model;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  vickrey::storage::v1::ModelFile file;
  const absl::Status parsed = vickrey::base::FromJson(
      R"({"name":"written","version":"1","spec":{"architecture":"mlp","hidden":[3]},
      "schema":{"fields":[{"name":"x","side":"AD","kind":"DENSE","transform":"NONE"},
                          {"name":"k","side":"AD","kind":"CATEGORICAL","buckets":5,"embedding_width":2}]},
      "calibration":{"multiplier":1}})",
      &file);
  const auto schema = vickrey::features::Schema::Create(file.schema());
  if (!parsed.ok() || !schema.ok()) return 1;
  model::TensorFile weights = model::StartTensors(model::MakeLayout(file.spec(), **schema).value(), 1);
  weights.metadata = {{"made_by", "write_artifact"}, {"größe", "\"quoted\"\n"}};
  int n = 0;
  for (auto& [name, tensor] : weights.tensors) {
    for (float& value : tensor.values) value = static_cast<float>(n++) / 8;
  }
  const auto written = model::WriteArtifact(argv[1], file, model::ViewOf(weights));
  if (written.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(written.status().message()).c_str());
  return 1;
}
