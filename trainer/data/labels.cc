#include "trainer/data/labels.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"

namespace vickrey::trainer {
namespace {

constexpr int64_t kChunkCandidates = 8192;
constexpr int64_t kNumbersAtATime = 4096;

// Reads auctions into chunks of about one size.
class Chunks {
 public:
  explicit Chunks(absl::FunctionRef<absl::Status(const Chunk&)> f) : f_(f) {}

  absl::Status Add(const Dataset& dataset, int64_t number) {
    RETURN_IF_ERROR(dataset.Read(number, &chunk_));
    return chunk_.candidates() < kChunkCandidates ? absl::OkStatus() : Flush();
  }

  absl::Status Flush() {
    if (chunk_.auctions() == 0) return absl::OkStatus();
    RETURN_IF_ERROR(f_(chunk_));
    chunk_.Clear();
    return absl::OkStatus();
  }

 private:
  const absl::FunctionRef<absl::Status(const Chunk&)> f_;
  Chunk chunk_;
};

}  // namespace

Labels Labels::OfFile(std::shared_ptr<const base::RandomAccessFile> file, int64_t offset) {
  Labels labels(Kind::kFile);
  labels.file_ = std::move(file);
  labels.offset_ = offset;
  return labels;
}

absl::Status Labels::Of(const Chunk& chunk, std::vector<double>* labels) const {
  if (kind_ == Kind::kClick) labels->assign(chunk.clicks.begin(), chunk.clicks.end());
  if (kind_ == Kind::kTruth) *labels = chunk.truths;
  if (kind_ != Kind::kFile) return absl::OkStatus();
  labels->clear();
  thread_local std::vector<float> of_auction;
  for (int64_t a = 0; a < chunk.auctions(); ++a) {
    of_auction.resize(static_cast<size_t>(chunk.features.offsets[a + 1] - chunk.features.offsets[a]));
    const int64_t at = offset_ + chunk.first_candidates[a] * static_cast<int64_t>(sizeof(float));
    RETURN_IF_ERROR(file_->ReadAt(at, std::span(of_auction)));
    labels->insert(labels->end(), of_auction.begin(), of_auction.end());
  }
  return absl::OkStatus();
}

absl::Status Labels::CheckAny(const Selection& selection) const {
  const Totals& totals = selection.totals();
  if (kind_ == Kind::kFile || (kind_ == Kind::kClick ? totals.labelled : totals.with_truth) > 0) {
    return absl::OkStatus();
  }
  return base::InvalidField("loss.labels", absl::StrCat("no auction of the training set has '",
                                                        kind_ == Kind::kClick ? "click" : "truth", "' labels"));
}

absl::Status ForEachChunk(const Sample& sample, absl::FunctionRef<absl::Status(const Chunk&)> f) {
  Chunks chunks(f);
  std::vector<int64_t> numbers;
  for (int64_t begin = 0; begin < sample.auctions;) {
    // As many of the sample as lie within so many of the selection.
    const int64_t first = sample.Place(begin);
    int64_t end = begin + 1;
    while (end < sample.auctions && sample.Place(end) < first + kNumbersAtATime) ++end;
    numbers.resize(static_cast<size_t>(sample.Place(end - 1) - first) + 1);
    RETURN_IF_ERROR(sample.selection.Numbers(first, numbers));
    for (int64_t i = begin; i < end; ++i) {
      RETURN_IF_ERROR(chunks.Add(sample.selection.dataset(), numbers[sample.Place(i) - first]));
    }
    begin = end;
  }
  return chunks.Flush();
}

absl::Status ForEachChunk(const Selection& selection, absl::FunctionRef<absl::Status(const Chunk&)> f) {
  return ForEachChunk(Sample(selection, 0), f);
}

}  // namespace vickrey::trainer
