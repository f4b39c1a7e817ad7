// What is minimised over the tokens of answers.
#ifndef TRAINER_ARITHMETIC_ANSWER_LOSS_H_
#define TRAINER_ARITHMETIC_ANSWER_LOSS_H_

#include <ATen/core/Tensor.h>

#include "trainer/arithmetic/batch.h"
#include "trainer/loss/number_token.h"

namespace vickrey::trainer::arithmetic {

// The mean over all tokens of answers, ends included, of
//
//   cross-entropy over all tokens  +  lambda x distance over the ten digits, where the right token is one
//
// with the distance between digits as numbers, of the network's distribution among the digits alone (number_token.h). A
// network that is sure that a digit follows loses nothing by that; whether one follows is the cross-entropy's matter:
// -log P(token) = -log P(token | a digit) - log P(a digit).
//
// logits: (rows, length, tokens), of batch.tokens; float or double. A scalar of their type, differentiable once.
at::Tensor AnswerLoss(NumberDistance distance, double lambda, const at::Tensor& logits, const Batch& batch);

}  // namespace vickrey::trainer::arithmetic

#endif  // TRAINER_ARITHMETIC_ANSWER_LOSS_H_
