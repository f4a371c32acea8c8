"""measure.py - single measurements: of requests through wrk, curl and client.c, of memory, and of the micro programs."""
import concurrent.futures
import gzip
import http.client
import json
import random
import statistics
import subprocess
import time
import zlib

from peers import ROOT, WORK

SIZES = (27, 1000, 100_000, 1_000_000)  # elements
LARGEST = SIZES[-1]
CONNECTIONS = 32
LARGE_CLIENTS = 4
LINES = 1000  # of a request of NDJSON
LINE_CLIENTS = 4
CURL_FROM = 100_000  # elements; below, what curl itself takes would count for too much
INFLATED_PIECE = 16384  # bytes: about what the server reads at once
CURL_REQUESTS_MAX = 200  # of one process

# A server sees a body again only after this many others: what a processor remembers of one must not help.
BODIES = {27: 64, 1000: 16, 100_000: 2, 1_000_000: 1}


def bodies(size):
    """The file of bodies of this size, one a line: random doubles with all their digits, as json.dumps writes them."""
    file = WORK / f"requests-{size}.jsonl"
    if not file.exists():
        source = random.Random(size)
        lines = (
            json.dumps({name: [source.random() for _ in range(size)] for name in ("predictions", "targets")})
            for _ in range(BODIES[size])
        )
        unfinished = file.with_suffix(".part")
        unfinished.write_text("\n".join(lines) + "\n")
        unfinished.rename(file)
    return file


def first_response(peer, size):
    """The text with which a peer responds to the first body of a size."""
    with open(bodies(size), "rb") as file:
        body = file.readline()
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=120)
    connection.request("POST", path(peer, size), body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{peer.label} responds to {size} elements with {response.status}: {text[:200]}")
    return text


def path(peer, size):
    return peer.path.format(SIZES.index(size))


def pairs(line):
    """'requests 5 failed 0' as a dictionary of numbers."""
    words = line.split()
    return {name: float(value) for name, value in zip(words[::2], words[1::2])}


def run(words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}\n{done.stdout}")
    return done.stdout


def checked(peer, measured):
    if measured["failed"] > 0:
        raise RuntimeError(f"{peer.label}: {measured['failed']:.0f} requests failed")
    return measured


def wrk(peer, connections, seconds, arguments):
    words = ["wrk", "--threads", "2", "--connections", str(connections), "--duration", f"{seconds}s"]
    words += ["--timeout", "30s", "--script", "bench/wrk.lua", f"http://127.0.0.1:{peer.port}"]
    printed = run(words + ["--", *map(str, arguments)])
    return checked(peer, pairs(printed.strip().splitlines()[-1]))


def lines_rate(peer, size, seconds):
    """Losses per second, many of them in each request."""
    measured = wrk(peer, LINE_CLIENTS, seconds, [path(peer, size), bodies(size), LINES])
    return LINES * measured["requests"] / measured["seconds"]


def many_clients(peer, size, seconds):
    """Requests a second, and the time of the slowest hundredth, with many connections at once."""
    measured = wrk(peer, CONNECTIONS, seconds, [path(peer, size), bodies(size)])
    return {"rate": measured["requests"] / measured["seconds"], "p99": measured["p99_us"] / 1e6}


def one_body(size, index):
    """The file that holds the body of that index alone."""
    file = WORK / f"request-{size}-{index}.json"
    if not file.exists():
        lines = bodies(size).read_bytes().splitlines()
        file.write_bytes(lines[index])
    return file


def zipped_body(size):
    """The file that holds the first body, as gzip compresses it."""
    file = one_body(size, 0).with_suffix(".json.gz")
    if not file.exists():
        file.write_bytes(gzip.compress(one_body(size, 0).read_bytes(), 6))
    return file


def inflate(size):
    """The time that zlib takes for the compressed body alone, in seconds."""
    zipped = zipped_body(size).read_bytes()
    pieces = [zipped[i:i + INFLATED_PIECE] for i in range(0, len(zipped), INFLATED_PIECE)]
    stream = zlib.decompressobj(zlib.MAX_WBITS + 16)
    start = time.perf_counter()
    for piece in pieces:
        stream.decompress(piece)
    return time.perf_counter() - start


def curl(peer, size, count, is_zipped=False):
    """The times that curl takes for each of so many requests on one connection, in seconds."""
    words = []
    for turn in range(count):
        words += ["--next"] if turn > 0 else []
        words += ["--silent", "--show-error", "--fail", "--header", "Content-Type: application/json"]
        words += ["--header", "Content-Encoding: gzip"] if is_zipped else []
        file = zipped_body(size) if is_zipped else one_body(size, turn % BODIES[size])
        words += ["--data-binary", f"@{file}", "--output", "/dev/null"]
        words += ["--write-out", "%{time_total}\n", f"http://127.0.0.1:{peer.port}{path(peer, size)}"]
    return [float(line) for line in run(["curl", *words]).split()]


def curl_client(peer, size, seconds, is_zipped=False):
    """The median time of curl's requests one after another, in seconds; those of the first process warm up."""
    first = curl(peer, size, 1, is_zipped)
    count = min(round(seconds / first[0]), CURL_REQUESTS_MAX)
    return statistics.median(curl(peer, size, count, is_zipped)) if count > 1 else first[0]


def one_client(peer, size, seconds):
    """The median time of requests one after another, in seconds."""
    words = [str(WORK / "client"), str(peer.port), path(peer, size), str(bodies(size)), "1000000", str(seconds)]
    return checked(peer, pairs(run(words)))["median_us"] / 1e6


def slowest_hundredth_under_load(peer, size, seconds):
    """The time of the slowest hundredth of small requests while others post large ones without pause."""
    lead = 0.5
    with concurrent.futures.ThreadPoolExecutor(LARGE_CLIENTS) as pool:
        large = [pool.submit(one_client, peer, LARGEST, seconds + 2 * lead) for _ in range(LARGE_CLIENTS)]
        time.sleep(lead)
        small = many_clients(peer, size, seconds)
        for client in large:
            client.result()
    return small["p99"]


def memory_an_element(peer):
    """Bytes per element that the largest request adds to an idle, fresh process at most."""
    idle = peer.memory("VmRSS")
    one_client(peer, LARGEST, 0)
    return (peer.memory("VmHWM") - idle) / LARGEST


def micro(name):
    """The values that a micro program prints, a line "name value unit" each; None where it is not built."""
    file = WORK / name
    if not file.exists():
        return None
    return {words[0]: float(words[1]) for words in map(str.split, run([str(file)]).splitlines()) if len(words) == 3}
