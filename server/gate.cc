#include "server/gate.h"

#include <chrono>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "vickrey/base/grpc_status.h"
#include "vickrey/base/status.h"
#include "vickrey/features/schema.h"

namespace vickrey::server {
namespace {

constexpr absl::Duration kQueue = absl::Milliseconds(5);
constexpr char kRequestId[] = "x-request-id";

std::string NewId() {
  thread_local std::mt19937_64 dice(std::random_device{}());
  return absl::StrCat(absl::Hex(dice(), absl::kZeroPad16));
}

}  // namespace

Call::Call(Gate* gate, grpc::CallbackServerContext* context, const Method& method)
    : gate_(*gate), context_(*context), method_(method), arrival_(Arrivals::Begin(context)), begin_(absl::Now()) {
  if (gate_.observer_ != nullptr) gate_.observer_->OnCallBegin(method_);
  const auto& metadata = context_.client_metadata();
  if (const auto given = metadata.find(kRequestId); given != metadata.end()) {
    request_id_.assign(given->second.data(), given->second.size());
    id_was_given_ = features::IsId(request_id_);
  }
  if (!id_was_given_) request_id_ = NewId();
  gate_.in_flight_.fetch_add(1, std::memory_order_relaxed);
  admission_ = Admit();
}

Call::~Call() {
  if (!ended_) End(absl::InternalError("the call was not answered"));
}

absl::Status Call::Admit() {
  if (gate_.closed_.load(std::memory_order_relaxed)) {
    gate_.refused_closed_.fetch_add(1, std::memory_order_relaxed);
    return absl::UnavailableError("the server is shutting down; try another");
  }
  if (gate_.access_ != nullptr) {
    ASSIGN_OR_RETURN(bearer_, gate_.access_->Find(context_));
    RETURN_IF_ERROR(bearer_->Check(method_.role));
  }
  RETURN_IF_ERROR(CheckRoom());
  return CheckWanted();
}

absl::Status Call::CheckRoom() const {
  // Many may have come at once to a server that keeps up with them, such as all who watch its health after a restart:
  // those that wait count where there is a queue.
  const bool queue = begin_ - arrival_ > kQueue;
  const int64_t calls = gate_.in_flight() + (queue ? gate_.arrivals_.Waiting(begin_) : 0);
  if (calls <= gate_.limits_.in_flight) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(gate_.limits_.in_flight, " calls are in flight, as many as this server takes; try again later"));
}

absl::Status Call::CheckWanted() const {
  if (context_.IsCancelled()) return absl::CancelledError("the caller has gone");
  if (context_.deadline() <= std::chrono::system_clock::now()) {
    return absl::DeadlineExceededError("the deadline passed before the server came to this call");
  }
  return absl::OkStatus();
}

absl::Status Call::CheckRole(Role role) const { return bearer_ == nullptr ? absl::OkStatus() : bearer_->Check(role); }

absl::Status Call::CheckCandidates(int count) const {
  if (count <= gate_.limits_.candidates) return absl::OkStatus();
  return base::InvalidField("auction.candidates", absl::StrCat(count, " are more than the ", gate_.limits_.candidates,
                                                               " that this server takes"));
}

grpc::Status Call::End(const absl::Status& status) {
  if (ended_) return base::ToGrpcStatus(status);
  ended_ = true;
  gate_.in_flight_.fetch_sub(1, std::memory_order_relaxed);
  // Who gave an id knows it; who did not needs it to report an error.
  if (id_was_given_ || !status.ok()) context_.AddTrailingMetadata(kRequestId, request_id_);
  if (gate_.observer_ != nullptr) {
    gate_.observer_->OnCallEnd({.method = method_,
                                .request_id = request_id_,
                                .caller = bearer_ == nullptr ? std::string_view() : bearer_->name,
                                .model = model_,
                                .about = about_,
                                .candidates = candidates_,
                                .status = status,
                                .took = absl::Now() - arrival_});
  }
  return base::ToGrpcStatus(status);
}

}  // namespace vickrey::server
