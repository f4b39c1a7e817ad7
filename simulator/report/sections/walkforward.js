// The sections of a walk-forward, in their order.
import configuration from "./walkforward_configuration.js";
import curves from "./walkforward_curves.js";
import differences from "./walkforward_differences.js";
import numbers from "./walkforward_numbers.js";
import overview from "./walkforward_overview.js";
import trades from "./walkforward_trades.js";
import windows from "./walkforward_windows.js";

export default [overview, differences, curves, trades, numbers, windows, configuration];
