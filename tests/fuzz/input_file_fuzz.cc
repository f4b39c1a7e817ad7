// log::InputFile. The first byte picks:
//   - '0': the rest is the file, whatever it is. It is refused or read; reading it again gives the same.
//   - '1': the rest is packed by gzip, '2': by zstd. Unpacked it is the same. Cut anywhere behind its first bytes,
//   which
//     tell that it is packed, or with a byte changed, it is DATA_LOSS: it never reads as another text.
#include <archive.h>
#include <archive_entry.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzzing.h"
#include "vickrey/log/input_file.h"

namespace vickrey::fuzz {
namespace {

constexpr size_t kMostBytes = size_t{16} << 20;  // a few bytes may unpack to gigabytes

struct Result {
  std::string text;
  absl::Status status;
};

Result Read(std::string_view bytes) {
  static MemoryFile file;
  file.Write(bytes);
  const auto input = log::InputFile::Open(file.path());
  if (!input.ok()) return {"", input.status()};
  Result result;
  std::vector<char> block(size_t{1} << 16);
  while ((*input)->stream().read(block.data(), static_cast<std::streamsize>(block.size())) ||
         (*input)->stream().gcount() > 0) {
    result.text.append(block.data(), static_cast<size_t>((*input)->stream().gcount()));
    if (result.text.size() >= kMostBytes) break;
  }
  result.status = (*input)->status();
  return result;
}

std::string Packed(std::string_view text, int filter) {
  std::string bytes(text.size() + 65536, '\0');
  size_t used = 0;
  archive* const writer = archive_write_new();
  archive_write_add_filter(writer, filter);
  archive_write_set_format_raw(writer);
  archive_write_set_bytes_per_block(writer, 0);
  archive_entry* const entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  Require(archive_write_open_memory(writer, bytes.data(), bytes.size(), &used) == ARCHIVE_OK &&
              archive_write_header(writer, entry) == ARCHIVE_OK &&
              archive_write_data(writer, text.data(), text.size()) == static_cast<la_ssize_t>(text.size()) &&
              archive_write_close(writer) == ARCHIVE_OK,
          "the fuzzer can pack");
  archive_entry_free(entry);
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

}  // namespace
}  // namespace vickrey::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vickrey::fuzz;
  Input input(data, size);
  const size_t choice = input.Case(3);
  if (choice == 0) {
    const Result once = Read(input.rest()), twice = Read(input.rest());
    Require(once.text == twice.text && once.status == twice.status, "a file reads the same twice");
    return 0;
  }
  const size_t at = input.Number();
  const auto flip = static_cast<char>(input.Byte());
  const std::string packed = Packed(input.rest(), choice == 1 ? ARCHIVE_FILTER_GZIP : ARCHIVE_FILTER_ZSTD);
  const Result whole = Read(packed);
  Require(whole.status.ok() && whole.text == input.rest(), "what was packed is unpacked");
  static constexpr size_t kRecognized = 4;  // shorter, it is told from no text
  const size_t cut = at % packed.size();
  if (cut >= kRecognized) {
    Require(absl::IsDataLoss(Read(std::string_view(packed).substr(0, cut)).status), "a cut is seen");
    std::string damaged = packed;
    damaged[cut] = static_cast<char>(damaged[cut] ^ flip);
    const Result result = Read(damaged);
    Require(choice == 2 || result.text == input.rest() || absl::IsDataLoss(result.status), "damage is seen");
  }
  return 0;
}
