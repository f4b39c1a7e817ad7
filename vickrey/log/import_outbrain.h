#ifndef VICKREY_LOG_IMPORT_OUTBRAIN_H_
#define VICKREY_LOG_IMPORT_OUTBRAIN_H_

#include <istream>
#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/log/importer.h"

namespace vickrey::log {

// The Outbrain click prediction log, joined to one table: CSV with a header that names display_id, ad_id, document_id,
// timestamp_view, platform, geo_location, clicked and uuid, in any order among others. Consecutive rows of a display_id
// are an auction, the user (uuid) is its cluster; bids are drawn. Features as in the preset schema "outbrain".
absl::StatusOr<std::unique_ptr<Importer>> MakeOutbrainImporter(const ImportOptions& options, std::istream* in);

}  // namespace vickrey::log

#endif  // VICKREY_LOG_IMPORT_OUTBRAIN_H_
