#include "simulator/source.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "simulator/teacher_labels.h"
#include "vickrey/base/status.h"
#include "vickrey/base/time.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/market/market.h"
#include "vickrey/market/records.h"
#include "vickrey/metric/blocks.h"

namespace vickrey::simulator {
namespace {

using metric::kBlockAuctions;
using vickrey::config::v1::SimulateConfig;
using vickrey::v1::FeatureField;
using vickrey::v1::LoggedAuction;

class MarketBlock final : public Block {
 public:
  MarketBlock(const market::Market* market, bool encoded, base::IndexRange range)
      : market_(*market), range_(range), records_(market), encoded_(encoded) {}

  int64_t size() const override { return range_.end - range_.begin; }
  const LoggedAuction& At(int64_t i) override {
    if (encoded_) {
      records_.Write(range_.begin + i, &record_);
    } else {
      record_ = *log::FromLine(market_.GenerateLine(range_.begin + i));  // a market's lines are good
    }
    return record_;
  }

 private:
  const market::Market& market_;
  const base::IndexRange range_;
  market::Records records_;
  const bool encoded_;
  LoggedAuction record_;
};

class MarketSource final : public Source {
 public:
  MarketSource(std::unique_ptr<market::Market> market, bool encoded, base::IndexRange range)
      : market_(std::move(market)), encoded_(encoded), range_(range), next_(range.begin) {}

  int64_t size() const override { return range_.end - range_.begin; }
  absl::StatusOr<std::unique_ptr<Block>> Next() override {
    if (next_ == range_.end) return std::unique_ptr<Block>();
    const base::IndexRange block = {next_, std::min(next_ + kBlockAuctions, range_.end)};
    next_ = block.end;
    return std::make_unique<MarketBlock>(market_.get(), encoded_, block);
  }

 private:
  const std::unique_ptr<market::Market> market_;
  const bool encoded_;
  const base::IndexRange range_;
  int64_t next_;
};

class RecordBlock final : public Block {
 public:
  explicit RecordBlock(std::vector<LoggedAuction> records) : records_(std::move(records)) {}

  int64_t size() const override { return static_cast<int64_t>(records_.size()); }
  const LoggedAuction& At(int64_t i) override { return records_[i]; }

 private:
  const std::vector<LoggedAuction> records_;
};

class SnapshotSource final : public Source {
 public:
  // Auctions of `range` behind the first `skipped`.
  static absl::StatusOr<std::unique_ptr<Source>> Create(std::unique_ptr<log::LogReader> reader,
                                                        std::optional<TeacherLabels> labels, int64_t skipped,
                                                        base::IndexRange range) {
    ASSIGN_OR_RETURN(auto scan, reader->NewScan({.young_clicks = false}));
    LoggedAuction ignored;
    for (int64_t i = 0; i < skipped + range.begin; ++i) {
      RETURN_IF_ERROR(scan->Next(&ignored));
      if (labels.has_value()) labels->Skip(ignored.auction().candidates_size());
    }
    return std::unique_ptr<Source>(
        new SnapshotSource(std::move(reader), std::move(scan), std::move(labels), range.end - range.begin));
  }

  int64_t size() const override { return size_; }
  absl::StatusOr<std::unique_ptr<Block>> Next() override {
    std::vector<LoggedAuction> records;
    for (; done_ < size_ && static_cast<int64_t>(records.size()) < kBlockAuctions; ++done_) {
      LoggedAuction& record = records.emplace_back();
      ASSIGN_OR_RETURN(const bool more, scan_->Next(&record));
      if (!more) return absl::DataLossError("the snapshot has fewer auctions than it had when it was counted");
      if (labels_.has_value()) RETURN_IF_ERROR(labels_->Label(&record));
    }
    if (records.empty()) return std::unique_ptr<Block>();
    return std::make_unique<RecordBlock>(std::move(records));
  }

