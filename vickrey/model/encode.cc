#include "vickrey/model/encode.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/features/encode.h"

namespace vickrey::model {
namespace {

using vickrey::v1::EncodedFeatures;
using vickrey::v1::FeatureField;
using vickrey::v1::Features;

// The encoded form: `features`' own after a check, or `storage`, filled.
absl::StatusOr<const EncodedFeatures*> EncodedOf(const features::Schema& schema, FeatureField::Side side,
                                                 const Features& features, const std::string& where,
                                                 EncodedFeatures* storage) {
  if (features.has_encoded()) {
    RETURN_IF_ERROR(features::CheckEncoded(schema, side, features.encoded(), where));
    return &features.encoded();
  }
  RETURN_IF_ERROR(features::Encode(schema, side, features.named(), where, storage));
  return storage;
}

}  // namespace

absl::Status AppendAuction(const features::Schema& schema, const Layout& layout, const vickrey::v1::Auction& auction,
                           std::string_view where, Batch* batch) {
  const auto of_candidate = [&](int i) { return absl::StrCat(std::string(where), "candidates[", i, "].features"); };
  EncodedFeatures context_storage;
  ASSIGN_OR_RETURN(const EncodedFeatures* context,
                   EncodedOf(schema, FeatureField::CONTEXT, auction.context(),
                             absl::StrCat(std::string(where), "context"), &context_storage));
  std::vector<EncodedFeatures> storage;
  std::vector<const EncodedFeatures*> candidates;
  candidates.reserve(auction.candidates_size());
  for (int i = 0; i < auction.candidates_size(); ++i) {
    const Features& features = auction.candidates(i).features();
    const bool encoded = features.has_encoded();
    // The text of where it is costs as much as the rest, and only errors need it.
    if (encoded && features::CheckEncoded(schema, FeatureField::AD, features.encoded(), "").ok()) {
      candidates.push_back(&features.encoded());
      continue;
    }
    if (!encoded && storage.empty()) storage.resize(auction.candidates_size());
    ASSIGN_OR_RETURN(const EncodedFeatures* candidate,
                     EncodedOf(schema, FeatureField::AD, features, of_candidate(i), encoded ? nullptr : &storage[i]));
    candidates.push_back(candidate);
  }
  batch->Append(layout, *context, candidates);
  return absl::OkStatus();
}

}  // namespace vickrey::model
