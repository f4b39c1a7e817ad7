// Sums over the pairs of an auction, with their gradient, in one pass and memory of the order of its candidates. In
// vector lanes, for the machine's instruction set.
#ifndef TRAINER_LOSS_PAIRS_H_
#define TRAINER_LOSS_PAIRS_H_

#include <cstdint>
#include <vector>

namespace vickrey::trainer {

// What pairs are computed in. Sums of pairs' rows are always in double.
enum class Precision { kSingle, kDouble };

// The term of an unordered pair with target difference D and score difference d, turned so that D >= 0. All are 0
// where D is.
struct PairTerm {
  enum class Kind {
    kLogistic,       // D ln(1 + exp(-k d))
    kHinge,          // D (1 - k d)+
    kTanh,           // -D tanh(k d / 2)
    kZeroOne,        // D 1{d <= 0}
    kSignedZeroOne,  // D (1{d <= 0} - 1{d >= 0})
    kGmadl,          // -(sigmoid(k D d) - 1/2) D^power
    kMadl,           // -sign(d) D
  };
  Kind kind = Kind::kLogistic;
  double k = 1;
  double power = 1;  // kGmadl
};

// Reused from auction to auction.
struct PairBuffers {
  std::vector<float> single;
  std::vector<double> wide;
};

// The sum over pairs i < j of weights[i] weights[j] term(targets[i] - targets[j], scores[i] - scores[j]);
// writes its derivative by each score to `gradient`. Arrays of n > 0. `weights` null: 1 each. `only` >= 0: pairs with
// that candidate alone.
double SumOverPairs(const PairTerm& term, int64_t n, const double* scores, const double* targets, const double* weights,
                    int64_t only, Precision precision, PairBuffers* buffers, double* gradient);

}  // namespace vickrey::trainer

#endif  // TRAINER_LOSS_PAIRS_H_
