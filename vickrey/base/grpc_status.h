// absl::Status <-> grpc::Status: the one place where they are converted.
#ifndef VICKREY_BASE_GRPC_STATUS_H_
#define VICKREY_BASE_GRPC_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace vickrey::base {

// The codes of the two are the same by name and number; the message is kept. Payloads are not sent: a message names
// its field.
grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace vickrey::base

#endif  // VICKREY_BASE_GRPC_STATUS_H_
