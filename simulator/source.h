#ifndef SIMULATOR_SOURCE_H_
#define SIMULATOR_SOURCE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "vickrey/base/shard.h"
#include "vickrey/config/v1/simulate.pb.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::simulator {

// Where auctions come from: a market's, in the order of their index, or a snapshot's, in order of time.
// Not thread-safe.
class Source {
 public:
  // The shard's part of the configured auctions. INVALID_ARGUMENT naming the field; NOT_FOUND for a log or a snapshot
  // that is not there.
  static absl::StatusOr<std::unique_ptr<Source>> Create(const vickrey::config::v1::SimulateConfig& config,
                                                        const base::Shard& shard);
  virtual ~Source() = default;

  // How many auctions there will be.
  virtual int64_t size() const = 0;
  // The next auction with what is known of its candidates; false at the end.
  virtual absl::StatusOr<bool> Next(vickrey::v1::LoggedAuction* auction) = 0;
};

}  // namespace vickrey::simulator

#endif  // SIMULATOR_SOURCE_H_
