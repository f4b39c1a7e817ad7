// The sections of a study of bidders, in their order on the page.
import calibration from "./bidders_calibration.js";
import claims from "./bidders_claims.js";
import configuration from "./bidders_configuration.js";
import forecasts from "./bidders_forecasts.js";
import overview from "./bidders_overview.js";
import profit from "./bidders_profit.js";

export default [overview, forecasts, calibration, profit, claims, configuration];
