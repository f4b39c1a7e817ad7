#ifndef VICKREY_MARKET_RECORDS_H_
#define VICKREY_MARKET_RECORDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "vickrey/features/fingerprint.h"
#include "vickrey/market/market.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::market {

// A market's auctions as records of a log, with encoded features of its schema: equal to the lines of Market::ToLine,
// encoded, and twenty times as fast.
//
// Not thread-safe: each thread has its own. The market must outlive it.
class Records {
 public:
  explicit Records(const Market* market);

  // Makes `record` the auction of that index. The memory of a record that was written here before is used again.
  void Write(int64_t index, vickrey::v1::LoggedAuction* record);

 private:
  // A side of an auction: how many values of each kind its encoded form has.
  struct Side {
    vickrey::v1::FeatureField::Side side;
    int dense = 0, categorical = 0;
  };
  static vickrey::v1::EncodedFeatures& Prepare(const Side& side, const std::string& schema_id,
                                               vickrey::v1::Features* features);

  const Market& market_;
  Side context_{vickrey::v1::FeatureField::CONTEXT}, ad_{vickrey::v1::FeatureField::AD};
  // Where each value of a SyntheticAuction stands in the encoded arrays.
  std::vector<int> of_context_, of_dense_, of_categories_;
  int of_segment_ = 0, of_ad_ = 0;
  std::vector<features::Fingerprinter> categories_;
  features::Fingerprinter ads_{"ad"};
  SyntheticAuction auction_;
  std::string text_;
};

}  // namespace vickrey::market

#endif  // VICKREY_MARKET_RECORDS_H_
