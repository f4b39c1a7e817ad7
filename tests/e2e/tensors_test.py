"""Weights between Vickrey and Python's safetensors: each reads what the other wrote, and refuses what is damaged."""

import hashlib
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

from tool import ROOT, error_of, replies, vickrey

SAFETENSORS = ROOT / ".deps" / f"safetensors-{(ROOT / 'cmake/safetensors-version.txt').read_text().strip()}"
sys.path.insert(0, str(SAFETENSORS))
import safetensors  # noqa: E402

BUILD = pathlib.Path(os.environ["VICKREY_BUILD"])
MODEL = {"format": 1, "name": "ctr", "version": "1", "spec": {"architecture": "logistic"},
         "schema": {"fields": [{"name": "x", "side": "AD", "kind": "DENSE", "transform": "NONE"},
                               {"name": "h", "side": "CONTEXT", "kind": "DENSE", "transform": "NONE"}]},
         "calibration": {"multiplier": 0.5, "logit_offset": -0.25}}
# For each dense field, the weight of its value and that of its being missing.
TENSORS = {"bias": ([1], [-1.5]), "ad.weight": ([2], [0.75, 2.0]), "context.weight": ([2], [-0.5, 0.125])}


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def serialized(tensors, dtype="float32", metadata=None):
    """What Python's safetensors writes."""
    return bytes(safetensors.serialize({name: {"dtype": dtype, "shape": shape, "data": floats(values)}
                                        for name, (shape, values) in tensors.items()}, metadata))


