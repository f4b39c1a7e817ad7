#ifndef VICKREY_LOG_FLAT_DECODER_H_
#define VICKREY_LOG_FLAT_DECODER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "vickrey/features/fingerprint.h"
#include "vickrey/features/schema.h"
#include "vickrey/log/flat_batch.h"
#include "vickrey/storage/v1/log.pb.h"

namespace vickrey::log {

// Adds stored auctions to a FlatBatch straight from their bytes (a StoredAuction of storage/v1/log.proto), without the
// messages in between. Features come encoded for the schema, or named, or not at all (every field is missing then).
//
// Not thread-safe.
class FlatDecoder {
 public:
  explicit FlatDecoder(std::shared_ptr<const features::Schema> schema);

  // Adds one auction. DATA_LOSS if the bytes are not one; INVALID_ARGUMENT naming the auction and the field if its
  // features do not fit the schema. The batch is then as it was. `bytes` must stay as they are while ad_ids() is used.
  absl::Status Append(std::string_view bytes, FlatBatch* batch);

  // The ads of the last auction, in order.
  const std::vector<std::string_view>& ad_ids() const { return ad_ids_; }

 private:
  // A field of one side, for features by name.
  struct Field {
    std::string name;
    features::Fingerprinter fingerprint;
    vickrey::v1::FeatureField::Kind kind;
    size_t position;
  };
  struct SideFields {
    features::Schema::Counts counts;
    std::vector<Field> by_name;  // sorted
  };

  bool AppendAuction(std::string_view bytes, FlatBatch* batch);
  bool AppendCandidate(std::string_view bytes, FlatBatch* batch);
  bool SetLogged(std::string_view bytes, size_t candidate, FlatBatch* batch);
  bool AppendFeatures(SideFields& fields, std::string_view bytes, FlatBatch::Side* side);
  bool AppendEncoded(const SideFields& fields, std::string_view bytes, FlatBatch::Side* side);
  bool AppendNamed(SideFields& fields, std::string_view bytes, FlatBatch::Side* side);
  static void AppendMissing(const SideFields& fields, FlatBatch::Side* side);
  // The same, slowly, by way of the message: the reference of the above, and where errors are said.
  absl::Status AppendSlowly(std::string_view bytes, FlatBatch* batch);

  const std::shared_ptr<const features::Schema> schema_;
  SideFields context_, ad_;
  std::vector<std::string_view> ad_ids_;
  // Scratch.
  std::vector<std::vector<uint64_t>> bags_;  // of one side, by position
  vickrey::storage::v1::StoredAuction slow_;
};

}  // namespace vickrey::log

#endif  // VICKREY_LOG_FLAT_DECODER_H_
