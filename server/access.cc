#include "server/access.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "vickrey/base/config.h"
#include "vickrey/base/files.h"
#include "vickrey/base/progress.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"
#include "vickrey/config/v1/access.pb.h"

namespace vickrey::server {
namespace {

constexpr char kAuthorization[] = "authorization";
constexpr std::string_view kScheme = "bearer ";
constexpr absl::Duration kPoll = absl::Milliseconds(500);

constexpr std::pair<Role, const char*> kRoles[] = {{Role::kRead, "read"},
                                                   {Role::kPredict, "predict"},
                                                   {Role::kWriteLog, "write_log"},
                                                   {Role::kAdminister, "administer"}};

}  // namespace

std::optional<Access::Look> Access::LookAt(const std::filesystem::path& file) {
  struct stat found = {};
  if (stat(file.c_str(), &found) != 0) return std::nullopt;
  const auto nanoseconds = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  return Look{.file = found.st_ino,
              .size = static_cast<uint64_t>(found.st_size),
              .written = nanoseconds(found.st_mtim),
              .changed = nanoseconds(found.st_ctim)};
}

absl::StatusOr<std::unique_ptr<Access>> Access::Open(const std::filesystem::path& file) {
  std::unique_ptr<Access> access(new Access(file));
  const std::optional<Look> look = LookAt(file);  // before it is read: what is changed meanwhile looks otherwise
  ASSIGN_OR_RETURN(Bearers bearers, Read(file));
  {
    const absl::MutexLock lock(&access->mu_);
    access->bearers_ = std::move(bearers);
  }
  access->thread_ = std::thread([access = access.get(), look] { access->Watch(look); });
  return access;
}

Access::~Access() {
  stop_.Notify();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<Access::Bearers> Access::Read(const std::filesystem::path& file) {
  vickrey::config::v1::AccessConfig config;
  RETURN_IF_ERROR(base::LoadConfigFile(file, &config));
  Bearers bearers;
  std::set<std::string> names;
  for (int i = 0; i < config.tokens_size(); ++i) {
    const auto& token = config.tokens(i);
    Bearer bearer{.name = token.name()};
    for (const auto& [role, name] : kRoles) {
      if (std::ranges::find(token.roles(), name) != token.roles().end()) bearer.roles.insert(role);
    }
    if (!names.insert(token.name()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(file.string(), ": tokens[", i, "].name: '", token.name(), "' is there twice"));
    }
    if (!bearers.emplace(token.sha256(), std::make_shared<const Bearer>(std::move(bearer))).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(file.string(), ": tokens[", i, "].sha256: another token has the same"));
    }
  }
  return bearers;
}

void Access::Watch(std::optional<Look> settled) {
  std::optional<Look> last = settled;
  while (!stop_.WaitForNotificationWithTimeout(kPoll)) {
    const std::optional<Look> now = LookAt(file_);
    const bool is_quiet = now == last;  // else somebody may be writing it, and half a file may look like a whole one
    last = now;
    if (!is_quiet || now == settled) continue;
    settled = now;
    auto bearers = Read(file_);
    if (!bearers.ok()) {
      base::Note(absl::StrCat("the tokens stay as they were: ", std::string(bearers.status().message())));
      continue;
    }
    const absl::MutexLock lock(&mu_);
    bearers_ = *std::move(bearers);
  }
}

absl::Status Access::Bearer::Check(Role role) const {
  if (roles.contains(role)) return absl::OkStatus();
  const auto* const missing = std::ranges::find(kRoles, role, &std::pair<Role, const char*>::first);
  return absl::PermissionDeniedError(absl::StrCat("the token of '", name, "' has no role '", missing->second, "'"));
}

absl::StatusOr<std::shared_ptr<const Access::Bearer>> Access::Find(const grpc::ServerContextBase& context) const {
  const auto& metadata = context.client_metadata();
  const auto [begin, end] = metadata.equal_range(kAuthorization);
  if (begin == end || begin->second.empty()) {
    return absl::UnauthenticatedError("a token is needed: `authorization: Bearer TOKEN` in the call's metadata");
  }
  if (std::next(begin) != end) {
    return absl::UnauthenticatedError("more than one `authorization` in the call's metadata");
  }
  const std::string_view authorization(begin->second.data(), begin->second.size());
  if (absl::AsciiStrToLower(std::string(authorization.substr(0, kScheme.size()))) != kScheme) {
    return absl::UnauthenticatedError("`authorization` is not `Bearer TOKEN`");
  }
  // Found by its digest: what the time of a look-up tells is of no use to a guesser.
  const std::string digest = base::Sha256Hex(authorization.substr(kScheme.size()));
  const absl::ReaderMutexLock lock(&mu_);
  const auto found = bearers_.find(digest);
  if (found == bearers_.end()) return absl::UnauthenticatedError("the token is not known");
  return found->second;
}

}  // namespace vickrey::server
