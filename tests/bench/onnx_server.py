#!/usr/bin/env python3
"""What a team would write in Python to serve a model: grpcio and ONNX Runtime, one process. Predict only, features encoded
in Criteo's form (13 numbers, 26 names). The yardstick of server_bench.py, which starts it in an environment that has both.

usage: onnx_server.py logistic|mlp DESCRIPTORS [--buckets N] [--width N]      DESCRIPTORS: what protoc writes of the services
"""

import argparse
import concurrent.futures
import json
import pathlib
import threading

import grpc
import numpy as np
import onnx
import onnxruntime as ort
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from onnx import helper, numpy_helper

NUMBERS, NAMES = 13, 26
HIDDEN = [400, 400]


def graph_of(model, buckets, width):
    """x (n, 13), rows (n, 26) of one table -> p (n, 1)."""
    dice = np.random.default_rng(1)
    constants, nodes = [], []

    def constant(name, values):
        constants.append(numpy_helper.from_array(values, name))
        return name

    def weights(name, *shape):
        return constant(name, (dice.normal(size=shape) / 20).astype("float32"))

    if model == "logistic":
        width = 1
    nodes.append(helper.make_node("Gather", [weights("table", NAMES * buckets, width), "rows"], ["looked_up"]))
    nodes.append(helper.make_node("Reshape", ["looked_up", constant("flat", np.array([-1, NAMES * width]))], ["names"]))
    if model == "logistic":
        nodes.append(helper.make_node("ReduceSum", ["names", constant("axis", np.array([1]))], ["of_names"], keepdims=1))
        nodes.append(helper.make_node("Gemm", ["x", weights("w", NUMBERS, 1), weights("b", 1)], ["of_x"]))
        nodes.append(helper.make_node("Add", ["of_names", "of_x"], ["logit"]))
    else:
        nodes.append(helper.make_node("Concat", ["x", "names"], ["h0"], axis=1))
        sizes = [NUMBERS + NAMES * width, *HIDDEN, 1]
        for k, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
            last = k + 2 == len(sizes)
            name = "logit" if last else f"u{k}"
            nodes.append(helper.make_node("Gemm", [f"h{k}", weights(f"w{k}", inputs, outputs), weights(f"b{k}", outputs)], [name]))
            if not last:
                nodes.append(helper.make_node("Relu", [name], [f"h{k + 1}"]))
    nodes.append(helper.make_node("Sigmoid", ["logit"], ["p"]))
    inputs = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", NUMBERS]),
              helper.make_tensor_value_info("rows", onnx.TensorProto.INT64, ["n", NAMES])]
    outputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 1]) for name in ("logit", "p")]
    graph = helper.make_graph(nodes, model, inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=["logistic", "mlp"])
    parser.add_argument("descriptors", type=pathlib.Path)
    parser.add_argument("--buckets", type=int, default=65536)
    parser.add_argument("--width", type=int, default=16)
    options = parser.parse_args()

    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(options.descriptors.read_bytes()).file:
        pool.Add(file)
    request, response = (message_factory.GetMessageClass(pool.FindMessageTypeByName(f"vickrey.v1.Predict{kind}"))
                         for kind in ("Request", "Response"))
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = ort.InferenceSession(graph_of(options.model, options.buckets, options.width), settings,
                                   providers=["CPUExecutionProvider"])
    first_row = np.arange(NAMES, dtype="int64") * options.buckets

    def predict(message, _):
        auction = message.auction
        x = np.array([c.features.encoded.dense for c in auction.candidates], "float32")
        prints = np.array([c.features.encoded.fingerprints for c in auction.candidates], "uint64")
        rows = np.where(prints == 0, 0, 1 + prints % np.uint64(options.buckets - 1)).astype("int64") + first_row
        x = np.where(np.isnan(x), 0, np.sign(x) * np.log1p(np.abs(x))).astype("float32")
        logits, p = session.run(["logit", "p"], {"x": x, "rows": rows})
        return response(auction_id=auction.auction_id, model_name=message.model.name, model_version="1",
                        logits=logits[:, 0].tolist(), pctr=p[:, 0].tolist(), ad_ids=[c.ad_id for c in auction.candidates])

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    handler = grpc.unary_unary_rpc_method_handler(predict, request_deserializer=request.FromString,
                                                  response_serializer=response.SerializeToString)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("vickrey.v1.PredictionService", {"Predict": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(json.dumps({"address": f"127.0.0.1:{port}"}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
