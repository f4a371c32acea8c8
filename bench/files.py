"""files.py - the largest request as a safetensors file, whose response is one, beside the transport that moves the same
bytes."""
import array
import json
import random
import statistics
import struct
import sys

from measure import CURL_REQUESTS_MAX, LARGEST, run
from peers import THREADS, WORK, Peer, program, service

TYPE = "application/safetensors"


def body():
    """The file of a request: random doubles."""
    file = WORK / f"request-{LARGEST}.safetensors"
    if not file.exists():
        source, size = random.Random(LARGEST), 8 * LARGEST
        header = json.dumps({name: {"dtype": "F64", "shape": [LARGEST], "data_offsets": [i * size, (i + 1) * size]}
                             for i, name in enumerate(("predictions", "targets"))}).encode()
        values = array.array("d", (source.random() for _ in range(2 * LARGEST)))
        if sys.byteorder == "big":
            values.byteswap()
        unfinished = file.with_suffix(".part")
        unfinished.write_bytes(struct.pack("<Q", len(header)) + header + values.tobytes())
        unfinished.rename(file)
    return file


def curl(peer, count, output="/dev/null"):
    """The times that curl takes for each of so many requests on one connection, in seconds."""
    words = []
    for turn in range(count):
        words += ["--next"] if turn > 0 else []
        words += ["--silent", "--show-error", "--fail", "--header", f"Content-Type: {TYPE}"]
        words += ["--data-binary", f"@{body()}", "--output", str(output)]
        words += ["--write-out", "%{time_total}\n", f"http://127.0.0.1:{peer.port}{peer.path.format(0)}"]
    return [float(line) for line in run(["curl", *words]).split()]


def time_of(peer, seconds):
    """The median time of a request, in seconds."""
    count = min(round(seconds / curl(peer, 1)[0]), CURL_REQUESTS_MAX)
    return statistics.median(curl(peer, max(count, 1)))


def measure_files(rounds, seconds, results):
    """A value per round, to ("service", "file") and ("transport", "file")."""
    ready = WORK / "response.safetensors"
    ours = service().start()
    curl(ours, 1, ready)
    transport = Peer("transport", "the transport alone",
                     lambda port: [program("transport"), str(port), str(THREADS), str(ready)], path="/mse/{}").start()
    for _ in range(rounds):
        for peer in (ours, transport):
            results.setdefault((peer.key, "file"), []).append(time_of(peer, seconds))
    for peer in (ours, transport):
        peer.stop()
