#include "vickrey/log/input_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <streambuf>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/files.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"

namespace vickrey::log {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kGzipBytes = size_t{1} << 18;
constexpr std::string_view kGzip = "\x1f\x8b\x08";  // what marks it, and deflate, the only method that there is

}  // namespace

// Unpacked bytes, block by block.
class InputFile::Source : public std::streambuf {
 public:
  explicit Source(const std::filesystem::path& file) : file_(file), stream_(this) {}

  virtual absl::Status Open() = 0;
  // How much of the file itself was read.
  virtual int64_t position() const = 0;

  std::istream& stream() { return stream_; }
  const absl::Status& status() const { return status_; }

 protected:
  // The next bytes, none at the end; valid until the next call.
  virtual absl::StatusOr<std::string_view> Next() = 0;

  int_type underflow() override {
    if (gptr() == egptr() && !ended_) {
      const auto block = Next();
      status_ = block.status();
      ended_ = !block.ok() || block->empty();
      if (!ended_) {
        char* const begin = const_cast<char*>(block->data());  // a streambuf that is only read from
        setg(begin, begin, begin + block->size());
      }
    }
    return gptr() == egptr() ? traits_type::eof() : traits_type::to_int_type(*gptr());
  }
  std::string CannotRead(std::string_view why) const {
    return absl::StrCat("cannot read ", file_.string(), ": ", std::string(why));
  }

  const std::filesystem::path file_;

 private:
  std::istream stream_;
  bool ended_ = false;
  absl::Status status_;
};

// gzip by zlib: libarchive does not compare the checksums. What follows a member is another one, or damage.
class InputFile::Gzip final : public InputFile::Source {
 public:
  Gzip(const std::filesystem::path& file, int fd) : Source(file), fd_(fd), packed_(kGzipBytes), unpacked_(kGzipBytes) {}
  ~Gzip() override {
    inflateEnd(&inflate_);
    close(fd_);
  }

  absl::Status Open() override {
    static constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (inflateInit2(&inflate_, kGzipOnly) == Z_OK) return absl::OkStatus();
    return absl::ResourceExhaustedError(CannotRead("not enough memory to unpack it"));
  }
  int64_t position() const override { return position_; }

 protected:
  absl::StatusOr<std::string_view> Next() override {
    inflate_.next_out = unpacked_.data();
    inflate_.avail_out = static_cast<uInt>(unpacked_.size());
    while (inflate_.avail_out > 0) {
      if (inflate_.avail_in == 0) {
        const ssize_t got = read(fd_, packed_.data(), packed_.size());
        if (got < 0) return base::FileError("read", file_);
        if (got == 0) break;
        position_ += got;
        inflate_.next_in = packed_.data();
        inflate_.avail_in = static_cast<uInt>(got);
      }
      if (member_ended_) inflateReset(&inflate_);
      const int result = inflate(&inflate_, Z_NO_FLUSH);
      member_ended_ = result == Z_STREAM_END;
      if (result == Z_OK || result == Z_STREAM_END) continue;
      return absl::DataLossError(CannotRead(inflate_.msg != nullptr ? inflate_.msg : "damaged gzip"));
    }
    const size_t size = unpacked_.size() - inflate_.avail_out;
    if (size == 0 && !member_ended_) return absl::DataLossError(CannotRead("the gzip is cut"));
    return std::string_view(reinterpret_cast<const char*>(unpacked_.data()), size);
  }

 private:
  const int fd_;
  std::vector<Bytef> packed_, unpacked_;
  z_stream inflate_ = {};
  bool member_ended_ = false;  // of the last byte that was unpacked
  int64_t position_ = 0;
};

// What is not gzip, by libarchive.
class InputFile::Archive final : public InputFile::Source {
 public:
  explicit Archive(const std::filesystem::path& file) : Source(file), reader_(archive_read_new()) {
    archive_read_support_filter_zstd(reader_);
    archive_read_support_format_raw(reader_);
    archive_read_support_format_empty(reader_);
  }
  ~Archive() override { archive_read_free(reader_); }

  absl::Status Open() override {
    if (archive_read_open_filename(reader_, file_.c_str(), kReadBytes) != ARCHIVE_OK) return Error();
    archive_entry* entry = nullptr;
    const int header = archive_read_next_header(reader_, &entry);
    empty_ = header == ARCHIVE_EOF;
    return header == ARCHIVE_OK || empty_ ? absl::OkStatus() : Error();
  }
  int64_t position() const override { return archive_filter_bytes(reader_, -1); }

 protected:
  absl::StatusOr<std::string_view> Next() override {
    const void* block = nullptr;
    size_t bytes = 0;
    la_int64_t offset = 0;
    while (!empty_ && bytes == 0) {
      const int result = archive_read_data_block(reader_, &block, &bytes, &offset);
      if (result == ARCHIVE_EOF) break;
      if (result != ARCHIVE_OK) return Error();
    }
    return std::string_view(static_cast<const char*>(block), bytes);
  }

 private:
  absl::Status Error() const {
    const std::string text = CannotRead(archive_error_string(reader_));
    const int code = archive_errno(reader_);
    if (code == ENOENT) return absl::NotFoundError(text);
    // libarchive's own code for a malformed input, or none.
    return code <= 0 || code == EILSEQ || code == EINVAL ? absl::DataLossError(text) : absl::UnavailableError(text);
  }

  archive* const reader_;
  bool empty_ = false;
};

InputFile::InputFile(std::unique_ptr<Source> source, int64_t size) : source_(std::move(source)), size_(size) {}
InputFile::~InputFile() = default;

absl::StatusOr<std::unique_ptr<InputFile>> InputFile::Open(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    const bool is_there = std::filesystem::exists(file, error);
    return base::InvalidField("FILE",
                              absl::StrCat("'", file.string(), is_there ? "' is not a file" : "' is not there"));
  }
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return base::FileError("open", file);
  char start[kGzip.size()] = {};
  const bool gzip =
      pread(fd, start, sizeof(start), 0) == sizeof(start) && kGzip == std::string_view(start, sizeof(start));
  const off_t size = lseek(fd, 0, SEEK_END);
  lseek(fd, 0, SEEK_SET);
  std::unique_ptr<Source> source;
  if (gzip) {
    source = std::make_unique<Gzip>(file, fd);
  } else {
    close(fd);
    source = std::make_unique<Archive>(file);
  }
  RETURN_IF_ERROR(source->Open());
  return std::unique_ptr<InputFile>(new InputFile(std::move(source), size));
}

std::istream& InputFile::stream() { return source_->stream(); }
absl::Status InputFile::status() const { return source_->status(); }
int64_t InputFile::position() const { return source_->position(); }
int64_t InputFile::size() const { return size_; }

absl::StatusOr<std::string> DigestOfContents(const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(const auto input, InputFile::Open(file));
  base::Sha256 sha;
  std::string bytes(kReadBytes, '\0');
  while (input->stream().read(bytes.data(), static_cast<std::streamsize>(bytes.size())) ||
         input->stream().gcount() > 0) {
    sha.Update({bytes.data(), static_cast<size_t>(input->stream().gcount())});
  }
  RETURN_IF_ERROR(input->status());
  return absl::BytesToHexString(sha.Digest());
}

}  // namespace vickrey::log
