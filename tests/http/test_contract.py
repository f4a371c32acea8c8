#!/usr/bin/python3
"""test_contract.py [--update] - the server and openapi.yaml say the same. For any running server.

Every example is tried as it stands, byte for byte; every response, to these and to many damaged requests, has a status,
a media type and headers that the contract lists for its operation, and a body that its schema describes. Reports as
cmocka does, so that tests/run counts it. The server is found as tests/support/service.h says.

--update: tests nothing, but puts the problems of a server of its own in place of the examples that differ from them.
"""
import contextlib
import decimal
import http.client
import json
import math
import os
import re
import signal
import socket
import struct
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
with open('tests/data/contract.yaml', encoding='utf-8') as file:
    REQUESTS = yaml.safe_load(file)
INFER = '/v2/models/mse/infer'
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
    """Sends a request and returns the response. The connection is kept if the response leaves it open."""
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


def template_of(path):
    """The path of the contract at which a request's path stands: one model, one version, one more slash."""
    path = urllib.parse.urlsplit(path).path
    if path == '/v2/':
        return '/v2'
    path = re.sub('^(/v2/models/[^/]+)/versions/[^/]+(?=/|$)', r'\1', path)
    return path if path in CONTRACT['paths'] else re.sub('^/v2/models/[^/]+', '/v2/models/{model}', path)


def operations_of(path):
    return CONTRACT['paths'].get(template_of(path), {})


def methods_of(path):
    """As Allow has them: HEAD is wherever GET is, and OPTIONS everywhere."""
    methods = [method.upper() for method in operations_of(path) if method != 'parameters']
    return ', '.join([*methods, *(['HEAD'] if 'GET' in methods else []), 'OPTIONS'])


def listed_response(method, path, status):
    """What the contract says of such a response."""
    operations = operations_of(path)
    if method == 'OPTIONS' and operations and status == 204:
        return {'headers': {'Allow': {'required': True, 'schema': {}}}}
    name = 'get' if method == 'HEAD' else method.lower()
    others = 'x-no-operation-v2' if re.match('/v2(/|$)', path) else 'x-no-operation'
    responses = operations[name]['responses'] if name in operations else CONTRACT[others]
    assert str(status) in responses, f'{method} {path} has no response {status}'
    assert status != 404 or not operations or '{model}' in template_of(path), f'{path} is there'
    assert status != 405 or operations, f'{path} is not there'
    return resolved(responses[str(status)])


def shape_of(numbers):
    return [len(numbers), *shape_of(numbers[0])] if isinstance(numbers, list) else []


def check_shape(numbers, shape):
    if shape:
        assert isinstance(numbers, list) and len(numbers) == shape[0], numbers
        for part in numbers:
            check_shape(part, shape[1:])
    else:
        assert isinstance(numbers, (int, float)), numbers


def check_shapes(result):
    """The arrays of a result have one rectangular shape, which the contract says in words only."""
    arrays = [numbers for numbers in (result['loss'], *result.get('gradients', {}).values()) if shape_of(numbers)]
    for array in arrays:
        check_shape(array, shape_of(arrays[0]))


def numbers_of(values, shape):
    """The next of the values, nested to the shape."""
    return [numbers_of(values, shape[1:]) for _ in range(shape[0])] if shape else next(values)


def check_file(file):
    """Returns the tensors of a safetensors file, which are as the contract says."""
    length, = struct.unpack_from('<Q', file)
    data, end, tensors = file[8 + length:], 0, {}
    assert length % 8 == 0
    for name, tensor in json.loads(file[8:8 + length]).items():
        assert tensor['dtype'] == 'F64' and tensor['data_offsets'] == [end, end + 8 * math.prod(tensor['shape'])]
        values = iter(struct.unpack_from(f"<{math.prod(tensor['shape'])}d", data, end))
        tensors[name] = numbers_of(values, tensor['shape'])
        end = tensor['data_offsets'][1]
    assert len(data) == end
    return tensors


