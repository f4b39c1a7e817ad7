// In place of gloo_links.cc, where LibTorch has no gloo, or one of another interface.
#include "trainer/parallel/links.h"

#include "absl/strings/str_cat.h"

namespace vickrey::trainer {

absl::StatusOr<Connections> Connect(const Environment& environment, const at::Device& /*device*/,
                                    absl::Time /*deadline*/) {
  return absl::UnimplementedError(
      absl::StrCat("WORLD_SIZE is ", environment.size,
                   ", but the LibTorch that this program was built with is without the gloo that several processes "
                   "need; build with the pinned one (./dev setup), or unset WORLD_SIZE"));
}

}  // namespace vickrey::trainer
