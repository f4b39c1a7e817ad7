// An auction's features -> a row of a batch: the one code path for training and serving.
#ifndef VICKREY_MODEL_ENCODE_H_
#define VICKREY_MODEL_ENCODE_H_

#include <string_view>

#include "absl/status/status.h"
#include "vickrey/features/schema.h"
#include "vickrey/model/batch.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::model {

// Features come named, encoded or not at all (every field is missing then). INVALID_ARGUMENT naming the field under
// `where` ("auction." in a request); the batch is then as it was. REQUIRES: `layout` was made for `schema`.
absl::Status AppendAuction(const features::Schema& schema, const Layout& layout, const vickrey::v1::Auction& auction,
                           std::string_view where, Batch* batch);

}  // namespace vickrey::model

#endif  // VICKREY_MODEL_ENCODE_H_
