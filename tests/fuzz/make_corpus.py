#!/usr/bin/env python3
"""Writes the seeds of the fuzzers: small inputs that reach most of the code, made by hand here.

usage: make_corpus.py [PROGRAM]     into corpus/NAME beside this file; PROGRAM is make_corpus_binary, for those in the
                                    formats of Parquet, zstd and protobuf; without it they stay as they are

What fuzzing found beside them is kept as it is: crash-... and what `-merge=1` kept.
"""

import gzip
import json
import pathlib
import struct
import subprocess
import sys

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"

CRITEO = "\t".join(["1", "1", "-2", ""] + ["7"] * 10 + ["c%d" % i for i in range(25)] + [""]) + "\n"
OUTBRAIN = """uuid,display_id,ad_id,document_id,timestamp_view,platform,geo_location,clicked,day
u1,1,42,d1,2016-06-14 04:06:19.061,3.0,US>SC,0,14
u1,1,43,d1,2016-06-14 04:06:19.061,3.0,US>SC,1,14
u2,2,42,d1,2016-06-14 04:06:20,3.0,"US,
x",1,14
"""
IPINYOU = "\t".join("1 2 13 bid 20131022135101295 1 DAILV~z windows_chrome 113.76.1.* 216 220 2 domain url null slot 200 "
                    "250 FirstView Na 13 7319 277 205 null 2259 10063,11423".split(" "))
OPEN_BANDIT = ("timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,"
               "user_feature_3,user-item_affinity_0,user-item_affinity_1\n"
               "2019-11-24 00:03:13.442+00:00,1,2,0,0.05,aa,bb,cc,dd,0.0,1.5\n"
               "2019-11-24 00:03:14+02:00,0,1,1,0.5,aa,,cc,dd,,1e-3\n")
ITEMS = ("item_id,item_feature_0,item_feature_1,item_feature_2,item_feature_3\n0,-0.677,aa,bb,cc\n1,0.5,,b,c\n")
FULL = ("a,t,k,i,v,w,s,e,p,q,n,f1,f2,f3,f4,f5,f6,d,c,b,x,y\n"
        "1,5,k1,ad1,v1,1,1,1,0.5,0.1,2,0.5,3,4,5,6,7,0.25,red,p,1.5,w\n"
        "1,5,k1,ad2,v1,false,0,,,,,1,,,,,,,,,,\n"
        "2,1e3,k2,ad1,,,2,0.5,1,1,0,1e3,3,4,5,6,0,-1,\"a \"\"b\"\"\",\"p,q\",2,\"w,\"\n")
PLAIN = "d,c,b,x,y\n1,red,\"p,q\",2,w\nNA,NA,NA,NA,NA\n-1e30,,,,\n"
TABS = "2024-02-29 12:00:00.5\t1\tred\tp q\t2\tw\n2024-02-30 12:00:00\t1\tred\tp q\t2\tw\n"
MICROS = "t d c b x y\n1700000000000000 1 \"r d\" p 2 w\n9e15 0.5 c b x y\n"
LINE = ('{"auction_id":"a1","event_time":"1700000000000000","currency_code":"EUR","cluster_key":"k","sampling_rate":0.5,'
        '"model":"m@1","context":{"hour":1.5,"site":"x","words":["a","b"]},"reserve_click_micros":"5","candidates":[{'
        '"ad_id":"ad1","advertiser_id":"v","bid_micros":"1000000","value_micros":"2","click":1,"slot":1,'
        '"examination":1,"propensity":0.5,"price_micros":"3","pctr":0.1,"ctr":0.2,"teacher":0.3,"conversions":"1",'
        '"features":{"z":-1e3,"tags1":["q"],"tags2":[],"brand":"b","a":null}}]}')
ENCODED = ('{"auction_id":"a2","event_time":17,"schema_id":"0123456789abcdef","encoded_context":{"schema_id":'
           '"0123456789abcdef","dense":["NaN",1],"fingerprints":["7"],"bag_fingerprints":["1","18446744073709551615"],'
           '"bag_lengths":[2]},"candidates":[{"ad_id":"x","bid_micros":1,"encoded_features":{"schema_id":'
           '"0123456789abcdef"}}]}')
