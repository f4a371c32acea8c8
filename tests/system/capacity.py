#!/usr/bin/python3 -B
"""capacity.py - what idle connections cost, 10,000 in the clear and 2,000 over TLS, what a small request waits beside a
large one, and that it is served beside either. No time is judged, but printed. The last line is "N passed, N failed".
"""
import contextlib
import http.client
import os
import random
import resource
import select
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import known
import service

CONNECTIONS = 10_000
RESIDENT_MAX = 150_000_000  # bytes of the whole process, with so many idle connections

# Over TLS, of which this program holds its own end. Bytes of the process for each, nearly all of them GnuTLS', of which
# 3.7.9 takes 11,400 here; and how much larger the process may be when as many have gone and come again.
TLS_CONNECTIONS = 2_000
TLS_CONNECTION_MAX = 20_000
TLS_AGAIN_MAX = 1.1

# Of the server, beside its connections: see OTHER_DESCRIPTORS in server/main.c. This program needs fewer.
OTHER_DESCRIPTORS = 1000

OTHERS = 200  # requests of somebody else, each on a connection of its own

# Of a large request; while it is computed, so many small ones must be answered. Its numbers are so far apart that nearly
# all gradients take the long way.
ELEMENTS = 4_000_000
RESPONSES_MIN = 100

# Small requests after which the server has surely read what the kernel held of a large one: at each turn half a pool.
TURNS = 1000


class Client:
    """Has one connection, on which it sends its next request as long as the server keeps it; else it connects again."""

    def __init__(self, server):
        self._connect = server.line
        self.kept = True  # the first connection, so far
        self.line = self._connect()

    def ask(self, wanted):
        """Sends a request, which must get the right response."""
        self.line.sendall(b'POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n' % len(wanted.body) + wanted.body)
        with http.client.HTTPResponse(self.line, method='POST') as response:
            response.begin()
            wanted.check(response.status, response.read())
            if response.will_close:
                self.line.close()
                self.line = self._connect()
                self.kept = False

    def close(self):
        self.line.close()


def allow_descriptors():
    """As many as the connections need, here and in the server, which inherits the limit."""
    needed = CONNECTIONS + OTHER_DESCRIPTORS
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert hard == resource.RLIM_INFINITY or hard >= needed, \
        f'{CONNECTIONS} connections need {needed} descriptors, and the system allows {hard}: raise `ulimit -Hn`'
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def crowd(server, count, use):
    """So many clients, each of which uses its connection, and then has one that is idle."""
    clients = [Client(server) for _ in range(count)]
    for client in clients:
        use(client)
    service.until(lambda: server.metrics()['mse_connections'] == count + 1, 'connections are missing')
    return clients


def leave(server, clients):
    for client in clients:
        client.close()
    service.until(lambda: server.metrics()['mse_connections'] == 1, 'connections are left')


def measure(server, name, clients, empty):
    """Prints what the clients cost a server that was so large without them, and returns how large it is."""
    full = server.resident()
    print(f'{name}: {full / 1e6:.1f} MB resident, {(full - empty) / len(clients):.0f} bytes a connection, '
          f'{sum(client.kept for client in clients)} of {len(clients)} kept')
    return full


def serve_others(server):
    for wanted in known.small() * (OTHERS // len(known.small())):
        other = Client(server)
        other.ask(wanted)
        other.close()


def ten_thousand_connections_that_never_asked_cost_little_and_others_are_served():
    allow_descriptors()
    with service.Service('--max-connections', str(CONNECTIONS + 100)) as server:
        empty = server.resident()
        clients = crowd(server, CONNECTIONS, lambda client: None)
        assert measure(server, 'connections without a request', clients, empty) < RESIDENT_MAX
        serve_others(server)
        for client in clients:
            client.close()
        assert server.stop() == 0


def ten_thousand_connections_that_were_answered_cost_little_and_none_fails():
    allow_descriptors()
    wanted = known.small()[1]
    with service.Service('--max-connections', str(CONNECTIONS + 100)) as server:
        empty = server.resident()
        clients = crowd(server, CONNECTIONS, lambda client: client.ask(wanted))
        assert measure(server, 'connections that were answered', clients, empty) < RESIDENT_MAX
        kept = server.metrics()['mse_connections_kept']
        assert kept == server.metrics()['mse_connections_kept_limit'] == sum(client.kept for client in clients)
        serve_others(server)
        for client in clients:
            client.ask(wanted)
            client.close()
        assert server.stop() == 0


@contextlib.contextmanager
def certificate():
    """Options for a server that has one, and what trusts it."""
    with tempfile.TemporaryDirectory() as folder:
        chain, key = os.path.join(folder, 'certificate.pem'), os.path.join(folder, 'key.pem')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1',
                        '-keyout', key, '-out', chain], check=True, capture_output=True)
        yield ('--tls-cert', chain, '--tls-key', key), ssl.create_default_context(cafile=chain)


