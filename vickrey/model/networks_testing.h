// Networks of every architecture over every kind of field, for tests.
#ifndef VICKREY_MODEL_NETWORKS_TESTING_H_
#define VICKREY_MODEL_NETWORKS_TESTING_H_

#include <memory>
#include <string>
#include <vector>

#include "vickrey/base/random.h"
#include "vickrey/features/schema.h"
#include "vickrey/model/batch.h"
#include "vickrey/model/layout.h"
#include "vickrey/model/scorer.h"
#include "vickrey/model/tensors.h"
#include "vickrey/storage/v1/artifact.pb.h"

namespace vickrey::model {

// Every kind and transform, several widths, and sides that differ.
std::shared_ptr<const features::Schema> TestSchema();

// From the text of a ModelSpec in JSON.
vickrey::storage::v1::ModelSpec SpecOf(const std::string& json);
// Every architecture, with layers of one unit, of whole panels and of odd numbers, each as such a text.
std::vector<std::string> TestSpecs();
// The name of one as a part of a test's name.
std::string NameOf(const std::string& json);

// A network of TestSchema() all of whose weights matter.
struct TestNetwork {
  explicit TestNetwork(const std::string& json);

  std::unique_ptr<const Scorer> Native() const;

  const vickrey::storage::v1::ModelSpec spec;
  const std::shared_ptr<const features::Schema> schema = TestSchema();
  const Layout layout;
  TensorFile tensors;
};

// Of one side of TestSchema(): missing values, empty bags, and numbers times `scale`.
vickrey::v1::EncodedFeatures RandomFeatures(vickrey::v1::FeatureField::Side side, base::RandomStream& random,
                                            double scale = 1);
// An auction of random features for each number of candidates.
Batch RandomBatch(const Layout& layout, const std::vector<int>& candidates, uint64_t seed, double scale = 1);

std::vector<float> LogitsOf(const Scorer& scorer, const Batch& batch);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_NETWORKS_TESTING_H_