NESTED = '{"auction_id":"a","context":{"d":{"e":[1,{"\\u00e9":"\\ud83d\\ude00"},[[]],true,null]}},"candidates":[]}'

PLACEMENTS_CONFIG = """placements:
- {name: top, mechanism: gsp, slots: 3, position_multipliers: [1, 0.6, 0.3], reserve_click_micros: 50000}
- name: side
  mechanism: first_price
  reserve_mille_micros: "5000"
"""
ACCESS_CONFIG = "tokens:\n- {name: a, sha256: " + "0f" * 32 + ", roles: [predict, write_log]}\n"
CSV_CONFIG = """delimiter: ";"   # a comment
missing: ["", NA]
auction: a
time: {column: t, format: "%Y-%m-%d", start: 2024-01-31T12:00:00Z}
currency_code: EUR
bid: {column: bid, micros: 10000}
features:
  fields:
    - &field {name: d, side: ad, kind: dense, transform: none}
    - {name: c, side: context, kind: categorical, buckets: 10, embedding_width: 2}
"""
TRAIN_CONFIG = """{"seed": 7, "loss": {"loss": "logistic"}, "model": {"architecture": "linear", "hidden": [8, 4]},
 "optimizer": {"learning_rate": 1e-3, "epochs": 2}, "data": {"train": 0.8}}
"""
MARKET_CONFIG = "scenario: linear\nseed: !!int 5\nauctions: '10'\n"



def tensors_file(header, values, pad=8):
    """A safetensors file; `header` is a dictionary or text."""
    text = header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))
    text += " " * (-len(text) % pad)
    return struct.pack("<Q", len(text)) + text.encode("latin-1") + struct.pack(f"<{len(values)}f", *values)


def tensors(shapes, **more):
    """A file of these tensors, with small values."""
    header, values = dict(more), []
    for name, shape in shapes.items():
        count = 1
        for size in shape:
            count *= size
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [4 * len(values), 4 * (len(values) + count)]}
        values += [(i + len(name)) % 7 / 8 - 0.375 for i in range(count)]
    return tensors_file(header, values)


def artifact(model, weights):
    """model.json with its length before it, and the weights."""
    text = (model if isinstance(model, str) else json.dumps(model, separators=(",", ":"))).encode()
    return struct.pack("<H", len(text)) + text + weights


DENSE = {"name": "x", "side": "AD", "kind": "DENSE", "transform": "NONE"}
LOGGED = {"name": "h", "side": "CONTEXT", "kind": "DENSE", "transform": "SIGNED_LOG1P"}
TABLE = {"name": "k", "side": "AD", "kind": "CATEGORICAL", "buckets": 3, "embedding_width": 2}
BAG = {"name": "t", "side": "CONTEXT", "kind": "BAG", "buckets": "4", "embedding_width": 2}


def model(architecture, hidden, *fields, **more):
    return {"format": 1, "name": "m", "version": "1", "spec": {"architecture": architecture, "hidden": hidden},
            "schema": {"fields": fields}, "calibration": {"multiplier": 1.5, "logit_offset": -0.25}, **more}


LOGISTIC = model("logistic", [], DENSE, LOGGED, TABLE, BAG)
LOGISTIC_TENSORS = {"ad.weight": [2], "bias": [1], "context.weight": [2], "table.k": [3, 1], "table.t": [4, 1]}
MLP = model("mlp", [3, 2], DENSE, TABLE, BAG)
MLP_TENSORS = {"layer.0.ad": [3, 4], "layer.0.bias": [3], "layer.0.context": [3, 2], "layer.1.bias": [2],
               "layer.1.weight": [2, 3], "layer.2.bias": [1], "layer.2.weight": [1, 2], "table.k": [3, 2],
               "table.t": [4, 2]}
TOWER = model("two_tower", [2], DENSE, LOGGED, TABLE, BAG, metrics={"auc": 0.5}, provenance={"seed": "3"})
TOWER_TENSORS = {"ad.bias": [2], "ad.weight": [2, 2], "bias": [1], "context.bias": [2], "context.weight": [2, 2],
                 "table.k": [3, 2], "table.t": [4, 2]}
