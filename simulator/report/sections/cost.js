// The sections of a study of what training costs, in their order.
import budgets from "./cost_budgets.js";
import configuration from "./cost_configuration.js";
import front from "./cost_front.js";
import loss from "./cost_loss.js";
import overview from "./cost_overview.js";
import planner from "./cost_planner.js";
import points from "./cost_points.js";
import speed from "./cost_speed.js";

export default [overview, speed, loss, front, budgets, points, planner, configuration];
