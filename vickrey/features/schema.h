#ifndef VICKREY_FEATURES_SCHEMA_H_
#define VICKREY_FEATURES_SCHEMA_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vickrey/v1/features.pb.h"

namespace vickrey::features {

// Text on the wire and in the log is bounded, so that one request cannot hold a server's memory.
inline constexpr size_t kMaxNameBytes = 128;
inline constexpr size_t kMaxValueBytes = 1024;  // of a categorical value or a bag's member
inline constexpr int kMaxBagValues = 4096;
inline constexpr int kMaxFields = 10'000;
inline constexpr int64_t kMaxBuckets = (int64_t{1} << 31) - 1;  // rows of a table, which are numbered in 32 bits
inline constexpr int kMaxWidth = 1 << 16;                       // of an embedding
// Rows of the table of a BUCKETIZE field: its boundaries are part of every artifact.
inline constexpr int64_t kMaxBucketizeRows = 65'536;

// A checked FeatureSchema (features.proto), with the positions of its fields in encoded arrays.
//
// Immutable, so thread-safe.
class Schema {
 public:
  // Where a field's value stands: in EncodedFeatures::dense, fingerprints or bag_lengths, by its kind.
  struct Field {
    std::string name;
    vickrey::v1::FeatureField::Side side;
    vickrey::v1::FeatureField::Kind kind;
    int position;  // among the fields of this side and kind
  };
  // How many fields of each kind one side has.
  struct Counts {
    int dense = 0;
    int categorical = 0;
    int bag = 0;
  };

  // INVALID_ARGUMENT naming the field of `proto` that is wrong. A schema_id that is given must be the right one; it is
  // filled in otherwise. Buckets may be absent (0), and so may what training freezes: mean, deviation, boundaries.
  static absl::StatusOr<std::shared_ptr<const Schema>> Create(vickrey::v1::FeatureSchema proto);
  // A schema that comes with the program: "criteo", "ipinyou", "open_bandit" and "outbrain" of the importers,
  // "synthetic" (8 ad and 4 context numbers and a segment), "synthetic_ads" (4 context numbers and the ad, in 64
  // buckets), "synthetic_tower" (8 and 8 numbers). INVALID_ARGUMENT listing them for any other name.
  static absl::StatusOr<std::shared_ptr<const Schema>> Preset(std::string_view name);
  static std::vector<std::string_view> PresetNames();

  const std::string& id() const { return proto_.schema_id(); }
  const vickrey::v1::FeatureSchema& proto() const { return proto_; }
  const std::vector<Field>& fields() const { return fields_; }
  const Counts& counts(vickrey::v1::FeatureField::Side side) const;
  // nullptr if there is no such field on that side.
  const Field* Find(vickrey::v1::FeatureField::Side side, std::string_view name) const;

 private:
  explicit Schema(vickrey::v1::FeatureSchema proto);

  const vickrey::v1::FeatureSchema proto_;
  std::vector<Field> fields_;
  Counts context_, ad_;
  absl::flat_hash_map<std::string, size_t> index_;  // name -> index into fields_
};

// The identity of a schema: xxHash64 over "name 0x1f kind 0x1f side 0x1e" of each field in order, kind and side as the
// enum's names, 16 hexadecimal digits. Transforms, buckets and widths are a model's own business and not part of it.
std::string SchemaId(const vickrey::v1::FeatureSchema& proto);

// The schema as a file of it says it: a transform that is left open is NONE, which a file has to say.
vickrey::v1::FeatureSchema ForFile(vickrey::v1::FeatureSchema proto);

// Whether a text is 1 to 128 characters of [A-Za-z0-9._:-], as ids and names are.
bool IsId(std::string_view text);

}  // namespace vickrey::features

#endif  // VICKREY_FEATURES_SCHEMA_H_
