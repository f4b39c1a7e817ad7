#ifndef SIMULATOR_SOURCE_H_
#define SIMULATOR_SOURCE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vickrey/base/shard.h"
#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/v1/auction.pb.h"
#include "vickrey/v1/features.pb.h"

namespace vickrey::simulator {

// Some auctions in a row, with what is known of their candidates. Not thread-safe.
class Block {
 public:
  virtual ~Block() = default;
  virtual int64_t size() const = 0;
  // Auction i of 0 .. size - 1, again and again if need be; valid until the next call.
  virtual const vickrey::v1::LoggedAuction& At(int64_t i) = 0;
};

// Where auctions come from: a market's, in the order of their index, or a snapshot's, in order of time.
// Not thread-safe; its blocks are independent of it and of each other, but must not outlive it.
class Source {
 public:
  // A model that will be asked, and what it reads.
  struct Reader {
    std::string ref;
    vickrey::v1::FeatureSchema schema;
  };

  // The shard's part of the configured auctions. Features are encoded where all `readers` read the market's schema, and
  // named otherwise; models then see what they know by name. INVALID_ARGUMENT naming the field, also for a market that
  // has features which a reader does not know; NOT_FOUND for a log, a snapshot or labels that are not there.
  static absl::StatusOr<std::unique_ptr<Source>> Create(const vickrey::config::v1::SimulateConfig& config,
                                                        const base::Shard& shard, const std::vector<Reader>& readers);
  virtual ~Source() = default;

  // How many auctions there will be.
  virtual int64_t size() const = 0;
  // The next metric::kBlockAuctions auctions, fewer at the end; nullptr when there are no more. A market makes its
  // auctions when they are asked for; those of a snapshot are read here.
  virtual absl::StatusOr<std::unique_ptr<Block>> Next() = 0;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_SOURCE_H_
