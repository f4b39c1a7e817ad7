"""The test vectors of docs/formats.md, by an implementation in another language and by the program."""

import re
import unittest

from tool import ROOT, replies

P1, P2, P3, P4, P5 = (11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579,
                      2870177450012600261)
MASK = 2**64 - 1


def rotated(x, n):
    return (x << n | x >> (64 - n)) & MASK


def xxh64(data):
    """xxHash64 with seed 0, from its specification."""
    lanes = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
    at = 0
    while len(data) - at >= 32:
        for i in range(4):
            lanes[i] = rotated((lanes[i] + int.from_bytes(data[at:at + 8], "little") * P2) & MASK, 31) * P1 & MASK
            at += 8
    h = P5
    if at:
        h = sum(rotated(lane, n) for lane, n in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            h = ((h ^ rotated(lane * P2 & MASK, 31) * P1 & MASK) * P1 + P4) & MASK
    h = (h + len(data)) & MASK
    while len(data) - at >= 8:
        h = (rotated(h ^ rotated(int.from_bytes(data[at:at + 8], "little") * P2 & MASK, 31) * P1 & MASK, 27) * P1 + P4) & MASK
        at += 8
    if len(data) - at >= 4:
        h = (rotated(h ^ int.from_bytes(data[at:at + 4], "little") * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        h = rotated(h ^ byte * P5 & MASK, 11) * P1 & MASK
    h = (h ^ h >> 33) * P2 & MASK
    h = (h ^ h >> 29) * P3 & MASK
    return h ^ h >> 32


PRESETS = {
    "criteo": [(f"I{i}", "DENSE", "AD") for i in range(1, 14)] + [(f"C{i}", "CATEGORICAL", "AD") for i in range(1, 27)],
    "outbrain": [(name, "CATEGORICAL", "CONTEXT") for name in ("document_id", "platform", "geo_location")]
    + [("ad_id", "CATEGORICAL", "AD")],
    "ipinyou": [(name, "CATEGORICAL", "CONTEXT") for name in (
        "weekday", "hour", "useragent", "IP", "region", "city", "adexchange", "domain", "url", "urlid", "slotid",
        "slotwidth", "slotheight", "slotvisibility", "slotformat")]
    + [("slotprice", "DENSE", "CONTEXT"), ("usertag", "BAG", "CONTEXT")]
    + [(name, "CATEGORICAL", "AD") for name in ("creative", "keypage", "advertiser")],
    "open_bandit": [(f"user_feature_{i}", "CATEGORICAL", "CONTEXT") for i in range(4)]
    + [("item_id", "CATEGORICAL", "AD"), ("affinity", "DENSE", "AD"), ("item_feature_0", "DENSE", "AD")]
    + [(f"item_feature_{i}", "CATEGORICAL", "AD") for i in range(1, 4)],
    "synthetic": [(f"c{i}", "DENSE", "CONTEXT") for i in range(4)] + [(f"a{i}", "DENSE", "AD") for i in range(8)]
    + [("segment", "DENSE", "AD")],
    "synthetic_ads": [(f"c{i}", "DENSE", "CONTEXT") for i in range(4)] + [("ad", "CATEGORICAL", "AD")],
    "synthetic_tower": [(f"c{i}", "DENSE", "CONTEXT") for i in range(8)] + [(f"a{i}", "DENSE", "AD") for i in range(8)],
}


class FormatsTest(unittest.TestCase):
    text = (ROOT / "docs/formats.md").read_text()

    def test_xxhash_itself(self):
        self.assertEqual(xxh64(b""), 0xEF46DB3751D8E999)  # published with xxHash
        self.assertEqual(xxh64(b"Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1)

    def test_fingerprints(self):
        rows = re.findall(r"^\| `(\w+)` \| `(.*)` \| `(0x[0-9a-f]{16})` \| (\d+) \|$", self.text, re.MULTILINE)
        self.assertEqual(len(rows), 5)
        for field, value, fingerprint, bucket in rows:
            number = xxh64(field.encode() + b"\x1f" + value.encode()) or 1
            self.assertEqual((f"0x{number:016x}", str(1 + number % 65535)), (fingerprint, bucket))
            line = replies("features", "fingerprint", "--field", field, "--buckets", 65536, lines=[value])[0]
            self.assertEqual((line["fingerprint"], line["bucket"]), (fingerprint, bucket))

    def test_schema_ids(self):
        for preset, fields in PRESETS.items():
            number = xxh64("".join(f"{n}\x1f{k}\x1f{s}\x1e" for n, k, s in fields).encode())
            self.assertIn(f"| `{preset}` | `{number:016x}` |", self.text)
            line = replies("features", "encode", "--schema", preset, lines=[{"auction_id": "a"}])[0]
            self.assertEqual(line["schema_id"], f"{number:016x}")


if __name__ == "__main__":
    unittest.main()
