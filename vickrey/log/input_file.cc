#include "vickrey/log/input_file.h"

#include <archive.h>
#include <archive_entry.h>

#include <streambuf>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "vickrey/base/sha256.h"
#include "vickrey/base/status.h"

namespace vickrey::log {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;

}  // namespace

// Hands out the blocks of libarchive as they come.
struct InputFile::Archive final : public std::streambuf {
  explicit Archive(std::filesystem::path path) : file(std::move(path)), reader(archive_read_new()), stream(this) {
    archive_read_support_filter_gzip(reader);
    archive_read_support_filter_zstd(reader);
    archive_read_support_format_raw(reader);
    archive_read_support_format_empty(reader);
  }
  ~Archive() override { archive_read_free(reader); }

  absl::Status Open() {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
      return base::InvalidField("FILE", absl::StrCat("'", file.string(), "' is not a file"));
    }
    size = static_cast<int64_t>(std::filesystem::file_size(file, error));
    if (error) return absl::UnavailableError(absl::StrCat("cannot read ", file.string(), ": ", error.message()));
    if (archive_read_open_filename(reader, file.c_str(), kReadBytes) != ARCHIVE_OK) return Error();
    archive_entry* entry = nullptr;
    const int header = archive_read_next_header(reader, &entry);
    if (header == ARCHIVE_EOF) {
      ended = true;
      return absl::OkStatus();
    }
    return header == ARCHIVE_OK ? absl::OkStatus() : Error();
  }

  int_type underflow() override {
    while (!ended && gptr() == egptr()) {
      const void* block = nullptr;
      size_t bytes = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(reader, &block, &bytes, &offset);
      if (result != ARCHIVE_OK && result != ARCHIVE_EOF) status = Error();
      ended = result != ARCHIVE_OK;
      if (ended) break;
      char* begin = const_cast<char*>(static_cast<const char*>(block));  // a streambuf that is only read from
      setg(begin, begin, begin + bytes);
    }
    return gptr() == egptr() ? traits_type::eof() : traits_type::to_int_type(*gptr());
  }

  absl::Status Error() const {
    const std::string text = absl::StrCat("cannot read ", file.string(), ": ", archive_error_string(reader));
    const int code = archive_errno(reader);
    if (code == ENOENT) return absl::NotFoundError(text);
    // libarchive's own code for a malformed input, or none.
    return code <= 0 || code == EILSEQ || code == EINVAL ? absl::DataLossError(text) : absl::UnavailableError(text);
  }

  const std::filesystem::path file;
  archive* const reader;
  std::istream stream;
  int64_t size = 0;
  bool ended = false;
  absl::Status status;
};

InputFile::InputFile(std::unique_ptr<Archive> archive) : archive_(std::move(archive)) {}
InputFile::~InputFile() = default;

absl::StatusOr<std::unique_ptr<InputFile>> InputFile::Open(const std::filesystem::path& file) {
  auto archive = std::make_unique<Archive>(file);
  RETURN_IF_ERROR(archive->Open());
  return std::unique_ptr<InputFile>(new InputFile(std::move(archive)));
}

std::istream& InputFile::stream() { return archive_->stream; }
absl::Status InputFile::status() const { return archive_->status; }
int64_t InputFile::position() const { return archive_filter_bytes(archive_->reader, -1); }
int64_t InputFile::size() const { return archive_->size; }

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
