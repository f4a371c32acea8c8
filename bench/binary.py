"""binary.py - the largest request in formats that carry doubles as they are, beside the transport that moves the same
bytes."""
import array
import json
import random
import statistics
import struct
import sys

from measure import CURL_REQUESTS_MAX, LARGEST, run
from peers import THREADS, WORK, Peer, program, service

INPUTS = ("predictions", "targets")


def safetensors_head():
    size = 8 * LARGEST
    head = json.dumps({name: {"dtype": "F64", "shape": [LARGEST], "data_offsets": [i * size, (i + 1) * size]}
                       for i, name in enumerate(INPUTS)}).encode()
    return struct.pack("<Q", len(head)) + head


def inference_head():
    return json.dumps({"parameters": {"binary_data_output": True}, "inputs": [
        {"name": name, "shape": [LARGEST], "datatype": "FP64", "parameters": {"binary_data_size": 8 * LARGEST}}
        for name in INPUTS]}).encode()


# The format, what stands before the doubles, the request's path and its headers.
FORMATS = {
    "safetensors": (safetensors_head(), "/mse", ["Content-Type: application/safetensors"]),
    "inference": (inference_head(), "/v2/models/mse/infer",
                  ["Content-Type: application/octet-stream",
                   f"Inference-Header-Content-Length: {len(inference_head())}"]),
}


def body(key):
    """The file of a request: random doubles."""
    file = WORK / f"request-{LARGEST}.{key}"
    if not file.exists():
        source = random.Random(LARGEST)
        values = array.array("d", (source.random() for _ in range(len(INPUTS) * LARGEST)))
        if sys.byteorder == "big":
            values.byteswap()
        unfinished = file.with_suffix(".part")
        unfinished.write_bytes(FORMATS[key][0] + values.tobytes())
        unfinished.rename(file)
    return file


def curl(peer, key, count, output="/dev/null"):
    """The times that curl takes for each of so many requests on one connection, in seconds."""
    words = []
    for turn in range(count):
        words += ["--next"] if turn > 0 else []
        words += ["--silent", "--show-error", "--fail", "--data-binary", f"@{body(key)}", "--output", str(output)]
        words += [word for header in FORMATS[key][2] for word in ("--header", header)]
        words += ["--write-out", "%{time_total}\n", f"http://127.0.0.1:{peer.port}{peer.path.format(0)}"]
    return [float(line) for line in run(["curl", *words]).split()]


def time_of(peer, key, seconds):
    """The median time of a request, in seconds."""
    count = min(round(seconds / curl(peer, key, 1)[0]), CURL_REQUESTS_MAX)
    return statistics.median(curl(peer, key, max(count, 1)))


def measure_binary(key, rounds, seconds, results):
    """A value per round, to ("service", key) and ("transport", key)."""
    ready = WORK / f"response.{key}"
    ours = service()
    ours.path = FORMATS[key][1]
    ours.start()
    curl(ours, key, 1, ready)
    transport = Peer("transport", "the transport alone",
                     lambda port: [program("transport"), str(port), str(THREADS), str(ready)], path="/mse/{}").start()
    for _ in range(rounds):
        for peer in (ours, transport):
            results.setdefault((peer.key, key), []).append(time_of(peer, key, seconds))
    for peer in (ours, transport):
        peer.stop()
