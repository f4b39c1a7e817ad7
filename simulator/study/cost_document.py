"""The result of a study of costs: every point with what its rate comes to, and what is computed over all of them (docs/formats.md)."""

import statistics

import cost_curve
import cost_sentences
import planner
from cost_grid import Point
from cost_points import key_of_curve
from provenance import provenance

MEASURED = ("parameters", "dense_parameters", "table_parameters", "rows_per_candidate", "embedding_values_per_candidate", "candidates_per_step",
            "examples_per_second", "spread", "step_seconds", "waiting_share", "communication_share", "communication_bytes_per_step",
            "communication_calls_per_step", "cores_used", "flops_per_example", "flops_per_second", "product_flops_per_second",
            "model_flop_utilisation", "host_peak_bytes", "device_peak_bytes", "optimizer_bytes")
RENAMED = {"examples_per_second": "candidates_per_second", "flops_per_example": "flops_per_candidate"}
COUNTS = ("parameters", "dense_parameters", "table_parameters", "host_peak_bytes", "device_peak_bytes", "optimizer_bytes")


def _identity(settings, point, device_name):
    return {"name": point.name(), "model": point.model, "architecture": settings.architecture(point.model), "attention": point.attention,
            "fields": settings.shape(point.model)["fields"], "device": point.device, "device_name": device_name, "threads": point.threads,
            "precision": point.precision, "workers": point.workers, "communication": point.communication, "tables": point.tables,
            "batch_auctions": point.batch_auctions}


def _whole(text):
    return None if text is None else int(text)


def _spread(repeats):
    rates = [int(one["candidates"]) / one["seconds"] for one in repeats]
    return (max(rates) - min(rates)) / statistics.median(rates)


def _facts(line):
    """What was measured, null where nothing was."""
    if line is None:
        return dict.fromkeys(MEASURED)
    line = {**line, "spread": _spread(line["repeats"])}
    found = {name: line[RENAMED.get(name, name)] for name in MEASURED}
    return {name: _whole(value) if name in COUNTS else value for name, value in found.items()}


def _worth(prices, curves, target, point):
    """What a rate comes to with the prices and curves: of a point that was measured, or that was predicted."""
    dollars = prices.dollars_per_hour(point["device"], point["device_name"], point["threads"], point["workers"], point.get("cores_used"))
    rate = point["examples_per_second"]
    known = rate is not None and dollars is not None
    curve = curves.get(key_of_curve(point)) if known else None
    per_dollar = rate * 3600 / dollars if known else None
    return {"dollars_per_hour": dollars, "examples_per_dollar": per_dollar,
            "curve": None if curve is None else [*curves].index(key_of_curve(point)),
            "loss_per_dollar": None if curve is None else cost_curve.loss_per_dollar(curve, per_dollar),
            "to_target": cost_curve.to_target(curve, target, rate, dollars) if known else None}


def _points(study, curves, target):
    found = []
    for number, one in enumerate(study.measurements):
        kept = one.kept()
        line = study.line(one)
        error = one.failed if kept is None else kept["result"].get("error")
        point = {"id": number, **_identity(study.settings, one.point, one.device_name),
                 "status": "measured" if line is not None else "failed" if kept is None else "does not fit", "error": error, **_facts(line)}
        found.append({**point, **_worth(study.options.prices, curves, target, point)})
    return found


def document(study):
    options, settings = study.options, study.settings
    curves = {run.key: curve for run in study.curves if study.has_curve(run.point.model) and (curve := run.curve()) is not None}
    target = options.target_loss if options.target_loss is not None else cost_curve.default_target(curves.values())
    points = _points(study, curves, target)
    trained = [(one["id"], curves[key_of_curve(one)], one["examples_per_second"], one["examples_per_dollar"])
               for one in points if one["curve"] is not None]
    budgets = options.budget or cost_curve.default_budgets(trained)
    plan = planner.Plan(points, options.link)
    found = {
        "format": 1, "kind": "cost", "command": options.command,
        "config": {**settings.as_document(), "devices": options.devices, "target_loss": options.target_loss, "budgets": budgets,
                   "predict": options.predict_texts, "link": options.link_text, "memory_mib": options.memory_mib},
        "provenance": provenance(study.programs), "seconds": study.store.seconds() if options.seconds else None,
        "prices": options.prices.document(), "devices": options.machine.devices, "points": points,
        "curves": [{"model": key[0], "batch_auctions": key[1], "tables": key[2], "metric": cost_curve.METRIC, **curve.document()}
                   for key, curve in curves.items()],
        "target": None if target is None else {"loss": target, "given": options.target_loss is not None},
        "budgets": [cost_curve.best_for(dollars, trained) for dollars in budgets],
        "pareto": {"target": cost_curve.not_dominated([(one["id"], one["to_target"]["seconds"], one["to_target"]["dollars"])
                                                       for one in points if one["to_target"] is not None]),
                   "loss": cost_curve.envelope(trained)}}
    found["left_out"] = [{"point": point.name(), "why": why} for point, why in study.left_out]
    found["planner"] = {**plan.document(), "predictions": [
        {**one, **_worth(options.prices, curves, target, one)} for one in _predicted(study, plan)]}
    found["sentences"] = cost_sentences.sentences(found)
    return found


def _predicted(study, plan):
    """Every configuration that was measured, with some of its axes replaced, where that was not measured itself."""
    settings, names = study.settings, {one["device"]: one["device_name"] for one in reversed(study.options.machine.devices)}
    known = {Point(**one.point.axes()) for one in study.measurements}
    found = {}
    for text, replaced in zip(study.options.predict_texts, study.options.predict):
        for measurement in (one for one in study.measurements if study.line(one) is not None):
            axes = {**measurement.point.axes(), **replaced}
            point = Point.of(axes, settings.architecture)
            if point in known or point in found:
                continue
            device_name = measurement.device_name if point.device == measurement.point.device else names.get(point.device)
            found[point] = {**_identity(settings, point, device_name), "status": "predicted", "from": text}
    return [{**one, **plan.predict(one)} for one in found.values()]
