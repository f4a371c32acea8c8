"""report.py - what was measured as Markdown: the table of peers, the table of micro programs, and what must hold."""
import os
import platform
import re
import statistics
import subprocess

from measure import CONNECTIONS, CURL_FROM, LARGEST, LARGE_CLIENTS, LINES, LINE_CLIENTS, SIZES
from picture import duration
from peers import ROOT

SMALL = SIZES[0]

# Whom the micro programs measure beside us, as their names end.
RIVALS = ("each", "fast_float", "strtod", "second_time", "Dragonbox", "to_chars", "printf", "decimal_parse")


def first_line(words):
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
        return done.stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def package(name):
    version = first_line(["dpkg-query", "-W", "-f", "${Version}", name])
    return re.sub(r"^\d+:|[+-]\S*$", "", version)


def machine():
    """The processor, and what was built with what."""
    with open("/proc/cpuinfo") as file:
        fields = dict(re.split(r"\s*:\s*", line.strip(), maxsplit=1) for line in file if ": " in line)
    family = "".join(f", {key} {fields[key]}" for key in ("cpu family", "model") if key in fields)
    cores = len(os.sched_getaffinity(0))
    return f"{fields.get('model name', platform.machine())}{family}, {cores} cores, Linux {platform.release()}"


def versions():
    compiler = re.sub(r"\([^)]*\) ", "", first_line([os.environ.get("CC", "cc"), "--version"]))
    commit = first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    packages = {
        "libmicrohttpd": "libmicrohttpd-dev", "cJSON": "libcjson-dev", "nginx": "nginx-common",
        "FastAPI": "python3-fastapi", "Starlette": "python3-starlette", "uvicorn": "python3-uvicorn",
        "NumPy": "python3-numpy", "fast_float": "libfast-float-dev", "Dragonbox": "libdragonbox-dev",
    }
    return ", ".join([f"mse-server {commit}", compiler] + [f"{key} {package(name)}" for key, name in packages.items()])


def significant(value):
    """Three significant digits, thousands apart."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def markdown(rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def ratio(ours, theirs):
    """The median of the rounds' ratios: what disturbs a round disturbs both."""
    both = [a / b for a, b in zip(ours, theirs)]
    return statistics.median(both) if both else None


def peers_table(peers, results):
    """results: (peer's key, load) -> a value a round. Beside each time, in brackets, that of the transport is 1."""
    loads = [("many", SMALL)] + [("one", size) for size in SIZES]
    heads = [f"{SMALL} elements, {CONNECTIONS} clients"]
    heads += [f"{size:,}, {'curl' if size >= CURL_FROM else 'one client'}" for size in SIZES]
    rows = [["elements in a request"] + heads + ["memory, bytes per element"], ["---"] + ["---:"] * (len(heads) + 1)]
    for peer in peers:
        row = [peer.label]
        for load in loads:
            values = results.get((peer.key, load))
            if not values:
                row.append("")
                continue
            middle = statistics.median(values)
            text = f"{significant(middle)}/s" if load[0] == "many" else duration(middle)
            row.append(f"{text} ({ratio(values, results['transport', load]):.3g})")
        memory = results.get((peer.key, "memory"))
        rows.append(row + [significant(statistics.median(memory)) if memory else ""])
    return markdown(rows)


def placed(name):
    """Row and column of a micro program's value: "data,step,n=N" or "what-who", "who" being empty for our own."""
    if name.count(",") == 2:
        data, step, count = name.split(",")
        return f"{data}, {count}", step
    for who in RIVALS:
        if name.endswith(f"-{who}"):
            return name[: -len(who) - 1], who
    return name, "ours"


def micro_table(program, values):
    if values is None:
        return f"{program}: not built"
    cells = {placed(name): value for name, value in values.items()}
    columns = list(dict.fromkeys(column for _, column in cells))
    rows = [[f"{program}, ns"] + columns, ["---"] + ["---:"] * len(columns)]
    for row in dict.fromkeys(row for row, _ in cells):
        times = (cells.get((row, column)) for column in columns)
        rows.append([row] + [f"{time:.3g}" if time is not None else "" for time in times])
    return markdown(rows)


