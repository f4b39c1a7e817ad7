"""The layering check sees what it is meant to see, and the tree passes it."""

import pathlib
import tempfile
import unittest

import layering

ROOT = pathlib.Path(__file__).resolve().parents[2]


class LayeringTest(unittest.TestCase):
    def faults(self, path, *includes):
        return list(layering.faults(path, "".join(f"#include {include}\n" for include in includes)))

    def assert_fault(self, path, include):
        found = self.faults(path, include)
        self.assertTrue(found, f"{path} including {include} was not seen")
        self.assertIn(f"{path}:1: ", found[0])

    def test_the_tree_is_clean(self):
        self.assertEqual(layering.check(ROOT), [])

    def test_an_include_against_the_arrows(self):
        self.assert_fault("vickrey/base/x.h", '"vickrey/log/rocksdb_status.h"')
        self.assert_fault("vickrey/auction/x.cc", '"vickrey/metric/welfare.h"')
        self.assert_fault("vickrey/model/x.cc", '"trainer/loop.h"')
        self.assert_fault("server/x.cc", '"trainer/loop.h"')
        self.assert_fault("trainer/x.cc", '"client/channel.h"')
        self.assert_fault("client/x.cc", '"vickrey/log/log.h"')

    def test_what_points_down_is_fine(self):
        self.assertEqual(self.faults("vickrey/log/x.cc", '"vickrey/base/status.h"', '"vickrey/log/y.h"', "<vector>"), [])
        self.assertEqual(self.faults("simulator/x.cc", '"client/channel.h"', '"vickrey/metric/welfare.h"'), [])
        self.assertEqual(self.faults("vickrey/base/x.cc", '"vickrey/v1/lines.pb.h"', "<yaml-cpp/yaml.h>"), [])

    def test_libtorch_stays_in_its_folders(self):
        self.assert_fault("vickrey/model/x.cc", "<torch/torch.h>")
        self.assert_fault("tools/x.cc", "<ATen/core/Tensor.h>")
        self.assert_fault("tools/x.cc", '"vickrey/torch/exceptions.h"')
        self.assert_fault("server/x.h", "<c10/core/Device.h>")
        self.assert_fault("server/x.h", '"vickrey/torch/exceptions.h"')
        self.assert_fault("server/x.h", "<caffe2/serialize/versions.h>")
        self.assert_fault("simulator/x.cc", '"client/cli/dispatch.h"')
        self.assertEqual(self.faults("server/x.cc", "<ATen/core/Tensor.h>"), [])
        self.assertEqual(self.faults("vickrey/torch/x.h", "<ATen/core/Tensor.h>"), [])

    def test_other_libraries_stay_in_theirs(self):
        self.assert_fault("server/x.cc", "<rocksdb/db.h>")
        self.assert_fault("tools/x.cc", '"arrow/api.h"')
        self.assert_fault("server/x.cc", "<prometheus/registry.h>")
        self.assert_fault("server/x.h", "<spdlog/spdlog.h>")
        self.assert_fault("server/x.cc", "<CivetServer.h>")
        self.assertEqual(self.faults("server/telemetry/x.cc", "<spdlog/async.h>", "<prometheus/metric_family.h>", "<CivetServer.h>"), [])
        self.assert_fault("simulator/x.cc", "<parquet/arrow/writer.h>")
        self.assert_fault("trainer/x.cc", '"vickrey/v1/prediction_service.grpc.pb.h"')
        self.assert_fault("simulator/x.cc", '"vickrey/storage/v1/log.pb.h"')
        self.assert_fault("vickrey/log/x.cc", '"vickrey/storage/v1/part.pb.h"')

    def test_files_outside_the_architecture_and_relative_includes(self):
        self.assertTrue(self.faults("utils/x.cc"))
        self.assert_fault("vickrey/base/x.cc", '"status.h"')
        self.assert_fault("vickrey/base/x.cc", '"../log/x.h"')

    def test_protocol_files_too(self):
        self.assertTrue(list(layering.proto_faults("vickrey/v1/x.proto", 'import "vickrey/storage/v1/log.proto";')))
        self.assertTrue(list(layering.proto_faults("vickrey/config/v1/x.proto", 'import "vickrey/storage/v1/log.proto";')))
        self.assertEqual(list(layering.proto_faults("vickrey/config/v1/x.proto", 'import "vickrey/v1/features.proto";')), [])
        self.assertEqual(list(layering.proto_faults("vickrey/storage/v1/x.proto", 'import "vickrey/v1/model.proto";')), [])

    def test_it_walks_the_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "vickrey/base").mkdir(parents=True)
            (root / "build/x").mkdir(parents=True)
            (root / "vickrey/base/a.cc").write_text('#include "vickrey/auction/ranking.h"\n')
            (root / "build/x/generated.cc").write_text('#include "x.h"\n')
            self.assertEqual(len(layering.check(root)), 1)


if __name__ == "__main__":
    unittest.main()
