"""service.py - the server under test, started, asked and stopped by a test in Python. $MSE_SERVER names the binary.

Also counts what such a test has checked. Knows nothing of what the server computes.
"""
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import traceback

TIMEOUT = 120  # seconds; ends a test that hangs, nothing waits for it otherwise


def samples(metrics_text):
    """Every sample's value by its name and labels, as they are written."""
    lines = (line.rsplit(' ', 1) for line in metrics_text.splitlines() if not line.startswith('#'))
    return {name: float(value) for name, value in lines}


def until(condition, complaint):
    """Waits until the condition holds."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, complaint
        time.sleep(0.02)


# What starts a program that ends with this one, however this one ends.
BOUND = ('setpriv', '--pdeathsig', 'KILL')


class Service:
    """A server of our own. Leaving the context kills it where the test has not stopped it.

    trust: the ssl.SSLContext for a server that has a certificate.
    """

    def __init__(self, *options, listen='127.0.0.1:0', trust=None):
        command = [*BOUND, os.environ['MSE_SERVER'], '--listen', listen, *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline()
        assert 'listening on ' in first, f'the server did not start: {first}'
        self.address = first.split('listening on ')[1].split(',')[0]
        self._trust = trust
        self.log = []
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def connect(self):
        """A connection for requests, kept as long as both sides wish."""
        if self._trust is not None:
            return http.client.HTTPSConnection(self.address, timeout=TIMEOUT, context=self._trust)
        return http.client.HTTPConnection(self.address, timeout=TIMEOUT)

    def line(self):
        """A connection for bytes, over TLS after the handshake."""
        host, port = self.address.rsplit(':', 1)
        line = socket.create_connection((host, int(port)), TIMEOUT)
        return line if self._trust is None else self._trust.wrap_socket(line, server_hostname=host)

    def metrics_text(self):
        connection = self.connect()
        connection.request('GET', '/metrics')
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def metrics(self):
        return samples(self.metrics_text())

    def resident(self):
        """Bytes, counted page by page: what the kernel keeps as a sum is late by some pages a thread."""
        with open(f'/proc/{self.process.pid}/smaps_rollup', encoding='ascii') as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith('Rss:'))

    def wait(self):
        """The exit status, once it has ended."""
        status = self.process.wait(TIMEOUT)
        self._reader.join()
        self.process.stderr.close()
        return status

    def stop(self):
        self.process.terminate()
        return self.wait()


def run(tests):
    """Runs the tests, each a function without arguments, and exits with a count."""
    failed = 0
    for test in tests:
        try:
            test()
            print(f'[       OK ] {test.__name__}', flush=True)
        except Exception:  # a test may fail in any way
            traceback.print_exc(file=sys.stdout)
            print(f'[  FAILED  ] {test.__name__}', flush=True)
            failed += 1
    print(f'{len(tests) - failed} passed, {failed} failed')
    sys.exit(failed > 0)