def check_response(method, path, response):
    """The response is one that the contract lists."""
    listed = listed_response(method, path, response.status)
    allow = response.getheader('Allow')
    assert allow in (None, methods_of(path)), f'{method} {path} has Allow: {allow}'
    headers = {name: resolved(header) for name, header in listed.get('headers', {}).items()}
    for name, header in headers.items():
        value = response.getheader(name)
        if value is None:
            assert not header.get('required'), f'{response.status} has no {name}'
        else:
            check_schema(int(value) if header['schema'].get('type') == 'integer' else value, header['schema'])
    if method != 'HEAD':
        for name in ('Accept-Encoding', 'Accept-Post', 'Allow', 'Content-Encoding', 'Retry-After', 'Vary',
                     'WWW-Authenticate'):
            assert response.getheader(name) is None or name in headers, f'{response.status} has {name}'
    content = listed.get('content', {})
    if method == 'HEAD' or not content:
        assert response.body == b'', f'{method} {path} {response.status} has a body: {response.body}'
        return
    media_type = response.getheader('Content-Type')
    assert media_type in content, f'{response.status} is of the media type {media_type}'
    if media_type == 'application/safetensors':
        check_file(response.body)
        return
    if media_type.startswith(('application/yaml', 'application/octet-stream', 'text/plain')):
        return
    text = response.body.decode('utf-8')
    if media_type == 'application/x-ndjson':
        assert text.endswith('\n'), text
        for line in text.splitlines():
            result = json.loads(line)
            check_schema(result, {'$ref': f"#/components/schemas/{'Problem' if 'type' in result else 'MseResult'}"})
        return
    body = json.loads(text)
    check_schema(body, content[media_type]['schema'])
    if media_type == 'application/problem+json':
        assert body['status'] == response.status, text
    elif 'loss' in body:
        check_shapes(body)


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


def request_examples(path='/mse', media_type='application/json'):
    """The examples of requests, and those of their responses."""
    operation = operations_of(path)['post']
    return [node['content'][media_type]['examples']
            for node in (operation['requestBody'], operation['responses']['200'])]


def problem_examples():
    """Every example of a problem, by its name, with the statuses under which it stands."""
    responses = list(CONTRACT['x-no-operation'].items())
    for operations in CONTRACT['paths'].values():
        for name in operations.keys() - {'parameters'}:
            responses.extend(operations[name]['responses'].items())
    examples = {}
    for status, response in responses:
        content = resolved(response)['content'].get('application/problem+json', {})
        for name, example in content.get('examples', {}).items():
            examples.setdefault(name, (set(), resolved(example)['value']))[0].add(int(status))
    return examples


def text_of(parts):
    """A text, or a list of parts, in which [text, n] is n times the text."""
    if not isinstance(parts, list):
        return parts
    return ''.join(part if isinstance(part, str) else part[0] * part[1] for part in parts)


def send_example(connection, name):
    """The response to the request that belongs to this example, with that request's method and path."""
    request = REQUESTS[name]
    method, path = request.get('method', 'POST'), request.get('path', '/mse')
    headers = {name: text_of(value) for name, value in request.get('headers', {}).items()}
    return ask(connection, method, path, headers, text_of(request.get('body'))), method, path


def check_example(connection, name):
    response, method, path = send_example(connection, name)
    value = problem_examples()[name][1]
    assert response.body.decode() == json_text(value), f'{name}: {response.body.decode()}'
    assert response.status == value['status'], f'{name}: {response.status}'
    check_response(method, path, response)


# ---- the tests

def the_contract_is_served_as_it_stands(connection):
    response = ask(connection, 'GET', '/openapi.yaml')
    assert response.body.decode() == TEXT


def every_example_of_a_request_has_the_response_that_stands_there(connection):
    for path in ('/mse', '/mse/partial', INFER):
        requests, responses = request_examples(path)
        assert requests.keys() == responses.keys()
        for name, request in requests.items():
            body = json_text(request['value'])
            response = ask(connection, 'POST', path, {'Content-Type': 'application/json'}, body)
            check_response('POST', path, response)
            assert response.body.decode() == json_text(responses[name]['value']), f'{name}: {response.body.decode()}'


