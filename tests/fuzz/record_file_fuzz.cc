// log::CheckRecordFile. The first byte picks what the rest is:
//   - '0': the file. It is good or DATA_LOSS; where it is good, it is good cut anywhere.
//   - '1': the contents of records, written as RocksDB writes them. That file is good, cut anywhere it is good, and
//   with
//     a byte changed it is DATA_LOSS.
#include <isa-l/crc.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzzing.h"
#include "vickrey/log/record_file.h"

namespace vickrey::fuzz {
namespace {

constexpr size_t kBlock = 32768, kHeader = 7;

absl::Status Check(std::string_view bytes) {
  static MemoryFile file;
  file.Write(bytes);
  const absl::Status status = log::CheckRecordFile(file.path());
  Require(status.ok() || absl::IsDataLoss(status), "a file is good or damaged");
  return status;
}

// Of the type and the contents of a fragment, as RocksDB stores it.
uint32_t Checksum(std::string_view bytes) {
  const uint32_t crc = ~crc32_iscsi(reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data())),
                                    static_cast<int>(bytes.size()), ~0u);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

void AppendRecord(std::string_view record, std::string* file) {
  bool first = true;
  do {
    size_t left = kBlock - file->size() % kBlock;
    if (left < kHeader) {
      file->append(left, '\0');
      left = kBlock;
    }
    const std::string_view part = record.substr(0, left - kHeader);
    record.remove_prefix(part.size());
    const bool last = record.empty();
    std::string checked(1, static_cast<char>(first ? (last ? 1 : 2) : (last ? 4 : 3)));
    checked.append(part);
    const uint32_t crc = Checksum(checked);
    for (int shift = 0; shift < 32; shift += 8) file->push_back(static_cast<char>(crc >> shift & 0xff));
    file->push_back(static_cast<char>(part.size() & 0xff));
    file->push_back(static_cast<char>(part.size() >> 8));
    file->append(checked);
    first = false;
  } while (!record.empty());
}

// Whether a fragment without contents could be read out of the bytes; in the contents of a record it would be taken for
// one that the record's damaged header hides.
bool HoldsAFragment(std::string_view bytes) {
  for (size_t at = 0; at + kHeader <= bytes.size(); ++at) {
    const size_t length = static_cast<uint8_t>(bytes[at + 4]) | static_cast<size_t>(static_cast<uint8_t>(bytes[at + 5]))
                                                                    << 8;
    if (at + kHeader + length > bytes.size()) continue;
    const uint32_t crc = Checksum(bytes.substr(at + 6, 1 + length));
    bool same = true;
    for (int i = 0; i < 4; ++i) same = same && static_cast<uint8_t>(bytes[at + i]) == (crc >> 8 * i & 0xff);
    if (same) return true;
  }
  return false;
}

}  // namespace
}  // namespace vickrey::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vickrey::fuzz;
  Input input(data, size);
  const size_t choice = input.Case(2);
  const size_t at = input.Number();
  if (choice == 0) {
    const std::string_view file = input.rest();
    if (!Check(file).ok() || file.empty()) return 0;
    for (const size_t cut : {at % file.size(), file.size() / 2, file.size() - 1}) {
      Require(Check(file.substr(0, cut)).ok(), "a good file is good when it is cut");
    }
    return 0;
  }
  const auto flip = static_cast<char>(input.Byte());
  const size_t repeat = 1 + input.Number() % 70000;  // of the last record: longer than inputs are, and than a block
  std::string file;
  while (!input.rest().empty()) {
    const std::string_view record = input.TakeUntil('\n');
    if (HoldsAFragment(record)) return 0;
    std::string contents(record);
    while (input.rest().empty() && !record.empty() && contents.size() < repeat) contents.append(record);
    AppendRecord(contents, &file);
  }
  Require(Check(file).ok(), "what was written is good");
  if (file.empty()) return 0;
  const size_t cut = (at * 31) % file.size();
  Require(Check(std::string_view(file).substr(0, cut)).ok(), "a file that is cut is good");
  if (flip == 0) return 0;
  file[cut] = static_cast<char>(file[cut] ^ flip);
  Require(!Check(file).ok(), "damage is seen");
  return 0;
}
