#!/usr/bin/python3
"""test_contract.py - the server and openapi.yaml say the same. For any running server.

Every example is tried as it stands, byte for byte; every answer, to these and to many damaged requests, has a status,
a media type and headers that the contract lists for its operation, and a body that its schema describes. Reports as
cmocka does, so that tests/run counts it. The server is found as tests/http/service.h says.
"""
import contextlib
import decimal
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
import urllib.parse

import jsonschema
import yaml

FILE = 'openapi.yaml'
with open(FILE, encoding='utf-8') as file:
    TEXT = file.read()
CONTRACT = yaml.safe_load(TEXT)
TIMEOUT = 120  # seconds; ends a test that hangs, nothing waits for it otherwise


# ---- the server

@contextlib.contextmanager
def own_server(*options):
    """A server of our own: its process and its address."""
    command = [os.environ['MSE_SERVER'], '--listen', '127.0.0.1:0', *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline()
            yield process, line.split('listening on ')[1].split(',')[0]
        finally:
            process.send_signal(signal.SIGTERM)
            log = process.communicate(timeout=TIMEOUT)[1]
            assert process.returncode == 0, f'exit status {process.returncode}: {log}'


def ask(connection, method='POST', path='/mse', headers=None, body=None):
    """Asks and returns the answer. The connection is kept where the answer leaves it open."""
    headers = dict(headers or {})
    connection.putrequest(method, path, skip_host='Host' in headers, skip_accept_encoding=True)
    if body is not None:
        body = body.encode() if isinstance(body, str) else body
        headers.setdefault('Content-Length', str(len(body)))
    for name, value in headers.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    response.body = response.read()
    return response


# ---- the contract

def resolved(node):
    """The node, or what its $ref names."""
    while '$ref' in node:
        target = CONTRACT
        for name in node['$ref'].removeprefix('#/').split('/'):
            target = target[name.replace('~1', '/').replace('~0', '~')]
        node = target
    return node


def check_schema(value, schema):
    jsonschema.Draft202012Validator({**schema, 'components': CONTRACT['components']}).validate(value)


def listed_answer(method, path, status):
    """What the contract says of such an answer."""
    operations = CONTRACT['paths'].get(urllib.parse.urlsplit(path).path, {})
    if method == 'HEAD' and 'get' in operations:
        listed_answer('GET', path, status)
        return resolved(operations['head']['responses']['default'])
    answers = operations[method.lower()]['responses'] if method.lower() in operations else CONTRACT['x-no-operation']
    if str(status) in answers:
        return resolved(answers[str(status)])
    default = resolved(answers.get('default', {}))
    assert status in default.get('x-statuses', []), f'{method} {path} has no answer {status}'
    return default


def check_answer(method, path, response):
    """The answer is one that the contract lists."""
    listed = listed_answer(method, path, response.status)
    headers = {name: resolved(header) for name, header in listed.get('headers', {}).items()}
    for name, header in headers.items():
        value = response.getheader(name)
        if value is None:
            assert not header.get('required'), f'{response.status} has no {name}'
        else:
            check_schema(int(value) if header['schema'].get('type') == 'integer' else value, header['schema'])
    if method != 'HEAD':
        for name in ('Allow', 'Retry-After', 'WWW-Authenticate'):
            assert response.getheader(name) is None or name in headers, f'{response.status} has {name}'
    content = listed.get('content', {})
    if method == 'HEAD' or not content:
        assert response.body == b'', f'{method} {path} {response.status} has a body: {response.body}'
        return
    media_type = response.getheader('Content-Type')
    assert media_type in content, f'{response.status} is of the media type {media_type}'
    text = response.body.decode('utf-8')
    if media_type.startswith(('application/yaml', 'text/plain')):
        check_schema(text, content[media_type]['schema'])
        return
    answer = json.loads(text)
    check_schema(answer, content[media_type]['schema'])
    if media_type == 'application/problem+json':
        assert answer['status'] == response.status, text


def number_text(number):
    """As ECMAScript writes it."""
    if number == 0:
        return '0'
    sign, digits, exponent = decimal.Decimal(repr(number)).normalize().as_tuple()
    digits = ''.join(map(str, digits))
    point = len(digits) + exponent
    if len(digits) <= point <= 21:
        text = digits + '0' * exponent
    elif 0 < point <= 21:
        text = digits[:point] + '.' + digits[point:]
    elif -6 < point <= 0:
        text = '0.' + '0' * -point + digits
    else:
        text = digits[0] + ('.' + digits[1:] if digits[1:] else '') + f'e{point - 1:+d}'
    return '-' * sign + text


def json_text(value):
    """Without white space, members in their order."""
    if isinstance(value, dict):
        return '{' + ','.join(json.dumps(k) + ':' + json_text(v) for k, v in value.items()) + '}'
    if isinstance(value, list):
        return '[' + ','.join(map(json_text, value)) + ']'
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_text(value)
    return json.dumps(value, ensure_ascii=False)


def request_examples():
    """The examples of requests, and those of answers."""
    operation = CONTRACT['paths']['/mse']['post']
    return [node['content']['application/json']['examples']
            for node in (operation['requestBody'], operation['responses']['200'])]


def problem_examples():
    """Every example of a problem, by its name, with the statuses under which it stands."""
    answers = list(CONTRACT['x-no-operation'].items())
    for operations in CONTRACT['paths'].values():
        for operation in operations.values():
            answers.extend(operation['responses'].items())
    examples = {}
    for status, answer in answers:
        answer = resolved(answer)
        statuses = answer.get('x-statuses', []) if status == 'default' else [int(status)]
        for name, example in answer.get('content', {}).get('application/problem+json', {}).get('examples', {}).items():
            examples.setdefault(name, (set(), example))[0].update(statuses)
    return examples


# ---- the tests

def the_contract_is_served_as_it_stands(connection):
    response = ask(connection, 'GET', '/openapi.yaml')
    assert response.body.decode() == TEXT


def every_example_of_a_request_has_the_answer_that_stands_there(connection):
    requests, answers = request_examples()
    assert requests.keys() == answers.keys()
    for name, request in requests.items():
        response = ask(connection, headers={'Content-Type': 'application/json'}, body=json_text(request['value']))
        check_answer('POST', '/mse', response)
        assert response.body.decode() == json_text(answers[name]['value']), f'{name}: {response.body.decode()}'


def every_read_has_the_answer_that_stands_there(connection):
    for path in ('/healthz', '/readyz'):
        response = ask(connection, 'GET', path)
        content = CONTRACT['paths'][path]['get']['responses']['200']['content']['application/json']
        for example in content['examples'].values():
            assert response.body.decode() == json_text(example['value'])


def every_type_of_problem_has_an_example(_):
    types = {row['const']: row['description'] for row in CONTRACT['components']['schemas']['ProblemType']['oneOf']}
    examples = problem_examples()
    assert {example['value']['type'] for _, example in examples.values()} == types.keys()
    for name, (statuses, example) in examples.items():
        problem = example['value']
        assert problem['type'] == f'/problems/{name}' and problem['status'] in statuses, name
        assert types[problem['type']].startswith(f"{problem['status']}. "), name


def text_of(parts):
    """A text, or a list of parts, in which [text, n] is n times the text."""
    if not isinstance(parts, list):
        return parts
    return ''.join(part if isinstance(part, str) else part[0] * part[1] for part in parts)


def check_problem(connection, name):
    _, example = problem_examples()[name]
    request = example['x-request']
    method, path = request.get('method', 'POST'), request.get('path', '/mse')
    headers = {name: text_of(value) for name, value in request.get('headers', {}).items()}
    response = ask(connection, method, path, headers, text_of(request.get('body')))
    assert response.body.decode() == json_text(example['value']), f'{name}: {response.body.decode()}'
    assert response.status == example['value']['status'], f'{name}: {response.status}'
    check_answer(method, path, response)


def every_example_of_a_problem_is_what_its_request_is_answered(connection):
    tried = 0
    for name, (_, example) in problem_examples().items():
        if 'x-request' in example and 'x-server' not in example:
            check_problem(connection, name)
            tried += 1
    assert tried >= 20


def every_example_of_a_server_with_options_is_what_it_answers(_):
    for name, (_, example) in problem_examples().items():
        if isinstance(example.get('x-server'), list):
            with own_server(*example['x-server']) as (_, address):
                other, connection = (http.client.HTTPConnection(address, timeout=TIMEOUT) for _ in range(2))
                assert ask(other, 'GET', '/healthz').status == 200
                check_problem(connection, name)


def a_server_that_drains_answers_as_its_example_says(_):
    with own_server() as (process, address):
        busy, idle, probe = (http.client.HTTPConnection(address, timeout=TIMEOUT) for _ in range(3))
        for connection in (idle, probe):
            assert ask(connection, 'GET', '/readyz').status == 200
        busy.putrequest('POST', '/mse')
        busy.putheader('Content-Length', '33')
        busy.putheader('Expect', '100-continue')
        busy.endheaders()
        leave = b'HTTP/1.1 100 Continue\r\n\r\n'
        assert busy.sock.recv(len(leave), socket.MSG_WAITALL) == leave  # so the request is under way
        process.send_signal(signal.SIGTERM)
        while (response := ask(probe, 'GET', '/readyz')).status == 200:
            pass
        check_answer('GET', '/readyz', response)
        check_problem(idle, 'draining')
        busy.send(b'{"predictions":[1],"targets":[0]}')
        response = busy.getresponse()
        response.body = response.read()
        check_answer('POST', '/mse', response)
        process.wait(TIMEOUT)


def every_method_of_every_path_answers_as_listed(connection):
    for path in [*CONTRACT['paths'], '/nowhere', '/mse?a=b', '/healthz?', '/openapi.yaml?x']:
        for method in ('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'):
            for accept in ('*/*', 'application/json', 'application/yaml', 'text/html'):
                response = ask(connection, method, path, {'Accept': accept})
                check_answer(method, path, response)


def damaged(text):
    """Bodies near a good one: cut, with a byte missing, and with another one in its place."""
    for i in range(len(text) + 1):
        yield text[:i]
        yield text[:i] + text[i + 1:]
        for c in (b'"', b'\\', b'[', b']', b'{', b'}', b',', b':', b'-', b'0', b'9', b'e', b' ', b'\0', b'\xff'):
            yield text[:i] + c + text[i + 1:]
            yield text[:i] + c + text[i:]


def every_damaged_request_is_answered_as_listed(connection):
    statuses = set()
    for name in ('weighted', 'none', 'loss-only'):
        for body in damaged(json_text(request_examples()[0][name]['value']).encode()):
            response = ask(connection, body=body)
            check_answer('POST', '/mse', response)
            statuses.add(response.status)
    assert statuses == {200, 400, 422}


TESTS = [
    the_contract_is_served_as_it_stands,
    every_example_of_a_request_has_the_answer_that_stands_there,
    every_read_has_the_answer_that_stands_there,
    every_type_of_problem_has_an_example,
    every_example_of_a_problem_is_what_its_request_is_answered,
    every_method_of_every_path_answers_as_listed,
    every_damaged_request_is_answered_as_listed,
]
TESTS_OF_OWN_SERVER = [
    every_example_of_a_server_with_options_is_what_it_answers,
    a_server_that_drains_answers_as_its_example_says,
]


def run(address, tests):
    """Runs the tests; the names of those that fail."""
    failed = []
    for test in tests:
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
        try:
            test(connection)
            print(f'[       OK ] {test.__name__}')
        except Exception:  # a test may fail in any way
            traceback.print_exc(file=sys.stdout)
            print(f'[  FAILED  ] {test.__name__}')
            failed.append(test.__name__)
        finally:
            connection.close()
    return failed


def main():
    if 'MSE_URL' in os.environ:
        tests = TESTS
        failed = run(urllib.parse.urlsplit(os.environ['MSE_URL']).netloc, tests)
    else:
        tests = TESTS + TESTS_OF_OWN_SERVER
        with own_server() as (_, address):
            failed = run(address, tests)
    print(f'[  PASSED  ] {len(tests) - len(failed)} test(s).')
    if failed:
        print(f'[  FAILED  ] {len(failed)} test(s).')
    return len(failed)


sys.exit(main())
