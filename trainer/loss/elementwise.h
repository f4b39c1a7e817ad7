// Functions of whole arrays of candidates, in vector lanes, for the machine's instruction set. A candidate's result
// does not depend on where in the array it lies.
#ifndef TRAINER_LOSS_ELEMENTWISE_H_
#define TRAINER_LOSS_ELEMENTWISE_H_

#include <cstdint>

namespace vickrey::trainer {

// Arrays have room for whole vectors: kPadding more than n, which is overwritten.
inline constexpr int64_t kPadding = 8;

// log_bids = log b; tails = log(1 + exp(-|u|)), so that log f = min(u, 0) - tail and softplus(u) = max(u, 0) + tail;
// f = sigmoid(u), rest = 1 - f. Arrays of n + kPadding; `bids` and `logits` are read there too.
void DescribeCandidates(int64_t n, const double* bids, const double* logits, double* log_bids, double* tails, double* f,
                        double* rest, double* log_f);

// p = softmax(scores / temperature), arrays of n > 0; returns log sum exp(scores / temperature).
double Softmax(int64_t n, const double* scores, double temperature, double* p);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_ELEMENTWISE_H_