 private:
  SnapshotSource(std::unique_ptr<log::LogReader> reader, std::unique_ptr<log::LogReader::Scan> scan,
                 std::optional<TeacherLabels> labels, int64_t size)
      : reader_(std::move(reader)), scan_(std::move(scan)), labels_(std::move(labels)), size_(size) {}

  const std::unique_ptr<log::LogReader> reader_;  // outlives the scan
  const std::unique_ptr<log::LogReader::Scan> scan_;
  std::optional<TeacherLabels> labels_;
  const int64_t size_;
  int64_t done_ = 0;
};

// INVALID_ARGUMENT for a feature of the market that the model does not know: it would be asked about things it has
// never seen.
absl::Status CheckReads(const Source::Reader& reader, const market::Market& market) {
  for (const FeatureField& field : market.schema().fields()) {
    const auto& known = reader.schema.fields();
    const bool found = std::any_of(known.begin(), known.end(), [&](const FeatureField& own) {
      return own.name() == field.name() && own.side() == field.side() && own.kind() == field.kind();
    });
    if (found) continue;
    std::string list;
    for (int i = 0; i < std::min(known.size(), 10); ++i) absl::StrAppend(&list, i == 0 ? "" : ", ", known[i].name());
    return base::InvalidField(
        "models", absl::StrCat(reader.ref, " was trained on another schema: market '", market.config().scenario(),
                               "' has the feature ", field.name(), ", which the model does not know (it reads ", list,
                               known.size() > 10 ? ", ..." : "", ")"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Source>> FromMarket(const SimulateConfig& config, const base::Shard& shard,
                                                   const std::vector<Source::Reader>& readers) {
  ASSIGN_OR_RETURN(auto market, market::Market::Create(config.market(), config.seed()));
  const int64_t last = config.first() + config.auctions() - 1;
  const auto& m = market->config();
  if (last > (base::kLastEventTime - m.start_time()) / m.interval_micros()) {
    return base::InvalidField("auctions", absl::StrCat(config.auctions(), " reach past the year 9999"));
  }
  bool encoded = true;
  for (const Source::Reader& reader : readers) {
    if (reader.schema.schema_id() == market->schema().schema_id()) continue;
    RETURN_IF_ERROR(CheckReads(reader, *market));
    encoded = false;
  }
  base::IndexRange range = base::RangeOf(shard, config.auctions(), kBlockAuctions);
  range.begin += config.first();
  range.end += config.first();
  return std::make_unique<MarketSource>(std::move(market), encoded, range);
}

absl::StatusOr<std::unique_ptr<Source>> FromSnapshot(const SimulateConfig& config, const base::Shard& shard) {
  const auto& replay = config.replay();
  ASSIGN_OR_RETURN(auto reader, log::LogReader::Open(replay.db(), replay.snapshot_id()));
  ASSIGN_OR_RETURN(const log::LogStats stats, reader->Stats());
  const auto skipped = static_cast<int64_t>(std::llround(replay.skip() * static_cast<double>(stats.auctions)));
  const int64_t total = std::min(config.auctions(), stats.auctions - skipped);
  if (total <= 0) {
    return base::InvalidField("replay.skip", absl::StrCat(replay.skip(), " of the ", stats.auctions,
                                                          " auctions of the snapshot leaves none"));
  }
  std::optional<TeacherLabels> labels;
  if (!replay.labels().empty()) {
    ASSIGN_OR_RETURN(labels, TeacherLabels::Load(replay.labels(), stats.candidates));
  }
  return SnapshotSource::Create(std::move(reader), std::move(labels), skipped,
                                base::RangeOf(shard, total, kBlockAuctions));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> Source::Create(const SimulateConfig& config, const base::Shard& shard,
                                                       const std::vector<Reader>& readers) {
  return config.has_market() ? FromMarket(config, shard, readers) : FromSnapshot(config, shard);
}

}  // namespace vickrey::simulator