def every_example_of_a_merge_has_the_sum_that_stands_there(connection):
    operation = CONTRACT['paths']['/mse/merge']['post']
    requests = operation['requestBody']['content']['application/x-ndjson']['examples']
    sums = operation['responses']['200']['content']['application/json']['examples']
    assert requests.keys() == sums.keys()
    for name, request in requests.items():
        response = ask(connection, 'POST', '/mse/merge', {'Content-Type': 'application/x-ndjson'}, request['value'])
        check_response('POST', '/mse/merge', response)
        assert response.body.decode() == json_text(sums[name]['value']), f'{name}: {response.body.decode()}'


def every_example_of_lines_has_the_lines_that_stand_there(connection):
    media_type = 'application/x-ndjson'
    requests, responses = request_examples('/mse', media_type)
    assert requests.keys() == responses.keys()
    for name, request in requests.items():
        response = ask(connection, headers={'Content-Type': media_type}, body=request['value'])
        check_response('POST', '/mse', response)
        assert response.body.decode() == responses[name]['value'], f'{name}: {response.body.decode()}'


def every_example_of_a_request_has_the_same_numbers_as_a_file(connection):
    requests, responses = request_examples()
    for name, request in requests.items():
        headers = {'Content-Type': 'application/json', 'Accept': 'application/safetensors'}
        response = ask(connection, headers=headers, body=json_text(request['value']))
        check_response('POST', '/mse', response)
        assert response.getheader('Vary') == 'Accept'
        result = responses[name]['value']
        gradients = {f'gradients.{name}': numbers for name, numbers in result.get('gradients', {}).items()}
        assert check_file(response.body) == {'loss': result['loss'], **gradients}, name


def every_read_has_the_response_that_stands_there(connection):
    for path, operations in CONTRACT['paths'].items():
        for method in operations.keys() & {'get', 'post'}:
            operation = operations[method]
            content = operation['responses']['200']['content'].get('application/json', {})
            for example in content.get('examples', {}).values() if 'requestBody' not in operation else ():
                response = ask(connection, method.upper(), path.replace('{model}', 'mse'))
                assert response.body.decode() == json_text(example['value'])


def every_type_of_problem_has_an_example_and_a_request(_):
    types = CONTRACT['components']['schemas']['ProblemType']
    examples = problem_examples()
    assert [f'/problems/{name.lower().replace("_", "-")}' for name in types['x-enum-varnames']] == types['enum']
    assert {problem['type'] for _, problem in examples.values()} == set(types['enum'])
    assert examples.keys() == {*REQUESTS, 'internal-error'}  # no request makes a bug
    for name, (statuses, problem) in examples.items():
        assert problem['type'] == f'/problems/{name}' and problem['status'] in statuses, name
        assert f"- `{problem['type']}`, {problem['status']}: " in types['description'], name


def every_example_of_a_problem_is_the_response_to_its_request(connection, use=check_example):
    for name, request in REQUESTS.items():
        if 'server' not in request:
            use(connection, name)


def every_example_of_a_server_with_options_is_its_response(_, use=check_example):
    for name, request in REQUESTS.items():
        if isinstance(request.get('server'), list):
            with own_server(*request['server']) as (_, address):
                other, connection = (http.client.HTTPConnection(address, timeout=TIMEOUT) for _ in range(2))
                assert ask(other, 'GET', '/healthz').status == 200
                use(connection, name)


def a_server_that_drains_responds_as_its_example_says(_, use=check_example):
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
        check_response('GET', '/readyz', response)
        use(idle, 'draining')
        busy.send(b'{"predictions":[1],"targets":[0]}')
        response = busy.getresponse()
        response.body = response.read()
        check_response('POST', '/mse', response)
        process.wait(TIMEOUT)


