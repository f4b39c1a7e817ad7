// Named values -> encoded arrays: the one code path from what people write to what models read, in training and in
// serving.
#ifndef VICKREY_FEATURES_ENCODE_H_
#define VICKREY_FEATURES_ENCODE_H_

#include <google/protobuf/struct.pb.h>

#include <string_view>

#include "absl/status/status.h"
#include "vickrey/features/schema.h"
#include "vickrey/v1/features.pb.h"

namespace vickrey::features {

// Encodes one side's values by name:
//   dense        a number, kept as a float; null, absent or the text "NaN" is missing (NaN). Infinity, and what a float
//                cannot hold, is refused.
//   categorical  a text of at most 1024 bytes, or a whole number below 2^53 in size, which counts as its decimal text;
//                null or absent is missing (0). The empty text is a value.
//   bag          a list of such, at most 4096; null, absent or an empty list is empty.
// A name that the schema does not have on this side is refused. INVALID_ARGUMENT names `where` and the field, such as
// "candidates[2].features.I3"; `encoded` is then as it was.
absl::Status Encode(const Schema& schema, vickrey::v1::FeatureField::Side side, const google::protobuf::Struct& named,
                    std::string_view where, vickrey::v1::EncodedFeatures* encoded);

// Checks encoded arrays against a schema: its id, the lengths, no infinity. INVALID_ARGUMENT names `where` and the
// array.
absl::Status CheckEncoded(const Schema& schema, vickrey::v1::FeatureField::Side side,
                          const vickrey::v1::EncodedFeatures& encoded, std::string_view where);

}  // namespace vickrey::features

#endif  // VICKREY_FEATURES_ENCODE_H_
