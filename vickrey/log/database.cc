#include "vickrey/log/database.h"

#include <google/protobuf/message_lite.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "rocksdb/env.h"
#include "vickrey/base/files.h"
#include "vickrey/base/status.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/rocksdb_status.h"

namespace vickrey::log {
namespace {

namespace fs = std::filesystem;
using vickrey::storage::v1::LogMeta;

constexpr const char* kFamilies[] = {"default", "auctions", "ids", "feedback", "orphans", "schemas", "meta"};

// A reader leaves no trace in the folder that it reads: RocksDB would write its own log of events there.
class NoEventLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// "pid 123 (vickrey-log append --db d)".
std::string ThisProcess() {
  std::ifstream in("/proc/self/cmdline");
  std::string command((std::istreambuf_iterator<char>(in)), {});
  for (char& c : command) c = c == '\0' ? ' ' : c;
  return absl::StrCat("pid ", getpid(), " (", absl::StripAsciiWhitespace(command).substr(0, 200), ")");
}

absl::Status NoLog(const fs::path& log) {
  return base::AboutField(absl::NotFoundError(absl::StrCat("there is no log in '", log.string(), "'")), "--db");
}

// The names of the files that hold records.
std::set<std::string> FilesOf(const fs::path& data) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(data, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    const std::string extension = it->path().extension();
    if (extension == ".sst" || extension == ".log" || name.starts_with("MANIFEST-")) names.insert(name);
  }
  return names;
}

std::string RandomHex() {
  std::ifstream in("/dev/urandom", std::ios::binary);
  std::string bytes(16, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return absl::BytesToHexString(bytes);
}

}  // namespace

Database::~Database() {
  for (auto* family : families_) {
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family);
  }
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const fs::path& data, bool writable) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_open_files = -1;                        // all are opened with the database: see OpenForReading
  options.info_log = std::make_shared<NoEventLog>();  // its own aborts the process on a full disk
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : kFamilies) families.emplace_back(name, rocksdb::ColumnFamilyOptions());
  std::unique_ptr<Database> database(new Database());
  rocksdb::DB* db = nullptr;
  RETURN_IF_ERROR(FromRocksDb(
      writable ? rocksdb::DB::Open(options, data.string(), families, &database->families_, &db)
               : rocksdb::DB::OpenForReadOnly(options, data.string(), families, &database->families_, &db)));
  database->db_.reset(db);
  return database;
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenForWriting(const fs::path& log, bool create) {
  if (log.empty()) return base::InvalidField("--db", "names no folder");
  std::error_code error;
  if (!fs::exists(log / "data")) {
    if (!create) return NoLog(log);
    if (fs::exists(log) && (!fs::is_directory(log) || !fs::is_empty(log, error))) {
      return base::InvalidField("--db", absl::StrCat(log.string(), " is neither a log nor an empty folder"));
    }
  }
  fs::create_directories(log / "data", error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot make ", log.string(), ": ", error.message()));
  auto database = Open(log / "data", true);
  if (!database.ok()) {
    const auto holder = base::ReadFile(log / "WRITER", 4096);
    if (absl::IsUnavailable(database.status()) && holder.ok() &&
        database.status().message().find("lock") != absl::string_view::npos) {
      return absl::UnavailableError(
          absl::StrCat(log.string(), " is being written by ", *holder, "; a log has one writer at a time"));
    }
    return base::Annotate(database.status(), absl::StrCat("cannot open the log ", log.string()));
  }
  RETURN_IF_ERROR(base::WriteFileAtomically(log / "WRITER", ThisProcess()));
  return database;
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenForReading(const fs::path& log) {
  if (!fs::exists(log / "data" / "CURRENT")) return NoLog(log);
  // Opening reads the list of files and then the files, while a writer may move records from its write-ahead log into
  // new files and delete old ones: a reader that falls between would fail, or miss records. What was opened while the
  // folder kept its files is whole, and stays so: all files are held open.
  constexpr int kTries = 50;
  for (int attempt = 1;; ++attempt) {
    const std::set<std::string> before = FilesOf(log / "data");
    auto database = OpenFolderForReading(log / "data");
    if (before == FilesOf(log / "data")) return database;
    if (attempt == kTries) {
      return absl::UnavailableError(
          absl::StrCat(log.string(), " is being rewritten by its writer; try again, or read a snapshot"));
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenFolderForReading(const fs::path& data) {
  auto database = Open(data, false);
  if (absl::IsInvalidArgument(database.status())) {  // a writer died while it made the log
    return absl::UnavailableError(absl::StrCat(data.string(), " is not complete (", database.status().message(),
                                               "); opening it once for writing completes it"));
  }
  if (!database.ok()) return base::Annotate(database.status(), absl::StrCat("cannot open ", data.string()));
  return database;
}

absl::StatusOr<bool> Database::Get(Family of, std::string_view key, google::protobuf::MessageLite* value) const {
  std::string bytes;
  const rocksdb::Status status = db_->Get({}, family(of), {key.data(), key.size()}, &bytes);
  if (status.IsNotFound()) return false;
  RETURN_IF_ERROR(FromRocksDb(status));
  if (!value->ParseFromString(bytes)) {
    return absl::DataLossError(absl::StrCat("the value of '", absl::CHexEscape({key.data(), key.size()}), "' in ",
                                            kFamilies[static_cast<size_t>(of)], " does not parse"));
  }
  return true;
}

std::unique_ptr<rocksdb::Iterator> Database::Iterate(Family of) const {
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator({}, family(of)));
}

absl::StatusOr<LogMeta> Database::ReadMeta() const {
  LogMeta meta;
  ASSIGN_OR_RETURN(const bool found, Get(Family::kMeta, kMetaKey, &meta));
  if (!found) {
    meta.set_format(kFormat);
    meta.set_log_id(RandomHex());
    meta.set_created_time(absl::ToUnixMicros(absl::Now()));
  }
  if (meta.format() > kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("the log has format ", meta.format(), "; this version knows up to ", kFormat));
  }
  return meta;
}

}  // namespace vickrey::log
