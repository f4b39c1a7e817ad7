#include "trainer/data/grouping.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/crc32c.h"
#include "vickrey/base/files.h"
#include "vickrey/base/random.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

constexpr int64_t kAtATime = 4096;

int FoldOf(const IndexEntry& entry, int folds, uint64_t seed) {
  base::RandomStream random(seed, base::StreamId("teacher.folds"), entry.id_hash);
  return static_cast<int>(random.Below(static_cast<uint64_t>(folds)));
}

// An auction's number as it lies in the list, with a checksum above it: a number of 40 bits is enough for a log.
constexpr int kNumberBits = 40;

int64_t Checked(int64_t number) {
  const uint32_t crc = base::Crc32c({reinterpret_cast<const char*>(&number), sizeof(number)});
  return static_cast<int64_t>((uint64_t{crc} << kNumberBits) | static_cast<uint64_t>(number));
}

// The number, or -1 where it was changed.
int64_t NumberOf(int64_t listed) {
  const int64_t number = listed & ((int64_t{1} << kNumberBits) - 1);
  return Checked(number) == listed ? number : -1;
}

// Calls f(number, group, totals of the auction) on every auction, in order of time.
template <typename F>
absl::Status ForEach(const Dataset& dataset, int folds, uint64_t seed, F f) {
  std::vector<IndexEntry> entries;
  for (int64_t begin = 0; begin < dataset.auctions(); begin += kAtATime) {
    const int64_t count = std::min(kAtATime, dataset.auctions() - begin);
    entries.resize(static_cast<size_t>(count) + 1);
    RETURN_IF_ERROR(dataset.ReadIndex(begin, entries));
    for (int64_t k = 0; k < count; ++k) {
      const IndexEntry& entry = entries[k];
      const int group = entry.part == Part::kTrain        ? FoldOf(entry, folds, seed)
                        : entry.part == Part::kValidation ? folds
                                                          : folds + 1;
      const Totals totals = {.auctions = 1,
                             .candidates = static_cast<int64_t>(entries[k + 1].first_candidate - entry.first_candidate),
                             .labelled = entry.labelled,
                             .clicks = entry.clicks,
                             .with_truth = entry.with_truth};
      RETURN_IF_ERROR(f(begin + k, group, totals));
    }
  }
  return absl::OkStatus();
}

// Lists the numbers group by group: a buffer for each, written where the group's next numbers belong.
class ListWriter {
 public:
  ListWriter(base::FilePublisher* file, const std::vector<Totals>& groups) : file_(*file), buffers_(groups.size()) {
    int64_t place = 0;
    for (const Totals& group : groups) {
      places_.push_back(place);
      place += group.auctions;
    }
  }

  absl::Status Add(int64_t number, int group) {
    buffers_[group].push_back(Checked(number));
    return buffers_[group].size() < kAtATime ? absl::OkStatus() : Flush(group);
  }

  absl::Status FlushAll() {
    for (size_t group = 0; group < buffers_.size(); ++group) RETURN_IF_ERROR(Flush(static_cast<int>(group)));
    return absl::OkStatus();
  }

 private:
  absl::Status Flush(int group) {
    std::vector<int64_t>& buffer = buffers_[group];
    RETURN_IF_ERROR(base::WriteAt(file_.fd(), places_[group] * static_cast<int64_t>(sizeof(int64_t)),
                                  {reinterpret_cast<const char*>(buffer.data()), buffer.size() * sizeof(int64_t)},
                                  "the list of a dataset's auctions"));
    places_[group] += static_cast<int64_t>(buffer.size());
    buffer.clear();
    return absl::OkStatus();
  }

  base::FilePublisher& file_;
  std::vector<std::vector<int64_t>> buffers_;
  std::vector<int64_t> places_;  // of the group's next number
};

}  // namespace

void Totals::Add(const Totals& other) {
  auctions += other.auctions;
  candidates += other.candidates;
  labelled += other.labelled;
  clicks += other.clicks;
  with_truth += other.with_truth;
}

absl::Status Selection::Numbers(int64_t begin, std::span<int64_t> numbers) const {
  for (const base::IndexRange& range : ranges_) {
    const int64_t size = range.end - range.begin;
    if (begin < size && !numbers.empty()) {
      const auto count = static_cast<size_t>(std::min<int64_t>(size - begin, static_cast<int64_t>(numbers.size())));
      const absl::Status read =
          list_->ReadAt((range.begin + begin) * static_cast<int64_t>(sizeof(int64_t)), numbers.first(count));
      if (!read.ok()) return dataset_->Damaged(absl::StrCat("is damaged: ", std::string(read.message())));
      for (int64_t& number : numbers.first(count)) {
        number = NumberOf(number);
        if (number < 0) return dataset_->Damaged("has a list of auctions that was changed");
      }
      numbers = numbers.subspan(count);
      begin += static_cast<int64_t>(count);
    }
    begin -= size;
  }
  return absl::OkStatus();
}

absl::StatusOr<Grouping> Grouping::Make(std::shared_ptr<const Dataset> dataset, int folds, uint64_t seed) {
  Grouping grouping(std::move(dataset), folds);
  grouping.totals_.resize(static_cast<size_t>(folds) + 2);
  RETURN_IF_ERROR(ForEach(*grouping.dataset_, folds, seed, [&](int64_t, int group, const Totals& totals) {
    grouping.totals_[group].Add(totals);
    return absl::OkStatus();
  }));
  const auto file = grouping.dataset_->folder() / absl::StrCat("groups-", folds, "-", seed);
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    ASSIGN_OR_RETURN(const auto publisher, base::FilePublisher::Create(file));
    ListWriter writer(publisher.get(), grouping.totals_);
    RETURN_IF_ERROR(ForEach(*grouping.dataset_, folds, seed,
                            [&](int64_t number, int group, const Totals&) { return writer.Add(number, group); }));
    RETURN_IF_ERROR(writer.FlushAll());
    RETURN_IF_ERROR(publisher->Publish());
  }
  auto list = base::RandomAccessFile::Open(file);
  if (!list.ok()) return grouping.dataset_->Damaged(absl::StrCat("is damaged: ", std::string(list.status().message())));
  grouping.list_ = *std::move(list);
  return grouping;
}

Selection Grouping::Select(int from, int to) const {
  Selection selection;
  selection.dataset_ = dataset_;
  selection.list_ = list_;
  base::IndexRange range;
  for (int group = 0; group < to; ++group) {
    if (group < from) range.begin += totals_[group].auctions;
    if (group >= from) selection.totals_.Add(totals_[group]);
    range.end += totals_[group].auctions;
  }
  selection.ranges_ = {range};
  return selection;
}

Selection Grouping::TrainWithout(int fold) const {
  Selection before = Select(0, fold);
  const Selection after = Select(fold + 1, folds_);
  before.ranges_.push_back(after.ranges_[0]);
  before.totals_.Add(after.totals_);
  return before;
}

}  // namespace vickrey::trainer