def tls_connections_that_never_asked_cost_little_and_leave_room_for_the_next():
    with certificate() as (options, trust), service.Service(*options, trust=trust) as server:
        empty = server.resident()
        clients = crowd(server, TLS_CONNECTIONS, lambda client: None)
        full = measure(server, 'TLS connections without a request', clients, empty)
        assert full - empty < TLS_CONNECTIONS * TLS_CONNECTION_MAX
        serve_others(server)
        leave(server, clients)
        print(f'without them: {server.resident() / 1e6:.1f} MB resident')

        clients = crowd(server, TLS_CONNECTIONS, lambda client: None)
        assert measure(server, 'as many once more', clients, empty) < full * TLS_AGAIN_MAX
        leave(server, clients)
        assert server.stop() == 0


def one_used_pool_makes_no_other_resident():
    """As one would in a huge page, which holds some thirty, on a machine that gives them unasked."""
    with service.Service() as server:
        clients = [Client(server) for _ in range(200)]
        service.until(lambda: server.metrics()['mse_connections'] == len(clients) + 1, 'connections are missing')
        with open(f'/proc/{server.process.pid}/smaps', encoding='ascii') as file:
            eligible = [line.split()[1] for line in file if line.startswith('THPeligible:')]
        assert set(eligible) == {'0'}, eligible
        for client in clients:
            client.close()
        assert server.stop() == 0


def large_request():
    chance = random.Random(1)

    def array(low, high):
        block = ','.join(f'{chance.randint(1000, 9999)}e{chance.randint(low, high)}' for _ in range(ELEMENTS // 1000))
        return '[' + ','.join([block] * 1000) + ']'

    body = f'{{"predictions":{array(-300, 146)},"targets":{array(-300, 146)},"weights":{array(-300, 300)}}}'.encode()
    return b'POST /mse HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' % len(body) + body


class Stopwatch:
    """Asks small requests, one after the other, and keeps the time that each waits for its response."""

    def __init__(self, server):
        self._client, self._wanted = Client(server), known.small()[0]
        self._waits = []

    def ask(self):
        start = time.perf_counter()
        self._client.ask(self._wanted)
        self._waits.append(time.perf_counter() - start)

    def tell(self, when):
        """Prints the longest wait, begins anew, and returns the number of responses."""
        waits, self._waits = self._waits, []
        print(f'{when}: a small request waits {max(waits) * 1000:.2f} ms at most, '
              f'{sorted(waits)[len(waits) // 2] * 1000:.2f} ms mostly ({len(waits)} responses)')
        return len(waits)


def send_beside(line, text, watch):
    """Sends as much as the kernel takes at a time, and a small request in between."""
    rest = memoryview(text)
    line.setblocking(False)
    while rest:
        if select.select([], [line], [], 0)[1]:
            rest = rest[line.send(rest):]
        watch.ask()
    line.setblocking(True)


def read_beside(line, watch):
    """All that comes until the end, with a small request at every piece."""
    text = bytearray()
    while piece := line.recv(1 << 20):
        text += piece
        watch.ask()
    return text


def small_requests_are_answered_while_a_large_one_is_read_computed_and_written():
    text = large_request()
    with service.Service('--threads', '1') as server:
        watch, large = Stopwatch(server), Client(server)
        for _ in range(TURNS):
            watch.ask()
        watch.tell('alone')

        send_beside(large.line, text[:-1], watch)
        for _ in range(TURNS):
            watch.ask()
        watch.tell(f'while {ELEMENTS} elements are read')

        large.line.sendall(text[-1:])
        watch.ask()
        while not select.select([large.line], [], [], 0)[0]:
            watch.ask()
        responses = watch.tell('while they are computed')

        response = read_beside(large.line, watch)
        watch.tell('while their gradients are written')
        assert response.startswith(b'HTTP/1.1 200 ') and response.endswith(b'0\r\n\r\n'), response[:200]
        assert responses >= RESPONSES_MIN, f'{responses} small responses while a large one is computed'
        large.close()
        assert server.stop() == 0


if __name__ == '__main__':
    service.run([ten_thousand_connections_that_never_asked_cost_little_and_others_are_served,
                 ten_thousand_connections_that_were_answered_cost_little_and_none_fails,
                 tls_connections_that_never_asked_cost_little_and_leave_room_for_the_next,
                 one_used_pool_makes_no_other_resident,
                 small_requests_are_answered_while_a_large_one_is_read_computed_and_written])
