#include "simulator/source.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vickrey/base/status.h"
#include "vickrey/base/time.h"
#include "vickrey/log/reader.h"
#include "vickrey/log/record.h"
#include "vickrey/market/market.h"
#include "vickrey/metric/blocks.h"

namespace vickrey::simulator {
namespace {

using vickrey::config::v1::SimulateConfig;
using vickrey::v1::LoggedAuction;

class MarketSource final : public Source {
 public:
  MarketSource(std::unique_ptr<market::Market> market, base::IndexRange range)
      : market_(std::move(market)), range_(range), next_(range.begin) {}

  int64_t size() const override { return range_.end - range_.begin; }
  absl::StatusOr<bool> Next(LoggedAuction* auction) override {
    if (next_ == range_.end) return false;
    market_->Generate(next_++, &generated_);
    ASSIGN_OR_RETURN(*auction, log::FromLine(market_->ToLine(generated_)));
    return true;
  }

 private:
  const std::unique_ptr<market::Market> market_;
  const base::IndexRange range_;
  int64_t next_;
  market::SyntheticAuction generated_;
};

class SnapshotSource final : public Source {
 public:
  // Auctions of `range` behind the first `skipped`.
  static absl::StatusOr<std::unique_ptr<Source>> Create(std::unique_ptr<log::LogReader> reader, int64_t skipped,
                                                        base::IndexRange range) {
    ASSIGN_OR_RETURN(auto scan, reader->NewScan({}));
    LoggedAuction ignored;
    for (int64_t i = 0; i < skipped + range.begin; ++i) RETURN_IF_ERROR(scan->Next(&ignored));
    return std::unique_ptr<Source>(new SnapshotSource(std::move(reader), std::move(scan), range.end - range.begin));
  }

  int64_t size() const override { return size_; }
  absl::StatusOr<bool> Next(LoggedAuction* auction) override {
    if (done_ == size_) return false;
    ++done_;
    return scan_->Next(auction);
  }

 private:
  SnapshotSource(std::unique_ptr<log::LogReader> reader, std::unique_ptr<log::LogReader::Scan> scan, int64_t size)
      : reader_(std::move(reader)), scan_(std::move(scan)), size_(size) {}

  const std::unique_ptr<log::LogReader> reader_;  // outlives the scan
  const std::unique_ptr<log::LogReader::Scan> scan_;
  const int64_t size_;
  int64_t done_ = 0;
};

absl::StatusOr<std::unique_ptr<Source>> FromMarket(const SimulateConfig& config, const base::Shard& shard) {
  ASSIGN_OR_RETURN(auto market, market::Market::Create(config.market(), config.seed()));
  const int64_t last = config.first() + config.auctions() - 1;
  const auto& m = market->config();
  if (last > (base::kLastEventTime - m.start_time()) / m.interval_micros()) {
    return base::InvalidField("auctions", absl::StrCat(config.auctions(), " reach past the year 9999"));
  }
  base::IndexRange range = base::RangeOf(shard, config.auctions(), metric::kBlockAuctions);
  range.begin += config.first();
  range.end += config.first();
  return std::make_unique<MarketSource>(std::move(market), range);
}

absl::StatusOr<std::unique_ptr<Source>> FromSnapshot(const SimulateConfig& config, const base::Shard& shard) {
  ASSIGN_OR_RETURN(auto reader, log::LogReader::Open(config.replay().db(), config.replay().snapshot_id()));
  ASSIGN_OR_RETURN(const log::LogStats stats, reader->Stats());
  const auto skipped = static_cast<int64_t>(std::llround(config.replay().skip() * static_cast<double>(stats.auctions)));
  const int64_t total = std::min(config.auctions(), stats.auctions - skipped);
  if (total <= 0) {
    return base::InvalidField("replay.skip", absl::StrCat(config.replay().skip(), " of the ", stats.auctions,
                                                          " auctions of the snapshot leaves none"));
  }
  return SnapshotSource::Create(std::move(reader), skipped, base::RangeOf(shard, total, metric::kBlockAuctions));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Source>> Source::Create(const SimulateConfig& config, const base::Shard& shard) {
  return config.has_market() ? FromMarket(config, shard) : FromSnapshot(config, shard);
}

}  // namespace vickrey::simulator
