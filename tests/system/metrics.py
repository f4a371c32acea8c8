#!/usr/bin/python3 -B
"""metrics.py - /metrics is what Prometheus' own checker accepts, and counts what has been sent. Needs promtool.

The last line is "N passed, N failed".
"""
import collections
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import known
import service

# Every refusal there is but that for want of a token and that of a draining server.
OPTIONS = ('--threads', '2', '--max-body', '2M', '--max-memory', '1M', '--request-timeout', '1s',
           '--max-connections', '20')


class Sender:
    """Sends requests, and adds up what the server ought to count."""

    def __init__(self, server):
        self.server = server
        self.requests = collections.Counter()
        self.refusals = collections.Counter()
        self.received = self.sent = self.elements = 0
        self.connection = server.connect()

    def send(self, method, path, body=b'', headers=None, status=200, route=None, label=None, elements=0):
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        content = response.read()
        assert response.status == status, f'{method} {path}: {response.status} {content[:200]}'
        self.requests[(label or method, route or path, status)] += 1
        self.received += len(body)
        self.sent += len(content)
        self.elements += elements
        return content

    def send_all(self):
        """Requests of every kind: route, method, status."""
        for wanted in known.small() * 2:
            elements = wanted.body.split(b']')[0].count(b',') + 1
            wanted.check(200, self.send('POST', '/mse', wanted.body, elements=elements))
        for wanted in known.malformed():
            wanted.check(wanted.status, self.send('POST', '/mse', wanted.body, status=wanted.status))
        for path in ('/healthz', '/readyz', '/openapi.yaml'):
            self.send('GET', path)
            self.send('HEAD', path)
            self.send('OPTIONS', path, status=204)
        self.send('GET', '/nowhere', status=404, route='none')
        self.send('GET', '/mse"\n\\{}'.replace('\n', '%0A'), status=404, route='none')
        self.send('GET', '/mse', status=405)
        self.send('BREW', '/mse', status=405, label='other')
        self.send('POST', '/mse', b'{}', {'Accept': 'text/html'}, 406)
        self.send('POST', '/mse', b'{}', {'Content-Type': 'text/plain'}, 415)
        many = b'[' + b','.join([b'1'] * 100_000) + b']'
        self.send('POST', '/mse', b'{"predictions":%b,"targets":%b}' % (many, many), status=503)
        self.refusals['memory'] += 1

    def send_too_much(self):
        """Answers that cost the connection."""
        self.connection.putrequest('POST', '/mse')
        self.connection.putheader('Content-Length', str((2 << 20) + 1))
        self.connection.endheaders()
        response = self.connection.getresponse()
        self.sent += len(response.read())
        assert response.status == 413
        self.requests['POST', '/mse', 413] += 1
        self.refusals['body'] += 1
        self.send('GET', '/healthz', headers={'X-Long': 'x' * 40_000}, status=431)
        self.refusals['headers'] += 1

    def overrun(self):
        """A request that never ends; it gets a 408, over TLS its connection just ends."""
        host, port = self.server.address.rsplit(':', 1)
        with socket.create_connection((host, int(port)), service.TIMEOUT) as line:
            line.sendall(b'POST /mse HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{')
            while line.recv(1000):
                pass
        self.received += 1
        self.requests['POST', '/mse', 408] += 1
        self.refusals['timeout'] += 1


def promtool(text):
    checked = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and checked.stdout + checked.stderr == '', checked.stdout + checked.stderr


def quiet(server):
    """The metrics, once the request for them is the only one under way; of bytes sent, those of other responses."""
    own = 0
    end = time.monotonic() + service.TIMEOUT
    while time.monotonic() < end:
        text = server.metrics_text()
        metrics = service.samples(text)
        metrics['mse_http_response_bytes_total'] -= own
        own += len(text)
        if metrics['mse_http_requests_in_flight'] == 1 and metrics['mse_connections'] == 1:
            return metrics
    raise AssertionError('requests or connections are still counted as open')


def counted(metrics):
    """Requests by method, route and status."""
    pattern = re.compile(r'mse_http_requests_total\{method="(.*)",route="(.*)",status="(.*)"\}')
    requests = {match.groups(): int(n) for name, n in metrics.items() if (match := pattern.fullmatch(name))}
    return {(method, route, int(status)): n for (method, route, status), n in requests.items() if route != '/metrics'}


def promtool_accepts_a_fresh_servers_metrics():
    with service.Service() as server:
        promtool(server.metrics_text())
        assert server.stop() == 0


def promtool_accepts_them_after_requests_of_every_kind():
    with service.Service(*OPTIONS) as server:
        sender = Sender(server)
        sender.send_all()
        sender.send_too_much()
        sender.overrun()
        promtool(server.metrics_text())
        sender.connection.close()
        assert server.stop() == 0


def promtool_would_complain():
    """It is no checker that accepts anything."""
    try:
        promtool('# TYPE mse_requests counter\nmse_requests{route="a\n} 1\n')
    except AssertionError:
        return
    raise AssertionError('promtool accepts nonsense')


def counts_are_what_was_sent():
    with service.Service(*OPTIONS) as server:
        sender = Sender(server)
        sender.send_all()
        sender.send_too_much()
        sender.overrun()
        sender.connection.close()
        metrics = quiet(server)
        assert counted(metrics) == sender.requests, f'{counted(metrics)} is not {dict(sender.requests)}'
        for reason, number in sender.refusals.items():
            assert metrics[f'mse_refusals_total{{reason="{reason}"}}'] == number, reason
        assert sum(n for name, n in metrics.items() if name.startswith('mse_refusals_total')) == len(sender.refusals)
        assert metrics['mse_http_request_bytes_total'] == sender.received
        assert metrics['mse_http_response_bytes_total'] == sender.sent
        assert metrics['mse_elements_total'] == sender.elements
        assert metrics['mse_tensor_memory_bytes'] == 0
        assert metrics['mse_tensor_memory_limit_bytes'] == 1 << 20
        assert metrics['mse_connections_limit'] == 20
        assert metrics['mse_connections_kept'] == 0
        assert server.stop() == 0


def histograms_count_every_request():
    with service.Service(*OPTIONS) as server:
        sender = Sender(server)
        sender.send_all()
        sender.connection.close()
        metrics = quiet(server)
        by_route = collections.Counter()
        for (_, route, _), number in sender.requests.items():
            by_route[route] += number
        for route, number in by_route.items():
            labels = f'route="{route}"'
            assert metrics[f'mse_http_request_duration_seconds_count{{{labels}}}'] == number, route
            assert metrics[f'mse_http_request_duration_seconds_bucket{{{labels},le="+Inf"}}'] == number, route
            assert metrics[f'mse_http_request_duration_seconds_sum{{{labels}}}'] > 0, route
        assert server.stop() == 0


if __name__ == '__main__':
    service.run([promtool_accepts_a_fresh_servers_metrics, promtool_accepts_them_after_requests_of_every_kind,
                 promtool_would_complain, counts_are_what_was_sent, histograms_count_every_request])
