#!/usr/bin/python3
"""test_scale_out.py - what docs/scale-out.md says is so. For any running server.

Its commands print what stands below them; and its way to add partials in Python agrees with POST /mse/merge over the
whole range. Reports as cmocka does, so that tests/run counts it. The server is found as tests/support/service.h says.
"""
import contextlib
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import traceback
import urllib.parse
from fractions import Fraction

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import service

FILE = 'docs/scale-out.md'
IN_THE_TEXT = 'http://127.0.0.1:8080'
with open(FILE, encoding='utf-8') as file:
    TEXT = file.read()


def blocks(language):
    return re.findall(rf'^```{language}\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL)


def commands():
    """Each command, and what it prints."""
    for block in blocks('console'):
        for command in re.split(r'^\$ ', block, flags=re.MULTILINE)[1:]:
            lines = command.splitlines(keepends=True)
            length = 1
            while length < len(lines) and lines[length].startswith('> '):
                length += 1
            yield lines[0] + ''.join(line[2:] for line in lines[1:length]), ''.join(lines[length:])


def every_command_prints_what_stands_below_it(address):
    with tempfile.TemporaryDirectory() as folder:
        with open(f'{folder}/add.py', 'w', encoding='utf-8') as file:
            file.write(blocks('python')[0])
        for command, printed in commands():
            command = command.replace(IN_THE_TEXT, f'http://{address}').replace('curl ', 'curl -sS ')
            result = subprocess.run(['bash', '-c', command], cwd=folder, capture_output=True, text=True, check=True)
            assert result.stdout.rstrip('\n') == printed.rstrip('\n'), f'{command}{result.stdout}{result.stderr}'


def text_of(number):
    """As a partial has it."""
    if number == 0:
        return '0x0p+0'
    exponent = -(number.denominator.bit_length() - 1)
    digits = number.numerator
    while digits % 2 == 0:
        digits //= 2
        exponent += 1
    return f'{digits:#x}p{exponent:+d}'


def rounded(number):
    """The nearest double, as JSON has it; None beyond the largest."""
    try:
        return float(number)
    except OverflowError:
        return None


def fractions_of_python_add_up_to_the_bits_of_a_merge(address):
    numbers = random.Random(1)
    connection = http.client.HTTPConnection(address)
    for _ in range(300):
        elements, weight_sum, loss_sum, lines = 0, Fraction(0), Fraction(0), []
        for _ in range(numbers.randrange(1, 20)):
            count = numbers.randrange(1, 2 ** numbers.randrange(1, 59))
            weight = numbers.getrandbits(60) * Fraction(2) ** numbers.randrange(-1074, 963)
            loss = numbers.getrandbits(200) * Fraction(2) ** numbers.randrange(-3222, 2873) * (weight > 0)
            if numbers.randrange(2):
                loss = numbers.getrandbits(200) * Fraction(2) ** -104 * (weight > 0)
            lines.append(f'{{"elements":{count},"weight_sum":"{text_of(weight)}","loss_sum":"{text_of(loss)}"}}\n')
            elements, weight_sum, loss_sum = elements + count, weight_sum + weight, loss_sum + loss
        connection.request('POST', '/mse/merge', ''.join(lines), {'Content-Type': 'application/x-ndjson'})
        response = connection.getresponse()
        text = response.read()
        assert response.status == 200, text
        merged = json.loads(text)
        for name in ('mean', 'sum'):  # their digits may end in zeros that stand for other digits
            if merged[name] is not None:
                merged[name] = float(merged[name])
        partial = {'elements': elements, 'weight_sum': text_of(weight_sum), 'loss_sum': text_of(loss_sum)}
        mean = rounded(loss_sum / weight_sum) if weight_sum > 0 else None
        assert merged == {'mean': mean, 'sum': rounded(loss_sum), 'partial': partial}, ''.join(lines)


TESTS = [every_command_prints_what_stands_below_it, fractions_of_python_add_up_to_the_bits_of_a_merge]


@contextlib.contextmanager
def server():
    if 'MSE_URL' in os.environ:
        yield urllib.parse.urlsplit(os.environ['MSE_URL']).netloc
    else:
        with service.Service() as own:
            yield own.address


def main():
    failed = 0
    with server() as address:
        for test in TESTS:
            try:
                test(address)
                print(f'[       OK ] {test.__name__}')
            except Exception:  # a test may fail in any way
                traceback.print_exc(file=sys.stdout)
                print(f'[  FAILED  ] {test.__name__}')
                failed += 1
    print(f'[  PASSED  ] {len(TESTS) - failed} test(s).')
    if failed:
        print(f'[  FAILED  ] {failed} test(s).')
    return failed


sys.exit(main())
