"""inference.py - the largest request in the Open Inference Protocol, binary both ways, beside the transport that moves
the same bytes."""
import array
import json
import random
import statistics
import sys

from measure import CURL_REQUESTS_MAX, LARGEST, run
from peers import THREADS, WORK, Peer, program, service

JSON = json.dumps({"parameters": {"binary_data_output": True}, "inputs": [
    {"name": name, "shape": [LARGEST], "datatype": "FP64", "parameters": {"binary_data_size": 8 * LARGEST}}
    for name in ("predictions", "targets")]}).encode()


def body():
    """The body of a request: random doubles."""
    file = WORK / f"request-{LARGEST}.inference"
    if not file.exists():
        source = random.Random(LARGEST)
        values = array.array("d", (source.random() for _ in range(2 * LARGEST)))
        if sys.byteorder == "big":
            values.byteswap()
        unfinished = file.with_suffix(".part")
        unfinished.write_bytes(JSON + values.tobytes())
        unfinished.rename(file)
    return file


def curl(peer, count, output="/dev/null"):
    """The times that curl takes for each of so many requests on one connection, in seconds."""
    words = []
    for turn in range(count):
        words += ["--next"] if turn > 0 else []
        words += ["--silent", "--show-error", "--fail", "--header", "Content-Type: application/octet-stream"]
        words += ["--header", f"Inference-Header-Content-Length: {len(JSON)}"]
        words += ["--data-binary", f"@{body()}", "--output", str(output)]
        words += ["--write-out", "%{time_total}\n", f"http://127.0.0.1:{peer.port}{peer.path.format(0)}"]
    return [float(line) for line in run(["curl", *words]).split()]


def time_of(peer, seconds):
    """The median time of a request, in seconds."""
    count = min(round(seconds / curl(peer, 1)[0]), CURL_REQUESTS_MAX)
    return statistics.median(curl(peer, max(count, 1)))


def measure_inference(rounds, seconds, results):
    """A value per round, to ("service", "inference") and ("transport", "inference")."""
    ready = WORK / "response.inference"
    ours = service()
    ours.path = "/v2/models/mse/infer"
    ours.start()
    curl(ours, 1, ready)
    transport = Peer("transport", "the transport alone",
                     lambda port: [program("transport"), str(port), str(THREADS), str(ready)], path="/mse/{}").start()
    for _ in range(rounds):
        for peer in (ours, transport):
            results.setdefault((peer.key, "inference"), []).append(time_of(peer, seconds))
    for peer in (ours, transport):
        peer.stop()
