// A message in a file of JSON that tells whether it was changed since it was written:
// {"sha256":"of the text of content","content":{...}}
#ifndef VICKREY_BASE_SEALED_JSON_H_
#define VICKREY_BASE_SEALED_JSON_H_

#include <filesystem>

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}

namespace vickrey::base {

// Errors as those of WriteFileAtomically.
absl::Status WriteSealed(const std::filesystem::path& file, const google::protobuf::Message& message);

// NOT_FOUND where there is no such file; DATA_LOSS naming it where it was changed, or is not what WriteSealed writes.
// On failure `message` is as it was.
absl::Status ReadSealed(const std::filesystem::path& file, google::protobuf::Message* message);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_SEALED_JSON_H_
