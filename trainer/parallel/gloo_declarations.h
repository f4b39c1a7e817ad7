// What LibTorch's ProcessGroupGloo.hpp needs of gloo. A LibTorch has gloo inside, but not its headers, and those of a
// distribution are of another version. CMake makes the headers by gloo's names (gloo/context.h, ...) lead here.
//
// Nothing here may be created, derived from or called: these classes exist so that the header compiles, and their
// layout is not gloo's. A device is passed on as the pointer that LibTorch gave.
#ifndef TRAINER_PARALLEL_GLOO_DECLARATIONS_H_
#define TRAINER_PARALLEL_GLOO_DECLARATIONS_H_

#include <chrono>
#include <string>
#include <vector>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

namespace rendezvous {

class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string& key, const std::vector<char>& data) = 0;
  virtual std::vector<char> get(const std::string& key) = 0;
  virtual void wait(const std::vector<std::string>& keys) = 0;
  virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};

}  // namespace rendezvous

namespace transport {

class Device {
 public:
  virtual ~Device() = 0;
};

class UnboundBuffer {
 public:
  virtual ~UnboundBuffer() = 0;
};

}  // namespace transport
}  // namespace gloo

#endif  // TRAINER_PARALLEL_GLOO_DECLARATIONS_H_