def tail_table(peers, results):
    """The slowest hundredth of small requests without and with large ones beside them."""
    rows = [[f"p99 of {SMALL} elements, {CONNECTIONS} clients", "alone", f"{LARGE_CLIENTS} more post {LARGEST:,}"]]
    rows.append(["---", "---:", "---:"])
    for peer in peers:
        times = [results.get((peer.key, load)) for load in ("alone", "loaded")]
        if None not in times:
            rows.append([peer.label] + [duration(statistics.median(values)) for values in times])
    return markdown(rows)


def lines_table(peer, results):
    """Losses of small requests, alone and many in one request."""
    rows = [[f"losses per second of {SMALL} elements", f"JSON, {CONNECTIONS} clients"]]
    rows[0].append(f"NDJSON, {LINES:,} lines, {LINE_CLIENTS} clients")
    rows.append(["---", "---:", "---:"])
    rates = (significant(statistics.median(results[peer.key, load])) for load in ("single", "lines"))
    rows.append([peer.label, *rates])
    return markdown(rows)


def bars(results, measured):
    """Rows of what must hold: what, the bar, the value or None, whether more is better."""

    def against(other, load):
        return ratio(results.get(("service", load), []), results.get((other, load), []))

    def micro(program, name):
        return (measured.get(program) or {}).get(name)

    def times_faster(theirs, ours):
        return theirs / ours if theirs and ours else None

    value = against("transport", "safetensors")
    yield f"{LARGEST:,} elements in safetensors files, time against the transport alone", 1.4, value, False
    value = against("transport", "inference")
    yield f"{LARGEST:,} elements in the Open Inference Protocol, time against the transport alone", 1.5, value, False
    rate = f"{SMALL} elements, requests per second against"
    memory = results.get(("service", "memory"))
    yield f"{LARGEST:,} elements, time against the transport alone", 1.8, against("transport", ("one", LARGEST)), False
    yield f"{rate} the transport alone", 0.88, against("transport", ("many", SMALL)), True
    yield f"{rate} nginx, a ready response", 1.0, against("nginx", ("many", SMALL)), True
    yield f"{LARGEST:,} elements, bytes per element above idle", 20, memory and statistics.median(memory), False
    parts = [sum(both) for both in zip(results.get("plain", []), results.get("inflate", []))]
    value = ratio(results.get("gzip", []), parts)
    yield f"{LARGEST:,} elements in gzip, time against zlib alone and the plain request", 1.15, value, False
    for bar, size in ((1.4, 4_000_000), (2.5, 100_000)):
        value = micro("numerics", f"ordinary,loss+gradient/plain,n={size}")
        yield f"loss and gradient of {size:,} elements, time against plain loops", bar, value, False
    for digits in ("17-digits", "6-digits"):
        value = times_faster(micro("decimal", f"read-{digits}-fast_float"), micro("json_reader", f"{digits}-spaced"))
        yield f"reading JSON arrays, {digits}, times faster than fast_float reads bare numbers", 1, value, True
    value = times_faster(micro("decimal", "write-gradients-Dragonbox"), micro("decimal", "write-gradients"))
    yield "writing gradients, times faster than Dragonbox", 1, value, True
    worst = (measured.get("numerics") or {}).items()
    worst = [value for name, value in worst if ",loss+gradient,n=" in name and not name.startswith("ordinary,")]
    yield "worst data, loss and gradient, ns per element", 25, max(worst, default=None), False
    value = ratio(results.get(("service", "lines"), []), results.get(("service", "single"), []))
    yield f"{SMALL} elements, losses per second in requests of {LINES:,} lines, against one each", 8, value, True
    value = ratio(results.get(("service", "loaded"), []), results.get(("service", "alone"), []))
    yield f"{SMALL} elements, p99 while {LARGE_CLIENTS} clients post {LARGEST:,}, against alone", 10, value, False


def bars_table(rows):
    lines = [["what must hold", "bar", "measured", ""], ["---", "---:", "---:", "---"]]
    for what, bar, value, more_is_better in rows:
        verdict = "not measured"
        if value is not None:
            verdict = "met" if (value >= bar if more_is_better else value <= bar) else "**not met**"
        measured = f"{value:.3g}" if value is not None else ""
        lines.append([what, f"{'>=' if more_is_better else '<='} {bar:g}", measured, verdict])
    return markdown(lines)
