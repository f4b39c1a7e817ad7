"""The server as a client in another language sees it: stock grpcio, messages by the protocol files."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from load_test import write_model
from tool import ROOT, Server, market, replies

# What is used of gRPC's reflection.proto: field numbers are the wire's.
REFLECTION = """
syntax = "proto3";
package grpc.reflection.v1alpha;
message ServerReflectionRequest { oneof message_request { string file_containing_symbol = 4; string list_services = 7; } }
message ServiceResponse { string name = 1; }
message ListServiceResponse { repeated ServiceResponse service = 1; }
message FileDescriptorResponse { repeated bytes file_descriptor_proto = 1; }
message ErrorResponse { int32 error_code = 1; string error_message = 2; }
message ServerReflectionResponse {
  oneof message_response {
    FileDescriptorResponse file_descriptor_response = 4;
    ListServiceResponse list_services_response = 6;
    ErrorResponse error_response = 7;
  }
}
"""


class Protocol:
    """Messages of protocol files, and calls of their services over a channel."""

    def __init__(self, folder):
        path = pathlib.Path(folder)
        (path / "reflection.proto").write_text(REFLECTION)
        names = [f"vickrey/v1/{name}_service.proto" for name in ("auction", "impression_log", "model", "prediction")]
        subprocess.run(["protoc", f"-I{ROOT / 'proto'}", f"-I{path}", "--include_imports",
                        f"--descriptor_set_out={path / 'set'}", *names, "reflection.proto"], check=True, timeout=60)
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString((path / "set").read_bytes()).file:
            self.pool.Add(file)

    def message(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def method(self, channel, service, name):
        method = self.pool.FindServiceByName(service).FindMethodByName(name)
        kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
        return getattr(channel, kind)(f"/{service}/{name}",
                                      request_serializer=lambda message: message.SerializeToString(),
                                      response_deserializer=self.message(method.output_type.full_name).FromString)


class GrpcioTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.protocol = Protocol(cls.folder)
        write_model(cls.folder, "net", "1", replies("market", "schema", "--scenario", "two_segments")[0])
        cls.server = Server("--artifact-root", cls.folder / "models", "--model", "net/1", "--log", cls.folder / "log")
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.addClassCleanup(cls.channel.close)
        cls.text = market(20)
        cls.lines = [json.loads(line) for line in cls.text.splitlines()]

    def call(self, service, name):
        return self.protocol.method(self.channel, f"vickrey.v1.{service}", name)

    def new(self, name, **fields):
        return self.protocol.message(f"vickrey.v1.{name}")(**fields)

    def auction(self, line):
        """The message of a line, features by name."""
        auction = self.new("Auction", auction_id=line["auction_id"], event_time=int(line["event_time"]),
                           currency_code=line["currency_code"])
        auction.context.named.update(line["context"] or {})
        for ad in line["candidates"]:
            candidate = auction.candidates.add(ad_id=ad["ad_id"])
            candidate.bid.micros = int(ad["bid_micros"])
            candidate.features.named.update(ad["features"])
        return auction

    def test_predictions_are_those_of_the_command_line(self):
        predict = self.call("PredictionService", "Predict")
        expected = replies("predict", "--address", self.server.address, "--model", "net", text=self.text)
        for line, answer in zip(self.lines, expected, strict=True):
            request = self.new("PredictRequest", auction=self.auction(line))
            request.model.name = "net"
            response = predict(request, timeout=20)
            self.assertEqual(list(response.pctr), answer["pctr"])
            self.assertEqual(list(response.logits), answer["logits"])
            self.assertEqual(list(response.ad_ids), [ad["ad_id"] for ad in line["candidates"]])
            self.assertEqual((response.model_name, response.model_version), ("net", "1"))

    def test_auctions_are_those_of_the_command_line(self):
        run = self.call("AuctionService", "RunAuction")
        expected = replies("auction", "--address", self.server.address, "--model", "net", text=self.text)
        for line, answer in zip(self.lines, expected, strict=True):
            request = self.new("RunAuctionRequest", auction=self.auction(line))
            request.model.name = "net"
            outcome = run(request, timeout=20).outcome
            self.assertEqual(list(outcome.ranking), answer["ranking"])
            placed = [(p.index, p.ad_id, p.price_micros) for p in outcome.placements]
            self.assertEqual(placed, [(p["index"], p["ad_id"], int(p["price_micros"])) for p in answer["placements"]])

    def test_a_stream_appends_to_the_log(self):
        append = self.call("ImpressionLogService", "AppendAuctions")

        def requests():
            for line in [*self.lines, self.lines[0]]:
                request = self.new("AppendAuctionsRequest")
                request.record.auction.CopyFrom(self.auction(line))
                yield request

        results = [result for response in append(requests(), timeout=20) for result in response.results]
        self.assertEqual([result.auction_id for result in results], [line["auction_id"] for line in [*self.lines, self.lines[0]]])
        names = self.pool_enum("AppendAuctionResult", "status")
        self.assertEqual([names[result.status] for result in results], ["STORED"] * 20 + ["DUPLICATE"])

    def pool_enum(self, message, field):
        descriptor = self.protocol.pool.FindMessageTypeByName(f"vickrey.v1.{message}").fields_by_name[field]
        return {value.number: value.name for value in descriptor.enum_type.values}

    def test_an_error_has_a_code_and_names_the_field(self):
        predict = self.call("PredictionService", "Predict")
        request = self.new("PredictRequest", auction=self.auction(self.lines[0]))
        request.model.name = "net"
        request.auction.candidates[1].features.named.update({"zz": 1})
        with self.assertRaises(grpc.RpcError) as caught:
            predict(request, timeout=20)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertTrue(caught.exception.details().startswith("auction.candidates[1].features.zz: "))
        request.model.name = "nobody"
        with self.assertRaises(grpc.RpcError) as caught:
            predict(request, timeout=20)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_reflection_lists_the_services_and_their_methods(self):
        new = self.protocol.message("grpc.reflection.v1alpha.ServerReflectionRequest")
        info = self.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self.protocol.message("grpc.reflection.v1alpha.ServerReflectionResponse").FromString)
        symbol = "vickrey.v1.PredictionService"
        listed, file = info(iter([new(list_services="*"), new(file_containing_symbol=symbol)]), timeout=20)
        names = {service.name for service in listed.list_services_response.service}
        self.assertLessEqual({f"vickrey.v1.{name}" for name in ("AuctionService", "PredictionService", "ModelService",
                                                                "ImpressionLogService")}, names)
        self.assertIn("grpc.health.v1.Health", names)
        self.assertEqual(file.WhichOneof("message_response"), "file_descriptor_response", file)
        found = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in file.file_descriptor_response.file_descriptor_proto]
        self.assertIn("Predict", [m.name for f in found for service in f.service for m in service.method])


if __name__ == "__main__":
    unittest.main()
