"""known.py - bodies for POST /mse and the responses that are right for them.

The numbers are multiples of 2^-20, so that sums are exact in integers; a quotient of two integers is rounded once, to
the nearest double, by Python itself. The first response to a body is read and compared number for number; from then on
every response to it must be that one, byte for byte.
"""
import json
import random
import threading

UNIT = 1 << 20


class Known:
    """A body and its right response: what an response must hold, or the type of a problem and what else it must say."""

    def __init__(self, name, body, status, expected):
        self.name, self.body, self.status, self.expected = name, body, status, expected
        self._bytes = None
        self._lock = threading.Lock()

    def check(self, status, body):
        """Fails unless this is the right response."""
        assert status == self.status, f'{self.name}: status {status}: {body[:200]}'
        with self._lock:
            if self._bytes is None:
                self._read(body)
                self._bytes = body
        if body != self._bytes:
            at = next((i for i, (a, b) in enumerate(zip(body, self._bytes)) if a != b), min(len(body), len(self._bytes)))
            raise AssertionError(f'{self.name}: {len(body)} bytes, wrong from {at} on: {body[at:at + 60]}')

    def _read(self, body):
        response = json.loads(body)
        if self.status == 200:
            assert list(response) == list(self.expected) and response == self.expected, f'{self.name}: {body[:200]}'
        else:
            for member, value in self.expected.items():
                assert response.get(member) == value, f'{self.name}: {member} is not {value}: {body[:200]}'


def numbers(integers):
    return [integer / UNIT for integer in integers]


def right(name, n, seed, weighted=False, reduction='mean', gradients=('predictions', 'targets')):
    """A body of n elements."""
    chance = random.Random(seed)
    predictions = [chance.randint(-1000 * UNIT, 1000 * UNIT) for _ in range(n)]
    targets = [chance.randint(-1000 * UNIT, 1000 * UNIT) for _ in range(n)]
    weights = [chance.randint(1, 4 * UNIT) if weighted else UNIT for _ in range(n)]
    differences = [p - t for p, t in zip(predictions, targets)]
    losses = [w * d * d for w, d in zip(weights, differences)]
    slopes = [2 * w * d for w, d in zip(weights, differences)]
    if reduction == 'mean':
        total = sum(weights)
        loss, slopes = sum(losses) / (total * UNIT ** 2), [slope / (total * UNIT) for slope in slopes]
    else:
        loss = [one / UNIT ** 3 for one in losses] if reduction == 'none' else sum(losses) / UNIT ** 3
        slopes = [slope / UNIT ** 2 for slope in slopes]
    request = {'predictions': numbers(predictions), 'targets': numbers(targets)}
    if weighted:
        request['weights'] = numbers(weights)
    request |= {'reduction': reduction, 'gradients': list(gradients)}
    response = {'loss': loss}
    if gradients:
        signs = {'predictions': 1, 'targets': -1}
        response['gradients'] = {g: [signs[g] * slope for slope in slopes] for g in signs if g in gradients}
    return Known(name, json.dumps(request, separators=(',', ':')).encode(), 200, response)


def wrong(name, body, status, slug, **expected):
    """A body that is refused with a problem."""
    return Known(name, body.encode(), status, {'type': f'/problems/{slug}', 'status': status} | expected)


def small():
    return [right('one element', 1, 1), right('three', 3, 2), right('three, weighted', 3, 3, weighted=True),
            right('a sum', 20, 4, reduction='sum', gradients=('targets',)),
            right('a hundred losses', 100, 5, weighted=True, reduction='none'),
            right('a loss alone', 50, 6, gradients=())]


def large():
    return [right('1e5 elements', 100_000, 11), right('1e5, weighted', 100_000, 12, weighted=True),
            right('1e5 losses', 100_000, 13, reduction='none', gradients=('predictions',)),
            right('1e5, a loss alone', 100_000, 14, gradients=())]


def malformed():
    long = '[' + '1,' * 50_000
    return [wrong('no JSON', '{"predictions":[1,}', 400, 'malformed-json', offset=18),
            wrong('a text that ends early', '{"predictions":[1,2', 400, 'malformed-json', offset=19),
            wrong('a long text that ends early', '{"targets":' + long, 400, 'malformed-json', offset=11 + len(long)),
            wrong('a name given twice', '{"targets":[1],"targets":[1]}', 400, 'duplicate-member', offset=15),
            wrong('nothing', '', 400, 'malformed-json', offset=0),
            wrong('no targets', '{"predictions":[1]}', 422, 'missing-member'),
            wrong('a string among numbers', '{"predictions":[1,"2"],"targets":[1,2]}', 422, 'wrong-type',
                  pointer='/predictions/1'),
            wrong('one element more', '{"predictions":[1,2],"targets":[1]}', 422, 'shape-mismatch'),
            wrong('a number that no double holds', '{"predictions":[1e999],"targets":[1]}', 422, 'number-out-of-range'),
            wrong('an overflow', '{"predictions":[1e300],"targets":[0]}', 422, 'overflow')]
