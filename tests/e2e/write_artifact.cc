// Writes an artifact under ROOT. No program of Vickrey's writes one without LibTorch.
//
// With MODEL, a file of JSON (ModelFile: name, version, spec, schema, calibration), that model, its values drawn by the
// version's hash. Without, written/1, which tensors_test.py reads with other programs: an mlp whose values, in the
// order of the names of its tensors, are 0, 1/8, 2/8, ..., with metadata.
//
// usage: write_artifact ROOT [MODEL]
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "vickrey/base/json.h"
#include "vickrey/base/random.h"
#include "vickrey/model/artifact.h"
#include "vickrey/model/layout.h"

namespace model = vickrey::model;
namespace base = vickrey::base;

namespace {

constexpr char kWritten[] = R"({"name":"written","version":"1","spec":{"architecture":"mlp","hidden":[3]},
      "schema":{"fields":[{"name":"x","side":"AD","kind":"DENSE","transform":"NONE"},
                          {"name":"k","side":"AD","kind":"CATEGORICAL","buckets":5,"embedding_width":2}]},
      "calibration":{"multiplier":1}})";

std::string ReadAll(const char* file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) return 2;
  vickrey::storage::v1::ModelFile file;
  const absl::Status parsed = base::FromJson(argc == 3 ? ReadAll(argv[2]) : kWritten, &file);
  const auto schema = vickrey::features::Schema::Create(file.schema());
  if (!parsed.ok() || !schema.ok()) {
    std::fprintf(stderr, "%s %s\n", parsed.ToString().c_str(), schema.status().ToString().c_str());
    return 1;
  }
  *file.mutable_schema() = (*schema)->proto();
  model::TensorFile weights = model::StartTensors(model::MakeLayout(file.spec(), **schema).value(), 1);
  base::RandomStream random(1, base::StreamId(file.version()), 0);
  int n = 0;
  if (argc == 2) weights.metadata = {{"made_by", "write_artifact"}, {"größe", "\"quoted\"\n"}};
  for (auto& [name, tensor] : weights.tensors) {
    for (float& value : tensor.values) {
      value = argc == 3 ? static_cast<float>(.05 * random.Normal()) : static_cast<float>(n++) / 8;
    }
  }
  const auto written = model::WriteArtifact(argv[1], file, model::ViewOf(weights));
  if (written.ok()) return 0;
  std::fprintf(stderr, "%s\n", std::string(written.status().message()).c_str());
  return 1;
}
