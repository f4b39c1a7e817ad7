#!/usr/bin/env python3
"""Writes the seeds of the fuzzers: small inputs that reach most of the code, made by hand here.

usage: make_corpus.py [PROGRAM]     into corpus/NAME beside this file; PROGRAM is make_corpus_binary, for those in the
                                    formats of Parquet, zstd and protobuf; without it they stay as they are

What fuzzing found beside them is kept as it is: crash-... and what `-merge=1` kept.
"""

import gzip
import pathlib
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
                    "comma": "0,", "two-documents": "0a: 1\n---\nb: 2\n", "deep": "0" + "[" * 200,
                    "alias": "0columns: &a [x, y]\nmissing: *a\n", "unknown": "1optimizer: {lr: 1}\n"},
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
