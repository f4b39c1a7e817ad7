// Every section that a report can have, in their order on the page. A section is a file of its own:
//   id       the anchor
//   title    its heading and its entry in the contents; null: neither
//   holds(document)   whether it belongs to this kind of document
//   draw(document)    its nodes. A part that the document lacks is said in words (lib/dom.js, missing), not left empty
// A study of a new kind adds its files here, and what tells it to Kinds() of ../document.cc.
import arithmeticAccuracy from "./arithmetic_accuracy.js";
import arithmeticAnswers from "./arithmetic_answers.js";
import arithmeticClaims from "./arithmetic_claims.js";
import arithmeticConfiguration from "./arithmetic_configuration.js";
import arithmeticErrors from "./arithmetic_errors.js";
import arithmeticOverview from "./arithmetic_overview.js";
import bids from "./bids.js";
import bidders from "./bidders.js";
import calibration from "./calibration.js";
import configuration from "./configuration.js";
import cost from "./cost.js";
import live from "./live.js";
import models from "./models.js";
import overview from "./overview.js";
import prediction from "./prediction.js";
import regret from "./regret.js";
import split from "./split.js";
import studyClaims from "./study_claims.js";
import studyConfiguration from "./study_configuration.js";
import studyCost from "./study_cost.js";
import studyOverview from "./study_overview.js";
import studyPrediction from "./study_prediction.js";
import studyRegret from "./study_regret.js";
import studyWelfare from "./study_welfare.js";
import training from "./training.js";
import tuneConfiguration from "./tune_configuration.js";
import tuneOverview from "./tune_overview.js";
import tuneSearch from "./tune_search.js";
import tuneSelected from "./tune_selected.js";
import tuneTest from "./tune_test.js";
import walkforward from "./walkforward.js";
import welfare from "./welfare.js";

export const SECTIONS = [
  overview,
  welfare,
  regret,
  split,
  prediction,
  calibration,
  bids,
  training,
  live,
  models,
  configuration,
  ...walkforward,
  ...bidders,
  ...cost,
  studyOverview,
  studyWelfare,
  studyRegret,
  studyPrediction,
  studyCost,
  studyClaims,
  studyConfiguration,
  tuneOverview,
  tuneSelected,
  tuneTest,
  tuneSearch,
  tuneConfiguration,
  arithmeticOverview,
  arithmeticClaims,
  arithmeticAccuracy,
  arithmeticErrors,
  arithmeticAnswers,
  arithmeticConfiguration,
];
