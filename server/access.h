#ifndef SERVER_ACCESS_H_
#define SERVER_ACCESS_H_

#include <grpcpp/server_context.h>

#include <filesystem>
#include <map>
#include <memory>
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
// when it has changed. One that is wrong then is not taken: the tokens before it stay good, and stderr says why.
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
  void Watch();

  const std::filesystem::path file_;
  mutable absl::Mutex mu_;
  Bearers bearers_ ABSL_GUARDED_BY(mu_);
  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace vickrey::server

#endif  // SERVER_ACCESS_H_
