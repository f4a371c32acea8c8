"""peers.py - the service and those it is held against: how each is started, looked into and stopped."""
import atexit
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench"
THREADS = len(os.sched_getaffinity(0))
START_SECONDS = 30


class Peer:
    """A server on a free port of the loopback interface, in processes of its own, which end with this one."""

    def __init__(self, key, label, command, sizes=None, path="/mse"):
        self.key = key
        self.label = label
        self.command = command  # port -> list of words
        self.sizes = sizes  # those it can answer; None: all
        self.path = path  # "{}" is the place of a size's index
        self.process = None
        self.port = None

    def answers(self, size):
        return self.sizes is None or size in self.sizes

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with open(WORK / f"{self.key}.log", "w") as log:
            self.process = subprocess.Popen(
                self.command(self.port), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
            )
        atexit.register(self.stop)
        deadline = time.monotonic() + START_SECONDS
        while not self.is_listening():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.label} does not start: see {log.name}")
            time.sleep(0.02)
        return self

    def is_listening(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def pids(self):
        """The process and its descendants."""
        found = [self.process.pid]
        for pid in found:
            for children in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        return found

    def memory(self, field):
        """Bytes of all processes together: VmRSS, what is resident; VmHWM, the most that was."""
        total = 0
        for pid in self.pids():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += 1024 * int(re.search(rf"^{field}:\s*(\d+) kB", status, re.M)[1])
        return total


def program(name):
    return str(WORK / name)


def uvicorn(module):
    def command(port):
        python = ["/usr/bin/python3", "-m", "uvicorn", "--app-dir", "bench", f"{module}:app"]
        return python + ["--port", str(port), "--workers", str(THREADS), "--no-access-log", "--log-level", "warning"]

    return command


def nginx(answer):
    def command(port):
        folder = WORK / "nginx"
        folder.mkdir(exist_ok=True)
        text = (ROOT / "bench" / "nginx.conf").read_text()
        for name, value in {"PORT": port, "WORKERS": THREADS, "ANSWER": answer.read_text()}.items():
            text = text.replace(f"@{name}@", str(value))
        (folder / "nginx.conf").write_text(text)
        return ["/usr/sbin/nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]

    return command


def service():
    server = str(ROOT / "build" / "mse-server")
    return Peer("service", "mse-server", lambda port: [server, "--listen", f"127.0.0.1:{port}"])


def all_peers(answers):
    """The service first, the transport second. answers: size -> the file that holds the service's answer."""
    ready = [str(file) for file in answers.values()]
    smallest = min(answers)
    threads = str(THREADS)
    return [
        service(),
        Peer("transport", "the transport alone",
             lambda port: [program("transport"), str(port), threads, *ready], path="/mse/{}"),
        Peer("nginx", "nginx, a ready response", nginx(answers[smallest]), sizes={smallest}),
        Peer("obvious", "libmicrohttpd + cJSON", lambda port: [program("obvious"), str(port), threads]),
        Peer("starlette", f"Starlette + NumPy, {threads} workers", uvicorn("starlette_app")),
        Peer("fastapi", f"FastAPI + NumPy, {threads} workers", uvicorn("fastapi_app")),
    ]


def settings(file):
    """What a file tells libmicrohttpd at its start, less encryption and the functions to call."""
    text = (ROOT / file).read_text()
    flags = re.search(r"unsigned flags =\s+([^;]*);", text)[1]
    pool = re.search(r"#define POOL_SIZE (.*)", text)[1]
    return flags.split(), pool.split(), set(re.findall(r"MHD_OPTION_(?:CONNECTION|THREAD|LISTEN)\w+", text))


def check_same_transport():
    """The transport alone is measured with the service's own settings, or not at all."""
    if settings("server/net/daemon.c") != settings("bench/peer.c"):
        raise RuntimeError("bench/peer.c sets libmicrohttpd up otherwise than server/net/daemon.c does")
