#ifndef VICKREY_LOG_FEATURE_WRITER_H_
#define VICKREY_LOG_FEATURE_WRITER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"
#include "vickrey/v1/features.pb.h"

namespace vickrey::log {

// How an importer writes features: by name, or encoded as the arrays of its schema. Either gives the same prediction;
// arrays are several times as fast to write and to read, and the texts cannot be read back from them.
//
//   1. Start, on the features of a context or of a candidate: every field is missing;
//   2. Number, Text and Member, on fields of that side, each field once, a bag's members one after the other;
//   3. Finish.
//
// Not thread-safe.
class FeatureWriter {
 public:
  FeatureWriter(std::shared_ptr<const features::Schema> schema, bool encode);

  // `features` must outlive Finish.
  void Start(vickrey::v1::FeatureField::Side side, vickrey::v1::Features* features);
  // `field`: an index into the schema's fields, of the kind. INVALID_ARGUMENT naming the field for a number that a
  // float does not hold, and for a text that is not UTF-8, or too long.
  absl::Status Number(size_t field, double value);
  absl::Status Text(size_t field, std::string_view value);
  absl::Status Member(size_t field, std::string_view value);
  void Finish();

  const features::Schema& schema() const { return *schema_; }

 private:
  absl::Status CheckText(const features::Schema::Field& field, std::string_view value) const;

  const std::shared_ptr<const features::Schema> schema_;
  const bool encode_;
  vickrey::v1::FeatureField::Side side_ = vickrey::v1::FeatureField::CONTEXT;
  vickrey::v1::Features* features_ = nullptr;
  vickrey::v1::EncodedFeatures* encoded_ = nullptr;      // of features_, where encode_
  std::vector<features::Fingerprinter> fingerprinters_;  // of each field
  std::vector<std::vector<uint64_t>> bags_;              // of the side, by position
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_FEATURE_WRITER_H_
