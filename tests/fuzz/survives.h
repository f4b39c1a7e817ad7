#ifndef TESTS_FUZZ_SURVIVES_H_
#define TESTS_FUZZ_SURVIVES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vickrey/features/schema.h"
#include "vickrey/log/flat_batch.h"
#include "vickrey/log/importer.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::fuzz {

// Requires of a record that log::Validate accepts, from an importer: it is the same after ToLine and FromLine, also by
// way of JSON, and after being stored.
void RequireSurvives(const vickrey::v1::LoggedAuction& record);

// The bytes that the log stores of a record.
std::string Stored(const vickrey::v1::LoggedAuction& record);

// Adds to a batch what log::FlatDecoder should, by way of the message and the plain code. False where the features do
// not fit the schema; the batch is then of no use.
bool AppendPlainly(const features::Schema& schema, const vickrey::v1::LoggedAuction& record, log::FlatBatch* batch);

// Bit by bit, but that one NaN is as good as another.
void RequireSame(const log::FlatBatch& a, const log::FlatBatch& b);

// Runs an importer to its end: each record that log::Validate accepts survives; rows and lines do not go back, rejects
// name lines that were read. Next is called, and rejects come, at most `most` times: kRequire, or kStop where a file
// may have more rows than bytes. `each` gets every record. Returns the rejects' lines.
enum class AtMost { kRequire, kStop };
std::vector<int64_t> RunImporter(log::Importer* importer, size_t most, AtMost at_most,
                                 const std::function<void(const vickrey::v1::LoggedAuction& record)>& each);

}  // namespace vickrey::fuzz

#endif  // TESTS_FUZZ_SURVIVES_H_