def every_method_of_every_path_responds_as_listed(connection):
    paths = [path.replace('{model}', 'mse') for path in CONTRACT['paths']]
    paths += [path.replace('/mse', '/mse/versions/1', 1) for path in paths if path.startswith('/v2/models/mse')]
    paths += ['/v2/', '/v2/nowhere', '/v2/models/other', '/v2/models/mse/versions/2/infer', '/v2/models/x/y/z']
    for path in [*paths, '/nowhere', '/mse?a=b', '/healthz?', '/openapi.yaml?x']:
        for method in ('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'):
            for accept in ('*/*', 'application/json', 'application/safetensors', 'application/yaml', 'text/html'):
                response = ask(connection, method, path, {'Accept': accept})
                check_response(method, path, response)


def damaged(text):
    """Bodies near a good one: cut, with a byte missing, and with another one in its place."""
    for i in range(len(text) + 1):
        yield text[:i]
        yield text[:i] + text[i + 1:]
        for c in (b'"', b'\\', b'[', b']', b'{', b'}', b',', b':', b'-', b'0', b'9', b'e', b' ', b'\0', b'\xff'):
            yield text[:i] + c + text[i + 1:]
            yield text[:i] + c + text[i:]


def every_damaged_request_gets_a_response_that_is_listed(connection):
    operation = CONTRACT['paths']['/mse/merge']['post']
    merges = operation['requestBody']['content']['application/x-ndjson']['examples']
    bodies = {path: [json_text(request_examples(path)[0][name]['value']) for name in names]
              for path, names in {'/mse': ['weighted', 'none', 'loss-only', 'shard'], '/mse/partial': ['weighted'],
                                  INFER: ['mean']}.items()}
    for path, texts in {**bodies, '/mse/merge': [merges['two']['value']]}.items():
        statuses = set()
        for text in texts:
            for body in damaged(text.encode()):
                response = ask(connection, 'POST', path, body=body)
                check_response('POST', path, response)
                statuses.add(response.status)
        assert statuses == {200, 400, 422}


TESTS = [
    the_contract_is_served_as_it_stands,
    every_example_of_a_request_has_the_response_that_stands_there,
    every_example_of_lines_has_the_lines_that_stand_there,
    every_example_of_a_merge_has_the_sum_that_stands_there,
    every_example_of_a_request_has_the_same_numbers_as_a_file,
    every_read_has_the_response_that_stands_there,
    every_type_of_problem_has_an_example_and_a_request,
    every_example_of_a_problem_is_the_response_to_its_request,
    every_method_of_every_path_responds_as_listed,
    every_damaged_request_gets_a_response_that_is_listed,
]
TESTS_OF_OWN_SERVER = [
    every_example_of_a_server_with_options_is_its_response,
    a_server_that_drains_responds_as_its_example_says,
]


# ---- --update

def value_nodes(node):
    """Each example of a problem: its name, and the line and column at which its value's key stands."""
    if isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from value_nodes(part)
    elif isinstance(node, yaml.MappingNode):
        for key, part in node.value:
            if key.value in REQUESTS and isinstance(part, yaml.MappingNode) and part.value[0][0].value == 'value':
                start = part.value[0][0].start_mark
                yield key.value, start.line, start.column
            yield from value_nodes(part)


def update():
    """Puts what a server responds in place of the examples that differ from it, and names them."""
    problems = {}

    def note(connection, name):
        problems[name] = json.loads(send_example(connection, name)[0].body)

    with own_server() as (_, address):
        every_example_of_a_problem_is_the_response_to_its_request(http.client.HTTPConnection(address), note)
    for test in TESTS_OF_OWN_SERVER:
        test(None, note)
    lines = TEXT.splitlines(keepends=True)
    for name, first, column in reversed(list(value_nodes(yaml.compose(TEXT)))):
        last = first + 1
        while last < len(lines) and lines[last].startswith(' ' * (column + 1)):
            last += 1
        problem = problem_examples()[name][1]
        if json_text(problem) != json_text(problems[name]):
            value = {'value': problems[name]}
            text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100 - column)
            lines[first:last] = [' ' * column + line for line in text.splitlines(keepends=True)]
            print(f'{FILE}: {name}')
    with open(FILE, 'w', encoding='utf-8') as file:
        file.writelines(lines)


# ---- running

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
    if sys.argv[1:] == ['--update']:
        return update()
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
