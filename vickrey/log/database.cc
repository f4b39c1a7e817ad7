#include "vickrey/log/database.h"

#include <google/protobuf/message_lite.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "rocksdb/cache.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/table.h"
#include "vickrey/base/files.h"
#include "vickrey/base/status.h"
#include "vickrey/log/keys.h"
#include "vickrey/log/record_file.h"
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

// After a failure the Committer makes RocksDB go on, when there is something to write. RocksDB would also try by
// itself, every few seconds, and answer "busy" meanwhile.
class NoRecoveryOfItsOwn final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
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

// The name of the list of files that is in use, empty for a database that is yet to be made. DATA_LOSS where there is
// none and should be.
absl::StatusOr<std::string> CurrentManifest(const fs::path& data) {
  const fs::path file = data / "CURRENT";
  constexpr int kTries = 3;  // a writer may be changing to another
  for (int attempt = 1;; ++attempt) {
    const auto read = base::ReadFile(file, 4096);
    if (absl::IsNotFound(read.status())) {
      for (const std::string& name : FilesOf(data)) {
        if (!name.ends_with(".sst") && !name.ends_with(".log")) continue;  // a log that is being made has neither yet
        return absl::DataLossError(absl::StrCat(file.string(), " is missing, and ", name, " is there"));
      }
      return "";
    }
    RETURN_IF_ERROR(read);
    const std::string name = read->substr(0, read->find('\n'));
    if (!name.starts_with("MANIFEST-") || *read != name + "\n") {
      return absl::DataLossError(absl::StrCat(file.string(), " holds '", absl::CHexEscape(*read),
                                              "', which is not the name of a list of files and a newline"));
    }
    if (fs::exists(data / name)) return name;
    if (attempt == kTries) {
      return absl::DataLossError(
          absl::StrCat(file.string(), " names ", absl::CHexEscape((data / name).string()), ", which is not there"));
    }
  }
}

// RocksDB does not always say which table it cannot read, and names the list of files instead.
absl::Status NameTheTable(const absl::Status& status, const fs::path& data) {
  if (!absl::IsDataLoss(status) || status.message().find(".sst") != absl::string_view::npos) return status;
  for (const std::string& name : FilesOf(data)) {
    if (!name.ends_with(".sst")) continue;
    const absl::Status checked = CheckTable(data / name);
    if (absl::IsDataLoss(checked)) return checked;  // others: a writer may have deleted it
  }
  return status;
}

absl::Status CheckFormat(const LogMeta& meta) {
  if (meta.format() <= kFormat) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the log has format ", meta.format(), "; this version knows up to ", kFormat));
}

// The same of a closed database.
absl::Status CheckFormatIn(const fs::path& data, const rocksdb::DBOptions& options) {
  const std::string meta_name(Database::NameOf(Database::Family::kMeta));
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(
      options, data.string(), {{rocksdb::kDefaultColumnFamilyName, {}}, {meta_name, {}}}, &families, &opened);
  RETURN_IF_ERROR(NameTheTable(FromRocksDb(status), data));
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::string bytes;
  const rocksdb::Status found = db->Get({}, families[1], kMetaKey, &bytes);
  for (auto* family : families) db->DestroyColumnFamilyHandle(family);
  if (found.IsNotFound()) return absl::OkStatus();
  RETURN_IF_ERROR(NameTheTable(FromRocksDb(found), data));
  LogMeta meta;
  RETURN_IF_ERROR(Database::Parse(Database::Family::kMeta, kMetaKey, bytes, &meta));
  return CheckFormat(meta);
}

// Checks what RocksDB itself reads too leniently, and what a later version would have written: before it is opened, for
// opening for writing changes files.
absl::Status Check(const fs::path& data, const rocksdb::DBOptions& options, bool writable) {
  ASSIGN_OR_RETURN(const std::string current, CurrentManifest(data));
  if (current.empty()) return absl::OkStatus();
  for (const std::string& name : FilesOf(data)) {
    if (name != current && !name.ends_with(".log")) continue;
    const absl::Status checked = CheckRecordFile(data / name);
    if (!absl::IsNotFound(checked)) RETURN_IF_ERROR(checked);  // a writer may have deleted it
  }
  std::vector<std::string> names;
  RETURN_IF_ERROR(FromRocksDb(rocksdb::DB::ListColumnFamilies(options, data.string(), &names)));
  for (const std::string& name : names) {
    if (std::find(std::begin(kFamilies), std::end(kFamilies), name) == std::end(kFamilies)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the log has a column family '", name, "', which a later version made; this one reads format ", kFormat));
    }
  }
  // A reader looks for itself (ReadMeta).
  const bool is_complete = names.size() == std::size(kFamilies);  // or a writer died while it made the log
  return writable && is_complete ? CheckFormatIn(data, options) : absl::OkStatus();
}

