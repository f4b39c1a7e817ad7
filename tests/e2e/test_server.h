// What tests of a server in this process need.
#ifndef TESTS_E2E_TEST_SERVER_H_
#define TESTS_E2E_TEST_SERVER_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/e2e/callback_queue.h"
#include "vickrey/v1/auction.pb.h"

namespace vickrey::tests {

// Two candidates with x = 0 and 1, for the models of WriteLogistic.
inline vickrey::v1::Auction MakeAuction(const std::string& id) {
  vickrey::v1::Auction auction;
  auction.set_auction_id(id);
  auction.set_event_time(1'704'067'200'000'000);
  auction.set_currency_code("USD");
  for (const double x : {0.0, 1.0}) {
    auto& candidate = *auction.add_candidates();
    candidate.set_ad_id(absl::StrCat("ad", x));
    candidate.mutable_bid()->set_micros(1'000'000);
    (*candidate.mutable_features()->mutable_named()->mutable_fields())["x"].set_number_value(x);
  }
  return auction;
}

}  // namespace vickrey::tests

#endif  // TESTS_E2E_TEST_SERVER_H_