def put(folder, weights, model=MODEL):
    """An artifact of these weights, with sums that are right."""
    text = json.dumps(model).encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_bytes(text)
    (folder / "weights.safetensors").write_bytes(weights)
    (folder / "SHA256SUMS").write_text("".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in (
        ("model.json", text), ("weights.safetensors", weights))))
    return folder


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def by_hand(header, size, length=None, pad=" "):
    """A file of a header, a dictionary or text, and as many zeros."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    text += pad.encode() * (-len(text) % 8)
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(size)


# The tensors of MODEL.
SOUND = {"bias": entry([1], 0, 4), "ad.weight": entry([2], 4, 12), "context.weight": entry([2], 12, 20)}


def changed(**entries):
    return {**SOUND, **{name.replace("_", "."): value for name, value in entries.items()}}


TEXT = json.dumps(SOUND)
SOUND_BYTES = by_hand(SOUND, 20)
# What both refuse, and a word of what Vickrey says.
DAMAGES = {
    "empty": (b"", "first eight bytes"),
    "cut in the length": (SOUND_BYTES[:7], "first eight bytes"),
    "cut in the header": (SOUND_BYTES[:50], "header is cut"),
    "cut before the values": (SOUND_BYTES[:-20], "is cut"),
    "cut in the values": (SOUND_BYTES[:-1], "is cut"),
    "a byte behind": (SOUND_BYTES + b"\0", "behind the last"),
    "a length of one less": (by_hand(SOUND, 20, length=len(TEXT) - 8), "not"),
    "a length of more than there is": (by_hand(SOUND, 20, length=10_000), "header is cut"),
    "a length beyond 64 bits": (by_hand(SOUND, 20, length=2**64 - 1), "header is cut"),
    "a length above 100 MB": (by_hand(SOUND, 20, length=100_000_001), "header is cut"),
    "a hole": (by_hand(changed(context_weight=entry([2], 16, 24)), 24), "does not begin"),
    "a hole in front": (by_hand({"bias": entry([1], 4, 8)}, 8), "does not begin"),
    "an overlap": (by_hand(changed(context_weight=entry([2], 8, 16)), 16), "does not begin"),
    "the same place": (by_hand(changed(context_weight=entry([2], 4, 12)), 12), "does not begin"),
    "an end before its begin": (by_hand(changed(bias=entry([1], 4, 0)), 20), "other bytes"),
    "fewer bytes than the shape": (by_hand(changed(context_weight=entry([3], 12, 20)), 20), "other bytes"),
    "a shape that overflows": (by_hand(changed(bias=entry([2**32, 2**32], 0, 4)), 20), "too many"),
    "a negative size": (by_hand(changed(bias=entry([-1], 0, 4)), 20), "shape"),
    "a dtype that nobody knows": (by_hand(changed(bias=entry([1], 0, 4, "F33")), 20), "but of F33"),
    "a dtype in small letters": (by_hand(changed(bias=entry([1], 0, 4, "f32")), 20), "not of dtype F32"),
    "no dtype": (by_hand(changed(bias={"shape": [1], "data_offsets": [0, 4]}), 20), "needs dtype"),
    "a header that is a list": (by_hand("[]", 0), "not a JSON map"),
    "a header that is no JSON": (by_hand("{bias}", 0), "not JSON"),
    "a header in zeros": (by_hand(TEXT, 20, pad="\0"), "not JSON"),
    "a header that is not UTF-8": (SOUND_BYTES.replace(b"bias", b"bi\xffs"), "not JSON"),
    "metadata that is not text": (by_hand({"__metadata__": {"k": 1}, **SOUND}, 20), "__metadata__"),
}
# What Vickrey alone refuses.
STRICTER = {
    "a dtype that is not read": (by_hand(changed(bias=entry([2], 0, 4, "F16")), 20), "but of F16"),
    "values that are not aligned": (struct.pack("<Q", len(TEXT) + 1) + TEXT.encode() + b" " + bytes(20), "not aligned"),
    "a name twice": (by_hand('{"bias": %s, %s' % (json.dumps(SOUND["bias"]), TEXT[1:]), 20), "is given twice"),
    "a key of no meaning": (by_hand(changed(bias={**SOUND["bias"], "more": 1}), 20), "nothing else"),
    "a blank in front": (by_hand(" " + TEXT, 20), "not a JSON map"),
    "a value that is not finite": (SOUND_BYTES[:-4] + struct.pack("<f", math.nan), "not finite"),
    "a tensor that the network does not have": (by_hand(changed(more=entry([0], 20, 20)), 20), "tensors"),
    "another shape": (by_hand(changed(context_weight=entry([2, 1], 12, 20)), 20), "shape"),
}


class TensorsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_we_read_theirs(self):
        folder = put(self.folder / "ctr/1", serialized(TENSORS, metadata={"made_by": "python"}))
        self.assertEqual(replies("models", "verify", folder)[0]["name"], "ctr")
        line = {"auction_id": "a", "context": {"h": 3.0}, "candidates": [
            {"ad_id": "p", "features": {"x": 2.0}}, {"ad_id": "q", "features": {}}]}
        [answer] = replies("predict", "--artifact", folder, lines=[line])
        logits = [-1.5 - 0.5 * 3 + 0.75 * 2, -1.5 - 0.5 * 3 + 2.0]
        self.assertEqual(answer["logits"], logits)
        for pctr, logit in zip(answer["pctr"], logits):
            self.assertAlmostEqual(pctr, 0.5 / (1 + math.exp(0.25 - logit)), places=15)

    def test_they_read_ours(self):
        subprocess.run([BUILD / "bin/yardstick/write_artifact", self.folder], check=True, timeout=60)
        file = self.folder / "written/1/weights.safetensors"
        tensors = dict(safetensors.deserialize(file.read_bytes()))
        # As docs/formats.md says, of one dense field and a table of 5 rows of 2, both of the ad.
        shapes = {"layer.0.ad": [3, 4], "layer.0.bias": [3], "layer.0.context": [3, 0], "layer.1.bias": [1],
                  "layer.1.weight": [1, 3], "table.k": [5, 2]}
        self.assertEqual({name: tensor["shape"] for name, tensor in tensors.items()}, shapes)
        self.assertEqual({tensor["dtype"] for tensor in tensors.values()}, {"F32"})
        n = 0
        for name, shape in sorted(shapes.items()):
            count = math.prod(shape)
            self.assertEqual(bytes(tensors[name]["data"]), floats([i / 8 for i in range(n, n + count)]), name)
            n += count
        with safetensors.safe_open(file, framework="np") as opened:
            self.assertEqual(opened.metadata(), {"made_by": "write_artifact", "größe": '"quoted"\n'})

    def test_they_write_ours_again(self):
        subprocess.run([BUILD / "bin/yardstick/write_artifact", self.folder], check=True, timeout=60)
        folder = self.folder / "written/1"
        weights = folder / "weights.safetensors"
        again = bytes(safetensors.serialize({
            name: {"dtype": "float32", "shape": tensor["shape"], "data": bytes(tensor["data"])}
            for name, tensor in safetensors.deserialize(weights.read_bytes())}, None))
        self.assertNotEqual(again, weights.read_bytes())  # another order of keys
        line = {"auction_id": "a", "candidates": [{"ad_id": "p", "features": {"x": 2.0, "k": "red"}}]}
        before = replies("predict", "--artifact", folder, lines=[line])
        put(folder, again, json.loads((folder / "model.json").read_text()))
        self.assertEqual(replies("predict", "--artifact", folder, lines=[line]), before)

    def refusals(self, cases):
        """For each case whether Python's safetensors refuses it; Vickrey must, with the words."""
        theirs = {}
        for what, (weights, words) in cases.items():
            with self.subTest(what):
                done = vickrey("models", "verify", put(self.folder / "ctr/1", weights))
                self.assertEqual(done.returncode, 1, done.stderr)
                error = error_of(done)
                self.assertEqual(error["code"], "DATA_LOSS")
                self.assertIn("weights.safetensors", error["message"])
                self.assertIn(words, error["message"])
                try:
                    safetensors.deserialize(weights)
                    theirs[what] = False
                except safetensors.SafetensorError:
                    theirs[what] = True
        return theirs

    def test_the_sound_file_is_accepted_by_both(self):
        safetensors.deserialize(SOUND_BYTES)
        replies("models", "verify", put(self.folder / "ctr/1", SOUND_BYTES))

    def test_both_refuse_damages(self):
        self.assertEqual(self.refusals(DAMAGES), dict.fromkeys(DAMAGES, True))

    def test_where_ours_is_stricter(self):
        self.assertEqual(self.refusals(STRICTER), dict.fromkeys(STRICTER, False))


if __name__ == "__main__":
    unittest.main()
