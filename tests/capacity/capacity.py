#!/usr/bin/python3 -B
"""capacity.py - what 10,000 idle connections cost, and that others are served beside them. The last line is "N passed,
N failed".
"""
import http.client
import os
import resource
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import known
import service

CONNECTIONS = 10_000
RESIDENT_MAX = 150_000_000  # bytes of the whole process, with so many idle connections

# Of the server, beside its connections: see OTHER_DESCRIPTORS in server/main.c. This program needs fewer.
OTHER_DESCRIPTORS = 1000

OTHERS = 200  # requests of somebody else, each on a connection of its own


class Caller:
    """Has one connection, on which it sends its next request as long as the server keeps it; else it connects again."""

    def __init__(self, server):
        host, port = server.address.rsplit(':', 1)
        self._address = host, int(port)
        self.kept = True  # the first connection, so far
        self.line = self._connect()

    def _connect(self):
        return socket.create_connection(self._address, service.TIMEOUT)

    def ask(self, wanted):
        """Sends a request, which must get the right answer."""
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


def crowd(server, name, use):
    """So many callers, each of whom is let use its connection, and then has one that is idle. Prints what they cost."""
    empty = server.resident()
    callers = [Caller(server) for _ in range(CONNECTIONS)]
    for caller in callers:
        use(caller)
    service.until(lambda: server.metrics()['mse_connections'] == CONNECTIONS + 1, 'connections are missing')
    full = server.resident()
    print(f'{name}: {full / 1e6:.1f} MB resident, {(full - empty) / CONNECTIONS:.0f} bytes a connection, '
          f'{sum(caller.kept for caller in callers)} of {CONNECTIONS} kept')
    return callers, full


def serve_others(server):
    for wanted in known.small() * (OTHERS // len(known.small())):
        other = Caller(server)
        other.ask(wanted)
        other.close()


def ten_thousand_connections_that_never_asked_cost_little_and_others_are_served():
    allow_descriptors()
    with service.Service('--max-connections', str(CONNECTIONS + 100)) as server:
        callers, resident = crowd(server, 'connections without a request', lambda caller: None)
        assert resident < RESIDENT_MAX
        serve_others(server)
        for caller in callers:
            caller.close()
        assert server.stop() == 0


def ten_thousand_connections_that_were_answered_cost_little_and_nobody_fails():
    allow_descriptors()
    wanted = known.small()[1]
    with service.Service('--max-connections', str(CONNECTIONS + 100)) as server:
        callers, resident = crowd(server, 'connections that were answered', lambda caller: caller.ask(wanted))
        kept = server.metrics()['mse_connections_kept']
        assert resident < RESIDENT_MAX
        assert kept == server.metrics()['mse_connections_kept_limit'] == sum(caller.kept for caller in callers)
        serve_others(server)
        for caller in callers:
            caller.ask(wanted)
            caller.close()
        assert server.stop() == 0


def one_used_page_makes_no_other_resident():
    """Whatever the machine does with huge pages, which would multiply the figures above."""
    with service.Service() as server, open(f'/proc/{server.process.pid}/status', encoding='ascii') as file:
        assert 'THP_enabled:\t0\n' in file.readlines()


if __name__ == '__main__':
    service.run([ten_thousand_connections_that_never_asked_cost_little_and_others_are_served,
                 ten_thousand_connections_that_were_answered_cost_little_and_nobody_fails,
                 one_used_page_makes_no_other_resident])
