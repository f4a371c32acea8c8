#!/usr/bin/python3 -B
"""soak.py SECONDS - keeps a server under mixed load for so long, and looks at what it holds then.

Clients that send small, large and malformed requests, on connections that are kept and that are not; clients that go
away half-way, that drip, that read slowly, and that never come to an end. Every response is checked against the known
right one. A first fifth of the time warms the server up; the last line is "N passed, N failed".
"""
import collections
import http.client
import itertools
import os
import random
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import known
import service

WORKERS = 14
PAUSE = 0.1  # seconds at most between two requests of a worker: the load is bounded

# A request that is still coming in after this time is overdue. Others take a fraction of it.
REQUEST_TIMEOUT = 10

# Bytes by which resident memory may be more at the end than after the warm-up, idle both times: the heaps of threads that
# met at a higher peak. Ten minutes are 60,000 requests, of which none may leave as much as the smallest block, 24 bytes.
ALLOWANCE = 1 << 20

RETURN_TIME = 30  # seconds in which what was aborted must have been given back


class Load:
    """Workers that send requests until they are stopped."""

    def __init__(self, address):
        host, port = address.rsplit(':', 1)
        self.address = host, int(port)
        self.kinds = collections.Counter()
        self.failures = []
        self.small, self.large, self.malformed = known.small(), known.large(), known.malformed()
        self.all = self.small + self.large + self.malformed
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._seeds = itertools.count(1)

    def run(self, seconds):
        """Loads the server for so long; returns when no worker has a connection any more."""
        self._stopped.clear()
        workers = [threading.Thread(target=self._work, args=(next(self._seeds),)) for _ in range(WORKERS)]
        workers.append(threading.Thread(target=self._never_end))
        for worker in workers:
            worker.start()
        time.sleep(seconds)
        self._stopped.set()
        for worker in workers:
            worker.join()

    def _note(self, kind):
        with self._lock:
            self.kinds[kind] += 1

    def _attempt(self, kind, request, *arguments):
        """One request of a kind, noted as sent; what is wrong with its response is a failure. false: it is."""
        try:
            request(*arguments)
            self._note(kind)
            return True
        except Exception as error:  # whatever went wrong is reported
            self.failures.append(f'{kind}: {type(error).__name__}: {error}')
            return False

    def _work(self, seed):
        chance = random.Random(seed)
        kept = None
        kinds = [('small', 40), ('malformed', 25), ('once', 10), ('large', 8), ('chunked', 4), ('aborted', 6),
                 ('response aborted', 3), ('dripping', 2), ('slow reader', 2)]
        names, weights = zip(*kinds)
        while not self._stopped.is_set():
            kind = chance.choices(names, weights)[0]
            if kind in ('small', 'malformed', 'large', 'chunked'):
                kept = kept or http.client.HTTPConnection(*self.address, timeout=service.TIMEOUT)
                bodies = self.all if kind == 'chunked' else getattr(self, kind)
                if not self._attempt(kind, self._ask, kept, chance.choice(bodies), kind == 'chunked') or \
                        chance.random() < 0.02:
                    kept.close()
                    kept = None
            else:
                self._attempt(kind, getattr(self, '_' + kind.replace(' ', '_')), chance)
            self._stopped.wait(chance.uniform(0, PAUSE))
        if kept:
            kept.close()

    # ---- clients that behave

    @staticmethod
    def _ask(connection, wanted, chunked=False):
        if chunked:
            step = max(1, len(wanted.body) // 7)
            pieces = (wanted.body[i:i + step] for i in range(0, len(wanted.body), step))
            connection.request('POST', '/mse', pieces, {'Transfer-Encoding': 'chunked'}, encode_chunked=True)
        else:
            connection.request('POST', '/mse', wanted.body)
        sock = connection.sock
        response = connection.getresponse()
        wanted.check(response.status, response.read())
        # Below libmicrohttpd 1.0 a chunked request is the last of its connection, and the response says so.
        is_last = chunked and response.getheader('Connection') == 'close'
        assert connection.sock is sock or is_last, 'the connection is not kept'

    def _once(self, chance):
        connection = http.client.HTTPConnection(*self.address, timeout=service.TIMEOUT)
        wanted = chance.choice(self.all)
        connection.request('POST', '/mse', wanted.body, {'Connection': 'close'})
        response = connection.getresponse()
        wanted.check(response.status, response.read())
        assert connection.sock is None, 'the connection is not closed'
        connection.close()

    # ---- clients that do not

    def _connect(self, receive_buffer=0):
        line = socket.socket()
        line.settimeout(service.TIMEOUT)
        if receive_buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        line.connect(self.address)
        return line

    @staticmethod
    def _text(wanted):
        return b'POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n' % len(wanted.body) + wanted.body

    @staticmethod
    def _read(line, wanted):
        response = http.client.HTTPResponse(line, method='POST')
        response.begin()
        wanted.check(response.status, response.read())
        response.close()

    @staticmethod
    def _go_away(line, chance):
        if chance.random() < 0.5:  # by a reset
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        line.close()

    def _aborted(self, chance):
        text = self._text(chance.choice(self.all))
        line = self._connect()
        line.sendall(text[:chance.randrange(len(text))])
        time.sleep(chance.uniform(0, PAUSE))
        self._go_away(line, chance)

    def _response_aborted(self, chance):
        line = self._connect(receive_buffer=8192)
        line.sendall(self._text(chance.choice(self.large)))
        assert line.recv(chance.randrange(20, 20000)).startswith(b'HTTP/1.1 200 ')
        self._go_away(line, chance)

    def _dripping(self, chance):
        """Some bytes at a time, for about a second: slow, but in time."""
        wanted = chance.choice(self.small + self.malformed)
        text = self._text(wanted)
        step = len(text) // 40 + 1
        line = self._connect()
        for i in range(0, len(text), step):
            line.sendall(text[i:i + step])
            time.sleep(0.025)
        self._read(line, wanted)
        line.close()

    def _slow_reader(self, chance):
        wanted = chance.choice(self.large)
        line = self._connect(receive_buffer=8192)
        line.sendall(self._text(wanted))
        time.sleep(chance.uniform(0.5, 1.5))
        self._read(line, wanted)
        line.close()

    def _never_end(self):
        while not self._stopped.is_set():
            self._attempt('overdue', self._overdue)

    def _overdue(self):
        """A byte now and then, for longer than a request may take: 408."""
        line = self._connect()
        start = time.monotonic()
        line.sendall(b'POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n[')
        line.settimeout(0.5)
        response = b''
        while time.monotonic() < start + service.TIMEOUT:
            try:
                line.sendall(b' ')
                response = line.recv(1000)
                break
            except TimeoutError:
                if self._stopped.is_set():
                    break
            except ConnectionError:  # it was closed before the byte was sent, and the response lost with that
                response = b'HTTP/1.1 408 '
        line.close()
        if not self._stopped.is_set():
            assert response.startswith(b'HTTP/1.1 408 '), f'a client without end got {response}'
            assert time.monotonic() >= start + REQUEST_TIMEOUT, 'a client without end was given up early'


# ---- what the server holds

HELD = ('process_open_fds', 'mse_connections', 'mse_http_requests_in_flight', 'mse_tensor_memory_bytes')


def held(server):
    metrics = server.metrics()
    return {name: int(metrics[name]) for name in HELD}


def given_back(server, before):
    """What the server holds, once it is what it held before, or the time for that is over."""
    end = time.monotonic() + RETURN_TIME
    while (now := held(server)) != before and time.monotonic() < end:
        time.sleep(0.1)
    return now


class Watch(threading.Thread):
    """Resident memory under load, looked at each second."""

    def __init__(self, server):
        super().__init__()
        self.server, self.seen, self.ended = server, [], threading.Event()

    def run(self):
        while not self.ended.wait(1):
            self.seen.append(self.server.resident())

    def quarters(self):
        """The highest of each quarter of the time, in MB."""
        n = len(self.seen)
        parts = [self.seen[n * i // 4:n * (i + 1) // 4] for i in range(4)]
        return ', '.join(f'{max(part) / 1e6:.1f}' for part in parts if part)


def soak(seconds):
    """The promises, as tests on what came of the soak."""
    server = service.Service('--threads', '2', '--request-timeout', f'{REQUEST_TIMEOUT}s')
    load = Load(server.address)
    before = held(server)
    start = time.monotonic()
    load.run(seconds / 5)
    given_back(server, before)
    warm = server.resident()
    watch = Watch(server)
    watch.start()
    load.run(seconds * 4 / 5)
    watch.ended.set()
    watch.join()
    after = given_back(server, before)
    cold = server.resident()
    metrics = server.metrics()
    status = server.stop()

    answered = sum(v for k, v in metrics.items() if k.startswith('mse_http_requests_total') and 'route="/mse"' in k)
    print(f'{time.monotonic() - start:.0f} s: {answered:.0f} requests, {metrics["mse_elements_total"]:.0f} elements, '
          f'{metrics["mse_http_request_bytes_total"] / 1e6:.0f} MB in, '
          f'{metrics["mse_http_response_bytes_total"] / 1e6:.0f} MB out, '
          f'{metrics["process_cpu_seconds_total"]:.0f} s of processor time')
    print('clients:', ', '.join(f'{kind} {count}' for kind, count in load.kinds.most_common()))
    print(f'resident memory: {warm / 1e6:.2f} MB after the warm-up, {cold / 1e6:.2f} MB at the end '
          f'({cold - warm:+d} bytes, {ALLOWANCE} allowed); highest in each quarter of the load: {watch.quarters()} MB')
    print('before:', before)
    print('after: ', after)

    def every_client_got_the_right_response():
        assert not load.failures, f'{len(load.failures)} failures:\n' + '\n'.join(load.failures[:20])

    def every_kind_of_client_was_there():
        assert len(load.kinds) == 10, load.kinds

    def resident_memory_is_flat():
        assert cold - warm <= ALLOWANCE

    def descriptors_connections_and_tensors_are_given_back():
        assert after == before

    def it_stops_with_0():
        assert status == 0, f'exit status {status}: {"".join(server.log)}'

    return [every_client_got_the_right_response, every_kind_of_client_was_there, resident_memory_is_flat,
            descriptors_connections_and_tensors_are_given_back, it_stops_with_0]


if __name__ == '__main__':
    service.run(soak(float(sys.argv[1])))
