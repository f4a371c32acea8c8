"""report.py - what was measured as Markdown: the table of peers, the table of micro programs, and what must hold."""
import os
import platform
import re
import statistics
import subprocess

from measure import CONNECTIONS, LARGE_CALLERS, LARGEST, SIZES
from picture import duration
from peers import ROOT

SMALL = SIZES[0]


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


def ratio(ours, theirs):
    """The median of the rounds' ratios: what disturbs a round disturbs both."""
    both = [a / b for a, b in zip(ours, theirs)]
    return statistics.median(both) if both else None


def peers_table(peers, results):
    """results: (peer's key, load) -> a value a round. Beside each time, in brackets, that of the transport is 1."""
    loads = [("many", SMALL)] + [("one", size) for size in SIZES]
    heads = [f"{SMALL} elements, {CONNECTIONS} callers"] + [f"{size:,}, one caller" for size in SIZES]
    rows = [["elements in a request"] + heads + ["memory, bytes an element"], ["---"] + ["---:"] * (len(heads) + 1)]
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
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def micro_table(measured):
    rows = ["| program | what | measured |", "| --- | --- | ---: |"]
    for name, values in measured.items():
        if values is None:
            rows.append(f"| {name} | not built | |")
        else:
            rows += [f"| {name} | {what} | {value:g} {unit} |" for what, (value, unit) in values.items()]
    return "\n".join(rows)


def bars(results, measured):
    """Rows of what must hold: text, bar, value or None, whether more is better."""

    def against(other, load):
        return ratio(results.get(("service", load), []), results.get((other, load), []))

    def micro(program, ours, theirs=None):
        values = measured.get(program) or {}
        if ours not in values or (theirs is not None and theirs not in values):
            return None
        return values[ours][0] / (values[theirs][0] if theirs else 1)

    memory = results.get(("service", "memory"))
    yield f"{LARGEST:,} elements, time against the transport alone", 1.8, against("transport", ("one", LARGEST)), False
    rate = f"{SMALL} elements, requests a second against"
    yield f"{rate} the transport alone", 0.88, against("transport", ("many", SMALL)), True
    yield f"{rate} nginx, a ready answer", 1.0, against("nginx", ("many", SMALL)), True
    yield f"bytes an element above idle at {LARGEST:,} elements", 20, memory and statistics.median(memory), False
    yield (
        f"p99 of {SMALL} elements while {LARGE_CALLERS} callers post {LARGEST:,}, against its own without", 10,
        ratio(results.get(("service", "loaded"), []), results.get(("service", "alone"), [])), False,
    )


def bars_table(rows):
    lines = ["| what must hold | bar | measured | |", "| --- | ---: | ---: | --- |"]
    for what, bar, value, more_is_better in rows:
        sign = ">=" if more_is_better else "<="
        if value is None:
            lines.append(f"| {what} | {sign} {bar:g} | | not measured |")
        else:
            met = value >= bar if more_is_better else value <= bar
            lines.append(f"| {what} | {sign} {bar:g} | {value:.3g} | {'met' if met else '**not met**'} |")
    return "\n".join(lines)
