#ifndef SERVER_ARENA_MESSAGES_H_
#define SERVER_ARENA_MESSAGES_H_

#include <google/protobuf/arena.h>
#include <grpcpp/support/message_allocator.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace vickrey::server {

// Where a call's request and answer live: in an arena, whose memory the next call uses again. A request of 32
// candidates is a few hundred allocations otherwise, made by one thread and freed by another.
//
// Given to a method by its service's SetMessageAllocatorFor_...; must outlive the server. Thread-safe. Messages live
// until the call has ended, that is a little beyond Finish.
template <typename Request, typename Response>
class ArenaMessages final : public grpc::MessageAllocator<Request, Response> {
 public:
  static constexpr size_t kFirstBytes = size_t{32} << 10;  // of a fresh arena; it grows to what its calls have needed,
  static constexpr size_t kMostBytes = size_t{1} << 20;   // up to this; what a call needs beyond it is freed at its end
  static constexpr size_t kFreeBytes = size_t{16} << 20;  // of all arenas that wait for a call

  ArenaMessages() = default;
  ArenaMessages(const ArenaMessages&) = delete;
  ArenaMessages& operator=(const ArenaMessages&) = delete;

  grpc::MessageHolder<Request, Response>* AllocateMessages() override {
    std::unique_ptr<Holder> holder = Take();
    if (holder == nullptr) holder = std::make_unique<Holder>(this, kFirstBytes);
    holder->Begin();
    return holder.release();  // until Release
  }

  // Of the arenas that wait for a call.
  size_t free_bytes() const {
    const absl::MutexLock lock(&mu_);
    return free_bytes_;
  }

 private:
  class Holder final : public grpc::MessageHolder<Request, Response> {
   public:
    Holder(ArenaMessages* owner, size_t bytes)
        : owner_(*owner), bytes_(bytes), block_(new char[bytes]), arena_(Options(block_.get(), bytes)) {}

    void Begin() {
      this->set_request(google::protobuf::Arena::CreateMessage<Request>(&arena_));
      this->set_response(google::protobuf::Arena::CreateMessage<Response>(&arena_));
    }

    void Release() override {
      ArenaMessages& owner = owner_;
      std::unique_ptr<Holder> self(this);
      const size_t used = arena_.Reset();
      if (used > bytes_ && bytes_ < kMostBytes) {
        self = std::make_unique<Holder>(&owner, std::min(kMostBytes, std::max(used, 2 * bytes_)));
      }
      owner.Put(std::move(self));
    }

    size_t bytes() const { return bytes_; }

   private:
    static google::protobuf::ArenaOptions Options(char* block, size_t bytes) {
      google::protobuf::ArenaOptions options;
      options.initial_block = block;
      options.initial_block_size = bytes;
      options.start_block_size = kFirstBytes;
      options.max_block_size = kMostBytes;
      return options;
    }

    ArenaMessages& owner_;
    const size_t bytes_;
    const std::unique_ptr<char[]> block_;
    google::protobuf::Arena arena_;
  };

  std::unique_ptr<Holder> Take() {
    const absl::MutexLock lock(&mu_);
    if (free_.empty()) return nullptr;
    std::unique_ptr<Holder> holder = std::move(free_.back());
    free_.pop_back();
    free_bytes_ -= holder->bytes();
    return holder;
  }

  // What does not fit is freed, without the lock.
  void Put(std::unique_ptr<Holder> holder) {
    const absl::MutexLock lock(&mu_);
    if (free_bytes_ + holder->bytes() > kFreeBytes) return;
    free_bytes_ += holder->bytes();
    free_.push_back(std::move(holder));
  }

  mutable absl::Mutex mu_;
  std::vector<std::unique_ptr<Holder>> free_ ABSL_GUARDED_BY(mu_);  // the last used is the next: its memory is warm
  size_t free_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace vickrey::server

#endif  // SERVER_ARENA_MESSAGES_H_
