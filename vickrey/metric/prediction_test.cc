#include "vickrey/metric/prediction.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "vickrey/base/random.h"
#include "vickrey/metric/auc.h"
#include "vickrey/metric/blocks.h"
#include "vickrey/metric/clicked_scores.h"

namespace vickrey::metric {
namespace {

const std::vector<double> kPctr = {.1, .3, .3, .05, .2, .6, .9, .4, .4, .02, .5, .7};
const std::vector<int> kClicks = {0, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0};
const std::vector<double> kTeacher = {.15, .25, .3, .05, .1, .5, .8, .5, .4, .1, .4, .6};

PredictionAccumulator Example(PredictionAccumulator::Options options) {
  PredictionAccumulator all(options);
  for (size_t i = 0; i < kPctr.size(); ++i) {
    all.Add(kPctr[i], kClicks[i] == 1, static_cast<int64_t>(i / 2 + 1));
    all.AddTeacher(kPctr[i], kTeacher[i]);
    if (i % 3 == 2) all.EndAuction();
  }
  return all;
}

// Numbers from scikit-learn 1.x (roc_auc_score, log_loss), scipy.stats.entropy and numpy on the same rows.
TEST(Prediction, AgreesWithScikitLearn) {
  const PredictionMetrics m = Example({}).Finalize();
  EXPECT_EQ(m.rows, 12);
  EXPECT_EQ(m.clicks, 4);
  EXPECT_DOUBLE_EQ(*m.auc, 0.78125);
  EXPECT_DOUBLE_EQ(*m.auction_auc, (0.75 + 1.0 + 0.75) / 3);  // the fourth auction has no click
  EXPECT_NEAR(*m.logloss, 0.49175585807430156, 1e-15);
  EXPECT_NEAR(*m.normalized_entropy, 0.7725764524483234, 1e-15);
  EXPECT_NEAR(*m.calibration, 1.1175, 1e-15);
  EXPECT_NEAR(*m.ece, 0.2225, 1e-15);
  EXPECT_NEAR(*m.mse_teacher, 0.00595, 1e-15);
  EXPECT_NEAR(*Example({.ece_bins = 3}).Finalize().ece, 0.06083333333333334, 1e-15);
}

TEST(Prediction, WhatIsNotDefinedIsAbsent) {
  PredictionAccumulator none;
  EXPECT_FALSE(none.Finalize().auc.has_value());
  EXPECT_FALSE(none.Finalize().logloss.has_value());
  none.Add(0, false, 1);
  none.EndAuction();
  const PredictionMetrics m = none.Finalize();
  EXPECT_FALSE(m.auc.has_value());
  EXPECT_FALSE(m.auction_auc.has_value());
  EXPECT_FALSE(m.calibration.has_value());
  EXPECT_FALSE(m.normalized_entropy.has_value());
  EXPECT_FALSE(m.mse_teacher.has_value());
  EXPECT_NEAR(*m.logloss, 1e-15, 1e-17);
}

TEST(Prediction, ACertainMistakeIsFinite) {
  PredictionAccumulator wrong;
  wrong.Add(0, true, 1);
  wrong.Add(1, false, 1);
  EXPECT_NEAR(*wrong.Finalize().logloss, -std::log(1e-15), 0.1);
  EXPECT_EQ(*wrong.Finalize().auc, 0);
  EXPECT_EQ(*wrong.Finalize().ece, 1);
}

// The definition: over all pairs of a clicked and another row.
TEST(Auc, AgreesWithCountingPairs) {
  base::RandomStream random(1, base::StreamId("auc_test"), 0);
  for (int round = 0; round < 100; ++round) {
    const size_t n = round % 2 == 0 ? 30 : 200;  // few and many of a kind are counted in different ways
    std::vector<ClusteredClick> rows(n);
    std::vector<double> weights(n);
    for (size_t i = 0; i < n; ++i) rows[i] = {static_cast<double>(random.Below(10)), random.Bernoulli(0.3), i};
    for (double& weight : weights) weight = static_cast<double>(random.Below(3));
    double wins = 0, pairs = 0, weighted_wins = 0, weighted_pairs = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      for (size_t j = 0; j < rows.size(); ++j) {
        if (!rows[i].clicked || rows[j].clicked) continue;
        const double win = rows[i].score > rows[j].score ? 1 : rows[i].score == rows[j].score ? 0.5 : 0;
        wins += win;
        ++pairs;
        weighted_wins += weights[i] * weights[j] * win;
        weighted_pairs += weights[i] * weights[j];
      }
    }
    std::vector<double> clicked, others;
    ClickedScores scores;
    for (const ClusteredClick& row : rows) {
      (row.clicked ? clicked : others).push_back(row.score);
      scores.Add(row.score, row.clicked);
    }
    ASSERT_EQ(scores.Auc().has_value(), pairs > 0);
    SortByScore(&rows);
    if (pairs > 0) {
      EXPECT_NEAR(*ResampledAuc(rows, std::vector<double>(n, 1)), wins / pairs, 1e-12);
      EXPECT_EQ(*Auc(clicked, others), wins / pairs);
      EXPECT_EQ(*scores.Auc(), wins / pairs);
    }
    if (weighted_pairs > 0) {
      EXPECT_NEAR(*ResampledAuc(rows, weights), weighted_wins / weighted_pairs, 1e-12);
    }
  }
}

TEST(Prediction, ByBidSplitsIntoEqualCountsAndKeepsEqualBidsTogether) {
  const auto buckets = Example({.keep_by_bid = true}).ByBid(3);  // bids 1 1 2 2 ... 6 6
  ASSERT_EQ(buckets.size(), 3u);
  EXPECT_EQ(buckets[0].lo_micros, 1);
  EXPECT_EQ(buckets[0].hi_micros, 2);
  EXPECT_EQ(buckets[0].rows, 4);
  EXPECT_DOUBLE_EQ(buckets[0].mean_pctr, (.1 + .3 + .3 + .05) / 4);
  EXPECT_DOUBLE_EQ(buckets[0].ctr, 0.25);
  EXPECT_EQ(buckets[2].hi_micros, 6);
  EXPECT_EQ(Example({.keep_by_bid = true}).ByBid(4).size(), 4u);
  EXPECT_EQ(Example({.keep_by_bid = true}).ByBid(100).size(), 6u);  // six different bids
  EXPECT_TRUE(PredictionAccumulator({.keep_by_bid = true}).ByBid(3).empty());
}

TEST(Prediction, ByPredictionSplitsIntoEqualCounts) {
  const auto buckets = Example({}).ByPrediction(3);  // .02 .05 .1 .2 | .3 .3 .4 .4 | .5 .6 .7 .9
  ASSERT_EQ(buckets.size(), 3u);
  EXPECT_EQ(buckets[1].rows, 4);
  EXPECT_NEAR(buckets[0].mean_pctr, .37 / 4, 1e-15);
  EXPECT_NEAR(buckets[1].mean_pctr, 1.4 / 4, 1e-15);
  EXPECT_DOUBLE_EQ(buckets[0].ctr, 0);
  EXPECT_DOUBLE_EQ(buckets[1].ctr, 0.5);
  EXPECT_DOUBLE_EQ(buckets[2].ctr, 0.5);
  EXPECT_EQ(Example({}).ByPrediction(100).size(), 12u);
}

// One logarithm for many rows gives what one for each gives.
TEST(Prediction, TheLogLossOfManyRows) {
  base::RandomStream random(1, base::StreamId("logloss_test"), 0);
  PredictionAccumulator all;
  double sum = 0;
  constexpr int kRows = 100'000;
  for (int i = 0; i < kRows; ++i) {
    const double p = std::pow(random.Uniform(), 6);
    const bool clicked = random.Bernoulli(0.2);
    all.Add(p, clicked, 1);
    if (i % 7 == 0) all.EndAuction();
    sum -= clicked ? std::log(std::max(p, 1e-15)) : std::log1p(-p);
  }
  EXPECT_NEAR(*all.Finalize().logloss, sum / kRows, 1e-12);
}

TEST(Blocks, MergeInOrderGivesTheSameBits) {
  // 10,000 auctions one after the other, and the same blocks accumulated apart and merged.
  const auto add = [](int64_t i, PredictionAccumulator* to) {
    base::RandomStream random(5, base::StreamId("blocks_test"), static_cast<uint64_t>(i));
    const double p = random.Uniform();
    to->Add(p, random.Bernoulli(p), 1);
    to->EndAuction();
  };
  Blocks<PredictionAccumulator> stream;
  for (int64_t i = 0; i < 10'000; ++i) add(i, &stream.ForNextAuction());
  PredictionAccumulator merged;
  for (int64_t begin = 0; begin < 10'000; begin += kBlockAuctions) {
    PredictionAccumulator block;
    for (int64_t i = begin; i < std::min<int64_t>(begin + kBlockAuctions, 10'000); ++i) add(i, &block);
    merged.Merge(block);
  }
  const PredictionMetrics a = stream.Total().Finalize(), b = merged.Finalize();
  EXPECT_EQ(*a.logloss, *b.logloss);
  EXPECT_EQ(*a.auc, *b.auc);
  EXPECT_EQ(*a.calibration, *b.calibration);
  EXPECT_EQ(a.rows, 10'000);
}

// More rows than are kept: counted in bins, the AUC differs in the eighth digit, and what they come to does not depend
// on how they were put together.
TEST(ClickedScores, OfManyRowsInBinsAgreesWithAllOfThem) {
  constexpr int kRows = 1'300'000, kPieces = 13;
  std::vector<double> clicked, others;
  ClickedScores whole, merged;
  for (int piece = 0; piece < kPieces; ++piece) {
    ClickedScores part;
    for (int i = 0; i < kRows / kPieces; ++i) {
      base::RandomStream random(3, base::StreamId("prediction_test.bins"), static_cast<uint64_t>(piece * kRows + i));
      const double score = 1 / (1 + std::exp(3 - random.Normal()));
      const bool click = random.Uniform() < score;
      (click ? clicked : others).push_back(score);
      whole.Add(score, click);
      part.Add(score, click);
    }
    merged.Merge(part);
  }
  ASSERT_GT(clicked.size() + others.size(), ClickedScores::kExactRows);
  const double exact = *Auc(clicked, others);
  EXPECT_NE(*whole.Auc(), exact);
  EXPECT_NEAR(*whole.Auc(), exact, 1e-7);
  EXPECT_EQ(*merged.Auc(), *whole.Auc());
  int64_t rows = 0, clicks = 0;
  double scores = 0, last = 0;
  for (const auto& bucket : whole.Buckets(20)) {
    EXPECT_NEAR(static_cast<double>(bucket.rows), kRows / 20.0, kRows / 200.0);
    EXPECT_GT(bucket.scores / static_cast<double>(bucket.rows), last);
    last = bucket.scores / static_cast<double>(bucket.rows);
    rows += bucket.rows;
    clicks += bucket.clicks;
    scores += bucket.scores;
  }
  EXPECT_EQ(rows, kRows);
  EXPECT_EQ(clicks, static_cast<int64_t>(clicked.size()));
  EXPECT_NEAR(scores,
              std::accumulate(clicked.begin(), clicked.end(), std::accumulate(others.begin(), others.end(), 0.0)),
              1e-5);
}

TEST(ClickedScores, BinsTakeEveryProbability) {
  ClickedScores scores;
  for (size_t i = 0; i < ClickedScores::kExactRows; ++i) scores.Add(.5, false);
  for (const double score : {0.0, 1e-300, 1e-12, .5, .75, 1.0}) scores.Add(score, true);
  // Three below all others, one a tie, two above.
  EXPECT_DOUBLE_EQ(*scores.Auc(), (.5 + 2) / 6);
}

}  // namespace
}  // namespace vickrey::metric