rocksdb::ColumnFamilyOptions FamilyOptions(const std::string& name, const LogOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = options.write_buffer_bytes;
  family.target_file_size_base = 2 * options.write_buffer_bytes;
  if (options.compression == LogOptions::Compression::kZstd) {
    // What was just written out is soon written again, so that speed counts there.
    family.compression_per_level.assign(static_cast<size_t>(family.num_levels), rocksdb::kZSTD);
    family.compression_per_level[0] = rocksdb::kLZ4Compression;
  } else {
    family.compression = rocksdb::kNoCompression;
  }
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  if (name == "ids") {  // looked up one by one, mostly in vain: is this auction known?
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    family.memtable_prefix_bloom_size_ratio = 0.02;
    family.memtable_whole_key_filtering = true;
  } else {  // read in order
    table.block_size = size_t{32} << 10;
  }
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return family;
}

std::string RandomHex() {
  std::ifstream in("/dev/urandom", std::ios::binary);
  std::string bytes(16, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return absl::BytesToHexString(bytes);
}

}  // namespace

absl::Status CheckTable(const fs::path& file) {
  rocksdb::SstFileReader reader{rocksdb::Options()};
  rocksdb::Status status = reader.Open(file.string());
  if (status.ok()) status = reader.VerifyChecksum();
  if (status.ok()) {  // the version of the format has no checksum, and says how blocks are decompressed
    const std::unique_ptr<rocksdb::Iterator> it(reader.NewIterator({}));
    for (it->SeekToFirst(); it->Valid();) it->Next();
    status = it->status();
  }
  const absl::Status checked = FromRocksDb(status);
  const bool is_named = checked.message().find(file.string()) != absl::string_view::npos;
  return is_named ? checked : base::Annotate(checked, file.string());
}

Database::~Database() {
  for (auto* family : families_) {
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family);
  }
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const fs::path& data, bool writable,
                                                         const LogOptions& log_options) {
  rocksdb::DBOptions options;
  if (log_options.env != nullptr) options.env = log_options.env;
  // Records of the write-ahead log that a crash cut are left out, damaged ones refused (see CheckRecordFile).
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  options.db_write_buffer_size = 2 * log_options.write_buffer_bytes;  // of all families together
  options.max_total_wal_size = 8 * log_options.write_buffer_bytes;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.avoid_flush_during_shutdown = true;  // all is in the write-ahead log, or was on disk before
  options.max_open_files = -1;                 // all are opened with the database: see OpenForReading
  options.listeners.push_back(std::make_shared<NoRecoveryOfItsOwn>());
  options.max_bgerror_resume_count = 0;
  options.info_log = std::make_shared<NoEventLog>();  // its own aborts the process on a full disk
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  const auto cache = rocksdb::NewLRUCache(log_options.block_cache_bytes);
  for (const char* name : kFamilies) families.emplace_back(name, FamilyOptions(name, log_options, cache));
  RETURN_IF_ERROR(Check(data, options, writable));
  std::unique_ptr<Database> database(new Database());
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      writable ? rocksdb::DB::Open(options, data.string(), families, &database->families_, &db)
               : rocksdb::DB::OpenForReadOnly(options, data.string(), families, &database->families_, &db);
  RETURN_IF_ERROR(NameTheTable(FromRocksDb(opened), data));
  database->db_.reset(db);
  return database;
}

namespace {

// A log that had a writer once has a database: where its list of files is gone, so are records that were answered for.
absl::Status CheckThere(const fs::path& log) {
  if (!fs::exists(log / "WRITER") || fs::exists(log / "data" / "CURRENT")) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat((log / "data" / "CURRENT").string(), " is missing, and the log was written before"));
}

