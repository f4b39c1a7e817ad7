#!/usr/bin/env python3
"""Writes the transcript of the auctions in auctions.json: what `vickrey eval auction` makes of each, for people to check.

usage: VICKREY_BIN=FOLDER transcript.py > auctions.txt         or, from the root: ./dev golden
"""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def money(micros):
    return f"{int(micros) / 1e6:.6f}"


def decided(case):
    line = json.dumps({"auction_id": "golden", "candidates": case["candidates"]})
    done = subprocess.run([pathlib.Path(os.environ["VICKREY_BIN"], "vickrey"), "eval", "auction", *case["flags"]],
                          input=line + "\n", capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def rules(flags):
    given = dict(zip(flags[::2], flags[1::2]))
    text = given.get("--mechanism", "second_price")
    if "--slots" in given:
        text += f", {given['--slots']} slots"
    if "--position-multipliers" in given:
        text += f" of examination {given['--position-multipliers']}"
    if "--reserve-click-micros" in given:
        text += f", reserve {money(given['--reserve-click-micros'])} a click"
    if "--reserve-mille-micros" in given:
        text += f", reserve {money(given['--reserve-mille-micros'])} a thousand impressions"
    return text


def transcript(number, case, result):
    yield f"{number}. {case['title']}"
    yield f"   {rules(case['flags'])}"
    truth = "ctr" in case["candidates"][0]
    yield f"   {'index  ad':<24}{'bid':>12}{'pCTR':>8}{'score':>12}" + (f"{'CTR':>8}{'worth':>12}" if truth else "")
    for i, c in enumerate(case["candidates"]):
        row = f"   {i:>5}  {c['ad_id']:<17}{money(c['bid_micros']):>12}{c['pctr']:>8}{c['bid_micros'] * c['pctr'] / 1e6:>12.6f}"
        yield row + (f"{c['ctr']:>8}{c['bid_micros'] * c['ctr'] / 1e6:>12.6f}" if truth else "")
    yield "   by hand"
    yield from (f"     {text}" for text in case["by_hand"])
    yield "   decided"
    for p in result["placements"]:
        yield f"     slot {p['slot']}: {p['ad_id']} at {money(p['price_micros'])} a click"
    if truth:
        yield "     " + ", ".join(f"{key.replace('_', ' ')} {result[key]:.6f}" for key in ("welfare", "oracle_welfare", "regret", "revenue"))
    yield ""


def main():
    for number, case in enumerate(json.loads((HERE / "auctions.json").read_text()), start=1):
        result = decided(case)
        sales = [[p["ad_id"], int(p["price_micros"])] for p in result["placements"]]
        if sales != case["sales"]:
            sys.exit(f"{case['title']}: by hand {case['sales']}, decided {sales}")
        for key, value in case.get("worth", {}).items():
            if abs(result[key] - value) > 1e-12:
                sys.exit(f"{case['title']}: {key} by hand {value}, decided {result[key]}")
        print("\n".join(transcript(number, case, result)))


if __name__ == "__main__":
    main()
