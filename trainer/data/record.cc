#include "trainer/data/record.h"

#include <cstring>
#include <string_view>
#include <vector>

#include "vickrey/base/crc32c.h"

namespace vickrey::trainer {
namespace {

// What comes first.
struct Counts {
  uint32_t candidates = 0;
  uint32_t context_members = 0, ad_members = 0;  // of all bags
  uint32_t crc = 0;                              // CRC-32C of the other counts, and of all that follows them
};

uint32_t CrcOf(Counts counts, std::string_view rest) {
  counts.crc = 0;
  return base::Crc32c(rest, base::Crc32c({reinterpret_cast<const char*>(&counts), sizeof(counts)}));
}

template <typename T>
void Put(const std::vector<T>& from, int64_t begin, int64_t count, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(from.data() + begin), static_cast<size_t>(count) * sizeof(T));
}

int64_t Width(size_t values, int64_t rows) { return rows == 0 ? 0 : static_cast<int64_t>(values) / rows; }

int64_t BagsOf(const model::SideRows& side) { return Width(side.bag_offsets.size() - 1, side.rows); }

void PutRows(const model::SideRows& side, int64_t begin, int64_t count, std::string* bytes) {
  const int64_t dense = Width(side.dense.size(), side.rows), singles = Width(side.buckets.size(), side.rows);
  const int64_t bags = BagsOf(side);
  Put(side.dense, begin * dense, count * dense, bytes);
  Put(side.buckets, begin * singles, count * singles, bytes);
  for (int64_t bag = begin * bags; bag < (begin + count) * bags; ++bag) {
    const auto length = static_cast<uint32_t>(side.bag_offsets[bag + 1] - side.bag_offsets[bag]);
    bytes->append(reinterpret_cast<const char*>(&length), sizeof(length));
  }
  const int64_t first = side.bag_offsets[begin * bags];
  Put(side.bag_buckets, first, side.bag_offsets[(begin + count) * bags] - first, bytes);
}

// Reads the arrays one after the other; the length was checked before.
class Source {
 public:
  explicit Source(const char* at) : at_(at) {}

  template <typename T>
  void Take(int64_t count, std::vector<T>* to) {
    const size_t before = to->size(), size = static_cast<size_t>(count) * sizeof(T);
    to->resize(before + static_cast<size_t>(count));
    if (size > 0) std::memcpy(to->data() + before, at_, size);
    at_ += size;
  }

  void TakeRows(const model::SideInputs& inputs, int64_t rows, int64_t members, model::SideRows* side) {
    side->rows += rows;
    Take(rows * inputs.dense_width(), &side->dense);
    Take(rows * inputs.singles, &side->buckets);
    lengths_.clear();
    Take(rows * inputs.bags, &lengths_);
    for (const uint32_t length : lengths_) side->bag_offsets.push_back(side->bag_offsets.back() + length);
    Take(members, &side->bag_buckets);
  }

 private:
  const char* at_;
  std::vector<uint32_t> lengths_;
};

size_t SizeOfRows(const model::SideInputs& inputs, size_t rows, size_t members) {
  const auto width = static_cast<size_t>(inputs.dense_width() + inputs.singles + inputs.bags);
  return sizeof(uint32_t) * (rows * width + members);  // all of them have four bytes
}

// Sum of the bags' lengths, which lie behind the other numbers of a side.
uint64_t MembersOf(const model::SideInputs& inputs, size_t rows, const char* at) {
  at += sizeof(uint32_t) * rows * static_cast<size_t>(inputs.dense_width() + inputs.singles);
  uint64_t members = 0;
  for (size_t bag = 0; bag < rows * static_cast<size_t>(inputs.bags); ++bag) {
    uint32_t length = 0;
    std::memcpy(&length, at + bag * sizeof(length), sizeof(length));
    members += length;
  }
  return members;
}

}  // namespace

void AppendRecord(const Chunk& chunk, int64_t auction, std::string* bytes) {
  const model::Batch& batch = chunk.features;
  const int64_t begin = batch.offsets[auction], n = batch.offsets[auction + 1] - begin;
  const auto members = [](const model::SideRows& side, int64_t row, int64_t rows) {
    const int64_t bags = BagsOf(side);
    return static_cast<uint32_t>(side.bag_offsets[(row + rows) * bags] - side.bag_offsets[row * bags]);
  };
  Counts counts = {.candidates = static_cast<uint32_t>(n),
                   .context_members = members(batch.context, auction, 1),
                   .ad_members = members(batch.ads, begin, n)};
  const size_t start = bytes->size();
  bytes->append(reinterpret_cast<const char*>(&counts), sizeof(counts));
  Put(chunk.bids_micros, begin, n, bytes);
  Put(chunk.values_micros, begin, n, bytes);
  Put(chunk.truths, begin, n, bytes);
  Put(chunk.clicks, begin, n, bytes);
  PutRows(batch.context, auction, 1, bytes);
  PutRows(batch.ads, begin, n, bytes);
  counts.crc = CrcOf(counts, std::string_view(*bytes).substr(start + sizeof(counts)));
  std::memcpy(bytes->data() + start, &counts, sizeof(counts));
}

bool ParseRecord(const model::Layout& inputs, std::span<const char> bytes, Chunk* chunk) {
  Counts counts;
  if (bytes.size() < sizeof(counts)) return false;
  std::memcpy(&counts, bytes.data(), sizeof(counts));
  const size_t n = counts.candidates;
  constexpr size_t kOfCandidate = 2 * sizeof(int64_t) + sizeof(double) + sizeof(float);
  const size_t context = SizeOfRows(inputs.context, 1, counts.context_members);
  if (bytes.size() != sizeof(counts) + n * kOfCandidate + context + SizeOfRows(inputs.ad, n, counts.ad_members)) {
    return false;
  }
  if (CrcOf(counts, {bytes.data() + sizeof(counts), bytes.size() - sizeof(counts)}) != counts.crc) return false;
  const char* const rows = bytes.data() + sizeof(counts) + n * kOfCandidate;
  if (MembersOf(inputs.context, 1, rows) != counts.context_members ||
      MembersOf(inputs.ad, n, rows + context) != counts.ad_members) {
    return false;
  }
  Source source(bytes.data() + sizeof(counts));
  const auto candidates = static_cast<int64_t>(n);
  source.Take(candidates, &chunk->bids_micros);
  source.Take(candidates, &chunk->values_micros);
  source.Take(candidates, &chunk->truths);
  source.Take(candidates, &chunk->clicks);
  source.TakeRows(inputs.context, 1, counts.context_members, &chunk->features.context);
  source.TakeRows(inputs.ad, candidates, counts.ad_members, &chunk->features.ads);
  chunk->features.offsets.push_back(chunk->features.ads.rows);
  return true;
}

}  // namespace vickrey::trainer