AUTOINT = model("autoint", [2], DENSE, LOGGED, TABLE, BAG)
AUTOINT["spec"].update(attention_layers=2, attention_heads=2, attention_width=1, field_width=2)
AUTOINT_TENSORS = {"ad.dense": [2, 2], "context.dense": [2, 2], "layer.0.ad": [2, 4], "layer.0.bias": [2],
                   "layer.0.context": [2, 4], "output.attention": [8], "output.bias": [1], "output.deep": [2],
                   "table.k": [3, 2], "table.t": [4, 2],
                   **{f"attention.{layer}.{part}": [2, 2] for layer in (0, 1) for part in ("query", "key", "value", "residual")}}
ONE = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'

SEEDS = {
    "import_fuzz": {
        "criteo": "0" + CRITEO + CRITEO.replace("1", "0", 1) + "junk\n", "criteo-grouped": "1" + CRITEO * 4,
        "outbrain": "2" + OUTBRAIN, "ipinyou": "3" + IPINYOU + "\n" + IPINYOU + "\t1\t2\r\n",
        "open-bandit": "4" + OPEN_BANDIT, "open-bandit-items": "5" + ITEMS + "\0" + OPEN_BANDIT,
        "jsonl": "6" + LINE + "\n\n" + ENCODED + "\n" + NESTED, "csv-plain": "7" + PLAIN, "csv-full": "8" + FULL,
        "csv-tabs": "9" + TABS, "csv-micros": ":" + MICROS,
    },
    "input_file_fuzz": {
        "plain": "0begin 644 x\n", "gzip": b"0" + gzip.compress(b"two\nlines\n", mtime=0),
        "gzip-twice": b"0" + gzip.compress(b"a\n", mtime=0) + gzip.compress(b"b\n", mtime=0),
        "gzip-cut": b"0" + gzip.compress(b"two\nlines\n", mtime=0)[:-5], "pack-gzip": "1\x14\0\x01two\nlines\n",
        "pack-zstd": "2\x14\0\x01two\nlines\n" + "again\n" * 20,
    },
    "record_fuzz": {
        "token": "1CgJhMRIDYWQxGAEgAQ", "token-made": "1\1\0a1\0ad1", "suffix": "2ad1\0\1f1", "line": "3" + LINE,
        "line-encoded": "3" + ENCODED, "line-nested": "3" + NESTED,
    },
    "record_file_fuzz": {"records": "1\5\0\1\0\0first\n\nthird", "long": "1\5\0\1\xff\xfffirst\nsecond",
                         "zeros": b"0\0\0" + bytes(40)},
    "config_fuzz": {"csv": "0" + CSV_CONFIG, "train": "1" + TRAIN_CONFIG, "market": "2" + MARKET_CONFIG,
                    "placements": "3" + PLACEMENTS_CONFIG, "access": "4" + ACCESS_CONFIG,
                    "placements-both": "3placements: [{name: a, reserve_click_micros: 1, reserve_mille_micros: 2}]\n",
                    "access-empty": "4tokens: []\n", "access-cut": "4" + ACCESS_CONFIG[:60],
                    "comma": "0,", "two-documents": "0a: 1\n---\nb: 2\n", "deep": "0" + "[" * 200,
                    "alias": "0columns: &a [x, y]\nmissing: *a\n", "unknown": "1optimizer: {lr: 1}\n"},
    "tensors_fuzz": {
        "nothing": tensors_file("{}", []), "logistic": tensors(LOGISTIC_TENSORS), "mlp": tensors(MLP_TENSORS),
        "metadata": tensors({"a": [2], "": [], "b": [3, 0, 5]}, __metadata__={"format": "pt", "\u00e9": "\"\\"}),
        "other-order": tensors_file({"b": {"shape": [1], "data_offsets": [4, 8], "dtype": "F32"},
                                     "a": {"data_offsets": [0, 4], "dtype": "F32", "shape": [1, 1]}}, [1, 2], pad=4),
        "not-aligned": tensors_file('{"a":' + ONE + "} ", [1, 2], pad=1), "cut": tensors_file('{"a":' + ONE + "}", [1]),
        "behind": tensors_file('{"a":' + ONE + "}", [1, 2, 3]),
        "overlap": tensors_file('{"a":%s,"b":%s}' % (ONE, ONE.replace("[0,8]", "[4,12]")), [1, 2, 3]),
        "hole": tensors_file('{"a":%s,"b":%s}' % (ONE, ONE.replace("[0,8]", "[12,20]")), [1, 2, 3, 4, 5]),
        "twice": tensors_file('{"a":%s,"a":%s}' % (ONE, ONE), [1, 2]), "f64": tensors_file(
            '{"a":' + ONE.replace("F32", "F64").replace("[2]", "[1]") + "}", [1, 2]),
        "overflow": tensors_file('{"a":' + ONE.replace("[2]", "[4294967296,4294967296]") + "}", [1, 2]),
        "deep": tensors_file("{" + '"a":{' * 100 + "}" * 101, []), "lists": tensors_file('{"a":' + "[" * 300, []),
        "long": struct.pack("<Q", 2**64 - 8) + b"{}",
        "zero": struct.pack("<Q", 8) + b"{}\0 more ",
    },
    "artifact_fuzz": {
        "logistic": artifact(LOGISTIC, tensors(LOGISTIC_TENSORS)), "mlp": artifact(MLP, tensors(MLP_TENSORS)),
        "two-tower": artifact(TOWER, tensors(TOWER_TENSORS)), "autoint": artifact(AUTOINT, tensors(AUTOINT_TENSORS)),
        "autoint-overflow": artifact(AUTOINT, tensors(AUTOINT_TENSORS)[:-64] + struct.pack("<16f", *[3e38] * 16)),
        "logistic-nothing": artifact(model("logistic", [], DENSE), tensors(
            {"ad.weight": [2], "bias": [1], "context.weight": [0]})),
        "mlp-context": artifact(model("mlp", [1], LOGGED), tensors(
            {"layer.0.ad": [1, 0], "layer.0.bias": [1], "layer.0.context": [1, 2], "layer.1.bias": [1],
             "layer.1.weight": [1, 1]})),
        "large": artifact(model("logistic", [], {**TABLE, "buckets": str(2**32)}), tensors(LOGISTIC_TENSORS)),
        "format-2": artifact({"format": 2, "news": []}, b""), "not-json": artifact("{", b""),
        "overflow": artifact(LOGISTIC, tensors(LOGISTIC_TENSORS)[:-36] + struct.pack("<9f", *[3e38] * 9)),
        "transforms": artifact(model("logistic", [], {**DENSE, "transform": "STANDARDIZE"},
                                     {**LOGGED, "transform": "BUCKETIZE"}), tensors({})),
        "weights-cut": artifact(MLP, tensors(MLP_TENSORS)[:-4]),
    },
    "price_series_fuzz": {
        "american": "0d,p\n1/31/1986,25.56\n2/3/1986,\n2/4/1986,.\n2/5/1986,26.53\n",
        "iso": '1\xef\xbb\xbfp,"x, y",d\r\n1e100,,1001-01-01\r\n1e-100,"a\n""b""",2001-05-03T16:00:00.5+01:00\r\n',
        "mixed": "0when,p\n2001-05-03 16:00,1\n5/4/2001, 2.50 \n2001-05-05T00:00:00Z,+3\n",
        "twice": "0d,p\n1/31/1986,1\n1986-01-31,2\n", "falls": "0d,p\n1/31/1986,1\n1/30/1986,2\n",
        "negative": "0d,p\n4/17/2020,18.27\n4/20/2020,-37.63\n", "not-finite": "0d,p\n4/17/2020,inf\n",
        "no-column": "1p\n1\n", "two-columns": "0d,p,p\n", "ragged": "0d,p\n4/17/2020\n", "open": '0d,p\n"4/17/2020,1\n',
    },
}


def main():
    for name, seeds in SEEDS.items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed, content in seeds.items():
            (folder / seed).write_bytes(content if isinstance(content, bytes) else content.encode("latin-1"))
    if len(sys.argv) > 1:
        subprocess.run([sys.argv[1], CORPUS], check=True)


if __name__ == "__main__":
    main()
