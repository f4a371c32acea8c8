#!/usr/bin/env python3
"""run.py - measures the service beside its peers, in turn and in rounds, and prints tables of medians and ratios.

Everything runs on the loopback interface and on free ports, and leaves only files in build/bench, except that a full
run writes docs/speed.svg. Run it through `make bench` or `make bench-quick`, which build what it needs.
"""
import argparse
import dataclasses
import json
import signal
import statistics
import sys
import time

import binary
import measure
import picture
import report
from measure import LARGEST, SIZES
from peers import ROOT, WORK, all_peers, check_same_transport, service

SMALL = SIZES[0]
HELD_AGAINST = ("service", "transport", "nginx")
MICRO = ("numerics", "decimal", "json_reader")


@dataclasses.dataclass
class Plan:
    rounds: int
    many_seconds: int  # wrk takes whole seconds
    one_seconds: float  # a client's, unless its first response takes longer
    few_rounds: int  # for peers against which nothing must hold, which are slow, and for requests under load


FULL = Plan(rounds=7, many_seconds=3, one_seconds=1.0, few_rounds=3)
QUICK = Plan(rounds=3, many_seconds=1, one_seconds=0.4, few_rounds=1)


def say(text):
    """Progress: one line that changes at a terminal, a line each elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
    else:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def ready_answers():
    """The service's own answers: what the peers that compute nothing are to return."""
    say("asking the service for its answers")
    answers = {}
    peer = service().start()
    for size in SIZES:
        answers[size] = WORK / f"answer-{size}.json"
        answers[size].write_bytes(measure.first_response(peer, size))
    peer.stop()
    return answers


def check_answer(peer, expected):
    """A peer that answers something else is no peer. Sums in another order may differ in their last digits."""
    answer = json.loads(measure.first_response(peer, SMALL))
    for ours, theirs in ((expected["loss"], answer["loss"]),
                         *zip(expected["gradients"]["targets"], answer["gradients"]["targets"])):
        if abs(ours - theirs) > 1e-12 * abs(ours):
            raise RuntimeError(f"{peer.label} answers {theirs} for {ours}")


def measure_memory(peers, results):
    """Of fresh processes, each alone."""
    for peer in peers:
        if not peer.answers(LARGEST):
            continue
        say(f"memory: {peer.label}")
        peer.start()
        measure.first_response(peer, SMALL)
        results[peer.key, "memory"] = [measure.memory_an_element(peer)]
        peer.stop()


def measure_round(peers, plan, results, progress):
    """Each load in turn, and for each load each peer in turn."""
    for load in [("many", SMALL)] + [("one", size) for size in SIZES]:
        kind, size = load
        for peer in peers:
            if not peer.answers(size):
                continue
            say(f"{progress}: {size:,} elements, {kind}: {peer.label}")
            if kind == "many":
                value = measure.many_clients(peer, size, plan.many_seconds)["rate"]
            else:
                client = measure.curl_client if size >= measure.CURL_FROM else measure.one_client
                value = client(peer, size, plan.one_seconds)
            results.setdefault((peer.key, load), []).append(value)


def measure_under_load(peers, plan, results):
    """The slowest hundredth of small requests without and with large ones beside them."""
    for turn in range(plan.few_rounds):
        for peer in peers:
            say(f"small requests beside large ones, {turn + 1} of {plan.few_rounds}: {peer.label}")
            alone = measure.many_clients(peer, SMALL, plan.many_seconds)["p99"]
            loaded = measure.slowest_hundredth_under_load(peer, SMALL, plan.many_seconds)
            results.setdefault((peer.key, "alone"), []).append(alone)
            results.setdefault((peer.key, "loaded"), []).append(loaded)


def measure_compression(peer, plan, results):
    """The largest request plain and compressed, and zlib's own part in it."""
    for turn in range(plan.rounds):
        say(f"compressed requests, {turn + 1} of {plan.rounds}")
        results.setdefault("plain", []).append(measure.curl_client(peer, LARGEST, plan.one_seconds))
        results.setdefault("gzip", []).append(measure.curl_client(peer, LARGEST, plan.one_seconds, is_zipped=True))
        results.setdefault("inflate", []).append(measure.inflate(LARGEST))


def measure_lines(peer, plan, results):
    """Losses per second as lines of one request and as requests of their own, in turn."""
    for turn in range(plan.rounds):
        say(f"{measure.LINES:,} lines in a request, {turn + 1} of {plan.rounds}: {peer.label}")
        single = measure.many_clients(peer, SMALL, plan.many_seconds)["rate"]
        lines = measure.lines_rate(peer, SMALL, plan.many_seconds)
        results.setdefault((peer.key, "single"), []).append(single)
        results.setdefault((peer.key, "lines"), []).append(lines)


def measure_peers(plan, results):
    answers = ready_answers()
    expected = json.loads(answers[SMALL].read_text())
    peers = all_peers(answers)
    measure_memory(peers, results)
    for peer in peers:
        say(f"starting {peer.label}")
        peer.start()
        check_answer(peer, expected)
    for turn in range(plan.rounds):
        those = [peer for peer in peers if turn < plan.few_rounds or peer.key in HELD_AGAINST]
        first = turn % len(those)
        measure_round(those[first:] + those[:first], plan, results, f"round {turn + 1} of {plan.rounds}")
    measure_under_load(peers[:2], plan, results)
    measure_compression(peers[0], plan, results)
    measure_lines(peers[0], plan, results)
    for peer in peers:
        peer.stop()
    for key in binary.FORMATS:
        say(f"{LARGEST:,} elements, {key}")
        binary.measure_binary(key, plan.rounds, plan.one_seconds, results)
    return peers


def write_picture(peers, results):
    series = {}
    for peer in peers:
        times = {size: results.get((peer.key, ("one", size))) for size in SIZES}
        series[peer.label] = {size: statistics.median(values) for size, values in times.items() if values}
    (ROOT / "docs" / "speed.svg").write_text(picture.draw(series, report.machine()))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--quick", action="store_true", help="fewer and shorter rounds; no picture")
    is_quick = arguments.parse_args().quick
    plan = QUICK if is_quick else FULL
    WORK.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: stopped"))  # so that the peers end, too

    results = {}
    start = time.monotonic()
    check_same_transport()
    peers = measure_peers(plan, results)
    micro = {}
    for name in MICRO:
        say(f"micro: {name}")
        micro[name] = measure.micro(name)
    say(f"measured in {time.monotonic() - start:.0f} s")

    text = "\n\n".join([
        f"{report.machine()}\n{report.versions()}", report.peers_table(peers, results),
        report.tail_table(peers, results), report.lines_table(peers[0], results), *(report.micro_table(*pair) for pair in micro.items()),
        report.bars_table(report.bars(results, micro)),
    ])
    print(f"\n{text}")
    (WORK / "speed.md").write_text(text + "\n")
    if not is_quick:
        write_picture(peers, results)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, KeyboardInterrupt) as problem:
        sys.exit(f"\nbench: {problem or 'stopped'}")
