#ifndef SERVER_ACCESS_H_
#define SERVER_ACCESS_H_

#include <grpcpp/server_context.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "server/method.h"

namespace vickrey::server {

// Who may call: tokens from a file (AccessConfig of config/v1/access.proto), which is read again within two seconds
// when it has changed and is still for half a second. One that is wrong then is not taken, nor one without a token: the
// tokens before it stay good, and stderr says why.
//
// Thread-safe.
class Access {
 public:
  // The errors of base::LoadConfigFile, and INVALID_ARGUMENT for a name or token that is there twice.
  static absl::StatusOr<std::unique_ptr<Access>> Open(const std::filesystem::path& file);
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  // Whose token it is.
  struct Bearer {
    std::string name;
    std::set<Role> roles;

    // PERMISSION_DENIED, naming the role, where it is not among them.
    absl::Status Check(Role role) const;
  };

  // Whose token the call carries, which stays good while it is held. UNAUTHENTICATED where it carries none, more than
  // one or an unknown one.
  absl::StatusOr<std::shared_ptr<const Bearer>> Find(const grpc::ServerContextBase& context) const;

 private:
  using Bearers = std::map<std::string, std::shared_ptr<const Bearer>>;  // by SHA-256 of the token

  explicit Access(std::filesystem::path file) : file_(std::move(file)) {}
  static absl::StatusOr<Bearers> Read(const std::filesystem::path& file);

  // What a file looks like from outside; none: it cannot be looked at. Where this is another, it is read again.
  struct Look {
    uint64_t file = 0, size = 0;       // which one: its inode; bytes
    int64_t written = 0, changed = 0;  // nanoseconds
    bool operator==(const Look&) const = default;
  };
  static std::optional<Look> LookAt(const std::filesystem::path& file);
  // `settled`: what the file looked like when it was read.
  void Watch(std::optional<Look> settled);

  const std::filesystem::path file_;
  mutable absl::Mutex mu_;
  Bearers bearers_ ABSL_GUARDED_BY(mu_);
  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace vickrey::server

#endif  // SERVER_ACCESS_H_
