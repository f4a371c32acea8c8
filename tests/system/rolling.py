#!/usr/bin/python3 -B
"""rolling.py - servers are stopped under steady load from 64 kept connections, and no request is lost. Needs haproxy.

Behind HAProxy, with deploy/haproxy.cfg, two instances are restarted in turn: no client notices. Straight to one server,
every request that it has accepted is answered in full. The last line is "N passed, N failed".
"""
import collections
import http.client
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import known
import service

CLIENTS = 64
PAUSE = 0.02  # seconds between two requests of a client: some 3000 requests a second at most
ROUNDS = 3  # how often each instance is restarted
BUFFER = 15_000  # bytes of a body that HAProxy surely holds, and so can send again
STOPS = 5  # how often a server without HAProxy is stopped


class Clients:
    """Clients that send requests, each on one kept connection, until they are stopped."""

    def __init__(self, address, bodies):
        self.address = address
        self.answered = 0
        self.failures = []
        self._bodies = itertools.cycle(bodies)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _call(self):
        connection = http.client.HTTPConnection(self.address, timeout=service.TIMEOUT)
        connection.connect()
        sock = connection.sock
        while not self._stopped.wait(PAUSE):
            with self._lock:
                wanted = next(self._bodies)
            try:
                connection.request('POST', '/mse', wanted.body)
                response = connection.getresponse()
                wanted.check(response.status, response.read())
                assert connection.sock is sock, 'the connection is not kept'
            except Exception as error:  # whatever went wrong is reported
                self.failures.append(f'{type(error).__name__}: {error}')
                connection = http.client.HTTPConnection(self.address, timeout=service.TIMEOUT)
                connection.connect()
                sock = connection.sock
                continue
            with self._lock:
                self.answered += 1

    def report(self):
        """Fails where a request has failed."""
        print(f'{self.answered} requests through HAProxy during {2 * ROUNDS} restarts, {len(self.failures)} failed')
        assert not self.failures, '\n'.join(self.failures[:5])

    def more(self, number):
        """Waits until so many more requests have been answered."""
        goal = self.answered + number
        service.until(lambda: self.answered >= goal, 'requests are not answered any more')


# ---- behind HAProxy

def free_address():
    with socket.socket() as line:
        line.bind(('127.0.0.1', 0))
        return f'127.0.0.1:{line.getsockname()[1]}'


