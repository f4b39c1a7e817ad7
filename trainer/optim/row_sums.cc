#include "trainer/optim/row_sums.h"

#include <algorithm>
#include <bit>
#include <new>

namespace vickrey::trainer {
namespace {

constexpr int64_t kPartMembers = 1024;   // its table: 8 KB
constexpr int kMostPartBits = 10;        // beyond it, each part's next place is not in the nearest cache any more
constexpr int64_t kChunkMembers = 8192;  // distributed at a time

// Knuth, "The Art of Computer Programming" 3, 6.4: multiplicative hashing by the golden ratio; the high bits count.
uint64_t Hash(int64_t row) { return static_cast<uint64_t>(row) * 0x9e3779b97f4a7c15u; }

// The highest bits of a hash; there may be none.
uint64_t High(uint64_t hash, int bits) { return hash >> 1 >> (63 - bits); }

int PartBits(int64_t count) {
  const auto parts = static_cast<uint64_t>(std::max<int64_t>(1, count / kPartMembers));
  return std::min(kMostPartBits, static_cast<int>(std::bit_width(parts)) - 1);
}

int64_t Chunks(int64_t count) { return (count + kChunkMembers - 1) / kChunkMembers; }

template <typename T>
void Grow(int64_t size, std::vector<T>* to) {
  if (static_cast<int64_t>(to->size()) < size) to->resize(static_cast<size_t>(size));
}

}  // namespace

bool RowSums::Sum(const int64_t* members, int64_t count, const float* gradients, int64_t width, int64_t rows,
                  int64_t workers, ForAll for_all) {
  width_ = width;
  part_bits_ = PartBits(count);
  Reserve(count);
  if (!CountParts(members, count, static_cast<uint64_t>(rows), for_all)) {
    std::fill(distinct_.begin(), distinct_.end(), 0);
    return false;
  }
  Distribute(members, count, for_all);
  Grow(workers, &tables_);
  for_all(workers, [&](int64_t worker) {
    const int64_t last = FirstPart(worker + 1, workers);
    for (int64_t p = FirstPart(worker, workers); p < last; ++p) SumPart(p, gradients, &tables_[worker]);
  });
  return true;
}

void RowSums::Reserve(int64_t count) {
  const int64_t parts = int64_t{1} << part_bits_;
  begin_.resize(parts + 1);
  distinct_.resize(parts);
  Grow(count, &member_rows_);
  Grow(count, &rows_);
  Grow(count, &members_);
  Grow(count, &slots_);
  Grow(Chunks(count) * parts, &places_);
  Grow(Chunks(count), &bad_);
  if (sums_size_ < count * width_) {
    sums_ = hwy::AllocateAligned<float>(count * width_);
    if (sums_ == nullptr) throw std::bad_alloc();
    sums_size_ = count * width_;
  }
}

bool RowSums::CountParts(const int64_t* members, int64_t count, uint64_t rows, ForAll for_all) {
  const int64_t parts = int64_t{1} << part_bits_, chunks = Chunks(count);
  for_all(chunks, [&](int64_t chunk) {
    int64_t* const counts = places_.data() + chunk * parts;
    std::fill_n(counts, parts, 0);
    int64_t bad = 0;
    const int64_t end = std::min(count, (chunk + 1) * kChunkMembers);
    for (int64_t i = chunk * kChunkMembers; i < end; ++i) {
      bad += static_cast<uint64_t>(members[i]) >= rows ? 1 : 0;
      ++counts[High(Hash(members[i]), part_bits_)];
    }
    bad_[chunk] = bad;
  });
  int64_t at = 0;
  for (int64_t p = 0; p < parts; ++p) {
    begin_[p] = at;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      int64_t& place = places_[chunk * parts + p];
      const int64_t here = place;
      place = at;
      at += here;
    }
  }
  begin_[parts] = at;
  return std::all_of(bad_.begin(), bad_.begin() + chunks, [](int64_t bad) { return bad == 0; });
}

void RowSums::Distribute(const int64_t* members, int64_t count, ForAll for_all) {
  const int64_t parts = int64_t{1} << part_bits_;
  for_all(Chunks(count), [&](int64_t chunk) {
    int64_t* const places = places_.data() + chunk * parts;
    const int64_t end = std::min(count, (chunk + 1) * kChunkMembers);
    for (int64_t i = chunk * kChunkMembers; i < end; ++i) {
      const int64_t place = places[High(Hash(members[i]), part_bits_)]++;
      member_rows_[place] = members[i];
      members_[place] = static_cast<int32_t>(i);
    }
  });
}

// Open addressing with linear probing; a place of the table holds a slot + 1, or 0.
void RowSums::SumPart(int64_t p, const float* gradients, std::vector<int32_t>* table) {
  const int64_t begin = begin_[p], count = begin_[p + 1] - begin;
  const int table_bits = static_cast<int>(std::bit_width(static_cast<uint64_t>(count))) + 1;  // a quarter to half full
  const uint64_t mask = (uint64_t{1} << table_bits) - 1;
  Grow(static_cast<int64_t>(mask) + 1, table);
  std::fill_n(table->begin(), mask + 1, 0);
  int32_t* const places = table->data();
  const int64_t* const member_rows = member_rows_.data() + begin;
  int64_t* const rows = rows_.data() + begin;
  int32_t* const slots = slots_.data() + begin;
  int32_t distinct = 0;
  for (int64_t k = 0; k < count; ++k) {
    const int64_t row = member_rows[k];
    // Bits below those that chose the part.
    uint64_t place = High(Hash(row) << part_bits_, table_bits);
    while (places[place] != 0 && rows[places[place] - 1] != row) place = (place + 1) & mask;
    if (places[place] == 0) {
      rows[distinct] = row;
      places[place] = ++distinct;
    }
    slots[k] = places[place] - 1;
  }
  distinct_[p] = distinct;
  SumRepetitions({.members = members_.data() + begin, .slots = slots, .count = count, .gradients = gradients}, width_,
                 sums_.get() + begin * width_);
}

int64_t RowSums::FirstPart(int64_t worker, int64_t workers) const {
  const int64_t members = begin_.back() * worker / workers;
  return worker == workers ? parts() : std::lower_bound(begin_.begin(), begin_.end() - 1, members) - begin_.begin();
}

}  // namespace vickrey::trainer
