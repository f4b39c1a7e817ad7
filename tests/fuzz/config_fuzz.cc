// base::LoadConfig: the first byte picks the configuration, the rest is its text, YAML or JSON. It is refused, with the
// configuration as it was and an error that is INVALID_ARGUMENT and names the origin, or what it gave is complete:
// finishing it once more changes nothing.
#include <google/protobuf/util/message_differencer.h>

#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzzing.h"
#include "vickrey/base/config.h"
#include "vickrey/config/v1/access.pb.h"
#include "vickrey/config/v1/csv.pb.h"
#include "vickrey/config/v1/market.pb.h"
#include "vickrey/config/v1/placements.pb.h"
#include "vickrey/config/v1/train.pb.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vickrey::fuzz;
  using google::protobuf::util::MessageDifferencer;
  static const google::protobuf::Message* const kinds[] = {&vickrey::config::v1::CsvConfig::default_instance(),
                                                           &vickrey::config::v1::TrainConfig::default_instance(),
                                                           &vickrey::config::v1::MarketConfig::default_instance(),
                                                           &vickrey::config::v1::PlacementsConfig::default_instance(),
                                                           &vickrey::config::v1::AccessConfig::default_instance()};
  Input input(data, size);
  const auto& kind = *kinds[input.Case(std::size(kinds))];
  const std::unique_ptr<google::protobuf::Message> config(kind.New());
  const absl::Status status = vickrey::base::LoadConfig(input.rest(), "ORIGIN", config.get());
  if (!status.ok()) {
    Require(absl::IsInvalidArgument(status), "a configuration that is refused is the argument's fault");
    Require(status.message().substr(0, 6) == "ORIGIN", "an error names the origin");
    Require(MessageDifferencer::Equals(*config, kind), "a configuration that is refused changes nothing");
    return 0;
  }
  const std::unique_ptr<google::protobuf::Message> again(kind.New());
  again->CopyFrom(*config);
  Require(vickrey::base::FinishConfig("ORIGIN", again.get()).ok(), "what was loaded is complete");
  Require(MessageDifferencer::Equals(*config, *again), "what was loaded has its defaults");
  return 0;
}