class Cluster:
    """HAProxy, as deploy/haproxy.cfg says but for addresses and its own socket, in front of two instances."""

    def __init__(self, folder):
        self.front, *self.addresses = (free_address() for _ in range(3))
        self.socket = os.path.join(folder, 'admin.sock')
        self.servers = [self._start(i) for i in range(2)]
        with open(os.path.join(folder, 'haproxy.cfg'), 'w', encoding='utf-8') as file:
            file.write(self._configuration())
        self._log = open(os.path.join(folder, 'log'), 'wb')
        self._haproxy = subprocess.Popen([*service.BOUND, '/usr/sbin/haproxy', '-db', '-f', file.name], stderr=self._log)
        service.until(lambda: os.path.exists(self.socket), 'HAProxy does not start')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._haproxy.terminate()
        self._haproxy.wait()
        self._log.close()
        for server in self.servers:
            server.__exit__()

    def _configuration(self):
        with open('deploy/haproxy.cfg', encoding='utf-8') as file:
            text = file.read()
        documented = ('127.0.0.1:8080', '127.0.0.1:8081', '127.0.0.1:8082', '/run/haproxy/admin.sock')
        for name, own in zip(documented, (self.front, *self.addresses, self.socket)):
            assert text.count(name) == 1, f'{name} is not in deploy/haproxy.cfg'
            text = text.replace(name, own)
        return text

    def _start(self, i):
        return service.Service('--threads', '1', listen=self.addresses[i])

    def tell(self, command):
        """Says something to HAProxy, which has nothing to object."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(self.socket)
            line.sendall(command.encode() + b'\n')
            response = line.recv(1000).strip()
            assert response == b'', response

    def await_work(self):
        """Waits until HAProxy sends requests to both instances."""
        for server in self.servers:
            service.until(lambda: server.metrics().get(REQUESTS, 0) >= 50, 'an instance gets no requests')

    def restart(self, i, clients):
        """Stops an instance, and starts it when the other one has done all the work for a while."""
        assert self.servers[i].stop() == 0, ''.join(self.servers[i].log)
        clients.more(200)
        self.servers[i] = self._start(i)


NAMES = 'ab'  # of the instances, in deploy/haproxy.cfg
REQUESTS = 'mse_http_requests_total{method="POST",route="/mse",status="200"}'


def roll(bodies, announce):
    """Restarts the instances in turn under load; announce(cluster, i) comes before each stop."""
    with tempfile.TemporaryDirectory() as folder, Cluster(folder) as cluster:
        with Clients(cluster.front, bodies) as clients:
            for _ in range(ROUNDS):
                for i in range(2):
                    cluster.await_work()
                    announce(cluster, i)
                    cluster.restart(i, clients)
                    cluster.tell(f'set server instances/{NAMES[i]} state ready')
            cluster.await_work()
        clients.report()
        for server in cluster.servers:
            assert server.stop() == 0


def a_restart_behind_haproxy_fails_no_request():
    bodies = [body for body in known.small() + known.malformed() if len(body.body) < BUFFER]
    roll(bodies, lambda cluster, i: None)


def a_restart_that_haproxy_knows_of_fails_no_request_of_any_size():
    def announce(cluster, i):
        cluster.tell(f'set server instances/{NAMES[i]} state drain')
        service.until(lambda: cluster.servers[i].metrics()['mse_http_requests_in_flight'] == 1, 'requests do not end')

    roll(known.small() * 3 + known.large()[:2], announce)


# ---- straight to one server

CONTINUE = b'HTTP/1.1 100 Continue\r\n\r\n'


class Client(threading.Thread):
    """Sends requests on one connection until it closes, and counts what becomes of them."""

    def __init__(self, server, bodies, waits, signalled):
        super().__init__()
        host, port = server.address.rsplit(':', 1)
        self.line = socket.create_connection((host, int(port)), service.TIMEOUT)
        self.bodies = itertools.cycle(bodies)
        self.waits = waits  # for leave to send the body, which says that the request is accepted
        self.signalled = signalled  # set just before the signal is sent
        self.seen = collections.Counter()
        self.failure = None

    def run(self):
        try:
            while self._exchange(next(self.bodies)):
                time.sleep(PAUSE)
        except Exception as error:  # whatever went wrong is reported
            self.failure = f'{type(error).__name__}: {error}'
        self.line.close()

    def _exchange(self, wanted):
        """One request. Whether there can be another."""
        try:
            is_early, is_accepted = self._send(wanted)
            first = self.line.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            is_early, first = not self.signalled.is_set(), b''
        if first == b'':
            assert not is_early, 'a request that came before the signal was not answered'
            self.seen['closed before a response'] += 1
            return False
        response = http.client.HTTPResponse(self.line, method='POST')
        response.begin()
        body = response.read()  # its length is known: a truncated one is an error
        is_last = response.getheader('Connection') == 'close'
        if response.status == 503:
            assert not is_accepted, 'a request that was accepted was refused'
            assert b'/problems/draining' in body and is_last and int(response.getheader('Retry-After')) > 0, body
            self.seen['told to go elsewhere'] += 1
        else:
            wanted.check(response.status, body)
            self.seen['answered'] += 1
            self.seen['under way at the signal'] += is_accepted and self.signalled.is_set()
        assert not is_last or self.signalled.is_set(), 'a connection was closed before the signal'
        assert not is_last or self.line.recv(1) == b'', 'a connection was not closed'
        return not is_last

    def _send(self, wanted):
        """Sends a request: whether it was on its way before the signal, and accepted before it."""
        head = b'POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n' % len(wanted.body)
        if not self.waits:
            self.line.sendall(head + b'\r\n' + wanted.body)
            return not self.signalled.is_set(), False
        self.line.sendall(head + b'Expect: 100-continue\r\n\r\n')
        is_early = not self.signalled.is_set()
        if self.line.recv(13, socket.MSG_PEEK | socket.MSG_WAITALL) != CONTINUE[:13]:
            return is_early, False
        is_accepted = not self.signalled.is_set()
        assert self.line.recv(len(CONTINUE), socket.MSG_WAITALL) == CONTINUE
        self.line.sendall(wanted.body)
        return is_early, is_accepted


def stop_under_load(small, large):
    """What became of the requests to a server that is stopped while all clients send theirs."""
    signalled = threading.Event()
    with service.Service('--threads', '2') as server:
        clients = [Client(server, large if i % 8 == 0 else small, i % 2 == 0, signalled) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        service.until(lambda: all(client.seen['answered'] > 0 or client.failure for client in clients), 'no responses')
        signalled.set()
        assert server.stop() == 0, ''.join(server.log)
        for client in clients:
            client.join()
        failures = [client.failure for client in clients if client.failure]
        assert not failures, f'{len(failures)} clients failed: ' + '; '.join(failures[:5])
        return sum((client.seen for client in clients), collections.Counter())


def a_stop_under_load_loses_no_accepted_request():
    small, large = known.small() + known.malformed(), known.large()[:2]
    seen = sum((stop_under_load(small, large) for _ in range(STOPS)), collections.Counter())
    print(f'{STOPS} stops:', ', '.join(f'{number} {what}' for what, number in seen.items()))
    assert seen['under way at the signal'] > 0, 'nothing was under way'
    assert seen['told to go elsewhere'] > 0, 'no request came late'


if __name__ == '__main__':
    service.run([a_stop_under_load_loses_no_accepted_request, a_restart_behind_haproxy_fails_no_request,
                 a_restart_that_haproxy_knows_of_fails_no_request_of_any_size])