// Who holds a log's lock: what WRITER says, once the process that it names is alive, for the holder writes it only
// after it has the lock.
std::string HolderOf(const fs::path& log) {
  constexpr int kTries = 50;
  for (int attempt = 1; attempt <= kTries; ++attempt) {
    const auto writer = base::ReadFile(log / "WRITER", 4096);
    int pid = 0;
    if (writer.ok() && std::sscanf(writer->c_str(), "pid %d", &pid) == 1 && (kill(pid, 0) == 0 || errno == EPERM)) {
      return *writer;
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  return "another process";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::OpenForWriting(const fs::path& log, bool create,
                                                                   const LogOptions& options) {
  if (log.empty()) return base::InvalidField("--db", "names no folder");
  std::error_code error;
  if (!fs::exists(log / "data") && !fs::exists(log / "WRITER")) {
    if (!create) return NoLog(log);
    if (fs::exists(log) && (!fs::is_directory(log) || !fs::is_empty(log, error))) {
      return base::InvalidField("--db", absl::StrCat(log.string(), " is neither a log nor an empty folder"));
    }
  }
  if (options.write_buffer_bytes < (size_t{64} << 10)) {
    return base::InvalidField("write_buffer_bytes",
                              absl::StrCat(options.write_buffer_bytes, " is too small; 65536 or more"));
  }
  RETURN_IF_ERROR(CheckThere(log));
  RETURN_IF_ERROR(base::MakeFolders(log / "data"));
  auto database = Open(log / "data", true, options);
  if (!database.ok()) {
    if (absl::IsUnavailable(database.status()) && database.status().message().find("lock") != absl::string_view::npos) {
      return absl::UnavailableError(
          absl::StrCat(log.string(), " is being written by ", HolderOf(log), "; a log has one writer at a time"));
    }
    return base::Annotate(database.status(), absl::StrCat("cannot open the log ", log.string()));
  }
  RETURN_IF_ERROR(base::WriteFileAtomically(log / "WRITER", ThisProcess()));
  return database;
}

absl::StatusOr<std::unique_ptr<Database>> Database::OpenForReading(const fs::path& log) {
  RETURN_IF_ERROR(CheckThere(log));
  ASSIGN_OR_RETURN(const std::string current, CurrentManifest(log / "data"));
  if (current.empty()) return NoLog(log);
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
  auto database = Open(data, false, LogOptions());
  if (absl::IsInvalidArgument(database.status())) {  // a writer died while it made the log
    return absl::UnavailableError(absl::StrCat(data.string(), " is not complete (", database.status().message(),
                                               "); opening it once for writing completes it"));
  }
  if (!database.ok()) return base::Annotate(database.status(), absl::StrCat("cannot open ", data.string()));
  return database;
}

absl::Status Database::StatusOf(const rocksdb::Status& status) const {
  return NameTheTable(FromRocksDb(status), db_->GetName());
}

std::string_view Database::NameOf(Family family) { return kFamilies[static_cast<size_t>(family)]; }

absl::Status Database::Parse(Family of, std::string_view key, std::string_view bytes,
                             google::protobuf::MessageLite* value) {
  if (value->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the value of '", absl::CHexEscape({key.data(), key.size()}), "' in ",
                                          std::string(NameOf(of)), " does not parse"));
}

absl::StatusOr<bool> Database::Get(Family of, std::string_view key, google::protobuf::MessageLite* value,
                                   const rocksdb::Snapshot* at) const {
  std::string bytes;
  rocksdb::ReadOptions options;
  options.snapshot = at;
  const rocksdb::Status status = db_->Get(options, family(of), {key.data(), key.size()}, &bytes);
  if (status.IsNotFound()) return false;
  RETURN_IF_ERROR(StatusOf(status));
  RETURN_IF_ERROR(Parse(of, key, bytes, value));
  return true;
}

std::unique_ptr<rocksdb::Iterator> Database::Iterate(Family of, const rocksdb::Snapshot* at) const {
  rocksdb::ReadOptions options;
  options.snapshot = at;
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, family(of)));
}

absl::StatusOr<LogMeta> Database::ReadMeta(const rocksdb::Snapshot* at) const {
  LogMeta meta;
  ASSIGN_OR_RETURN(const bool found, Get(Family::kMeta, kMetaKey, &meta, at));
  if (!found) {
    meta.set_format(kFormat);
    meta.set_log_id(RandomHex());
    meta.set_created_time(absl::ToUnixMicros(absl::Now()));
  }
  RETURN_IF_ERROR(CheckFormat(meta));
  return meta;
}

}  // namespace vickrey::log
