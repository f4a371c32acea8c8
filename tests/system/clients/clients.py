#!/usr/bin/python3 -B
"""clients.py - clients that are generated from the contract get from a server what it sends, to the last bit.

Each generator reads the document that the server serves, and each program beside this file makes the same calls through
one client. A program prints one line per call: its name and the result as JSON, or the pointer of a problem that it has
read by its type. Everything generated, and all packages, go to build/clients. Schemathesis, a client too, makes up its
requests.

The last line is "N passed, N failed".
"""
import http.client
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'support'))
import service

WORK = os.path.abspath('build/clients')
CONTRACT = os.path.join(WORK, 'openapi.yaml')
PREDICTIONS = [0.6964691855978616, 0.28613933495037946]
TARGETS = [0.22826323087895561, 0.29371404638882936]
CALLS = {
    'mean': {'predictions': PREDICTIONS, 'targets': TARGETS},
    'weighted': {'predictions': PREDICTIONS, 'targets': TARGETS, 'weights': [1, 0.3], 'reduction': 'sum',
                 'gradients': ['targets']},
    'none': {'predictions': PREDICTIONS, 'targets': TARGETS, 'reduction': 'none'},
    'nested': {'predictions': [PREDICTIONS, TARGETS], 'targets': [TARGETS, PREDICTIONS], 'reduction': 'none'},
    'refused': {'predictions': PREDICTIONS, 'targets': TARGETS[:1]},
}


def work_folder(name, *programs):
    """build/clients/NAME, with the programs in it."""
    folder = os.path.join(WORK, name)
    os.makedirs(folder, exist_ok=True)
    for program in programs:
        shutil.copy(os.path.join(HERE, program), folder)
    return folder


def run(folder, *command):
    """What the command prints; with all that it says if it fails."""
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f'{" ".join(command)}: {done.stdout}{done.stderr}'
    return done.stdout


def fetch(method, path, body=None):
    connection = http.client.HTTPConnection(ADDRESS, timeout=service.TIMEOUT)
    connection.request(method, path, body)
    return connection.getresponse().read().decode()


def numbers_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [number for part in value for number in numbers_of(part)] if isinstance(value, list) else [value]


def check(printed, calls=tuple(CALLS)):
    """The program has made the calls, and what it prints of each is what the server sends."""
    lines = [line.partition(' ')[::2] for line in printed.splitlines()]
    assert [name for name, _ in lines] == list(calls), printed
    for name, text in lines:
        response = json.loads(fetch('POST', '/mse', json.dumps(CALLS[name])))
        expected = response['pointer'] if name == 'refused' else response
        assert json.loads(text) == expected, f'{name}: {text} is not {expected}'
        # A number that has become a float on its way is printed with less than ten digits.
        assert name == 'refused' or all(len(repr(number)) > 16 for number in numbers_of(expected)), expected


def install_python_package(folder, package):
    run(folder, '/usr/bin/python3', '-m', 'venv', '.')
    run(folder, 'bin/pip', 'install', '--quiet', package)


def openapi_python_client():
    folder = work_folder('python', 'python_client.py', 'python_client.yaml')
    install_python_package(folder, 'openapi-python-client==0.29.1')
    # It warns of NDJSON and safetensors, which it does not know, and leaves them out.
    run(folder, 'bin/openapi-python-client', 'generate', '--path', CONTRACT, '--config', 'python_client.yaml',
        '--meta', 'none', '--output-path', 'mse_client', '--overwrite')
    check(run(folder, 'bin/python', 'python_client.py', URL))


def openapi_fetch_and_hey_api():
    folder = work_folder('node', 'package.json', 'tsconfig.json', 'openapi_fetch.ts', 'hey_api.ts')
    run(folder, 'npm', 'install', '--no-package-lock')
    run(folder, 'npx', 'openapi-typescript', CONTRACT, '--output', 'mse.ts')
    run(folder, 'npx', 'openapi-ts', '--input', CONTRACT, '--output', 'hey')
    run(folder, 'npx', 'tsc')
    check(run(folder, 'node', 'out/openapi_fetch.js', URL))
    check(run(folder, 'node', 'out/hey_api.js', URL))


def maven(*goals):
    run(WORK, 'mvn', '--quiet', '--batch-mode', '--file', os.path.join(HERE, 'pom.xml'), f'-Dwork={WORK}', *goals)


def openapi_generator_for_java():
    folder = work_folder('java')
    work_folder('java/example', 'JavaClient.java')
    maven('compile', 'dependency:build-classpath')
    with open(os.path.join(folder, 'classpath'), encoding='utf-8') as file:
        printed = run(folder, 'java', '-cp', f'classes:{file.read()}', 'JavaClient', URL)
    check(printed, [name for name in CALLS if name != 'nested'])


def openapi_generator_for_go():
    folder = work_folder('go', 'go_client.go')
    maven('generate-sources')
    with open(os.path.join(folder, 'go.mod'), 'w', encoding='ascii') as file:
        file.write('module clients\n')
    run(folder, 'go', 'build', '-o', 'go_client', '.')
    check(run(folder, './go_client', URL))


def schemathesis():
    """No request that it makes up gets a response that the contract does not list."""
    folder = work_folder('schemathesis', 'schemathesis_hooks.py')
    install_python_package(folder, 'schemathesis==4.32.5')
    # No schema says that two arrays have the same rectangular shape: the server refuses requests that the schema allows.
    run(folder, 'env', 'SCHEMATHESIS_HOOKS=schemathesis_hooks', 'bin/schemathesis', 'run', f'{URL}/openapi.yaml',
        '--exclude-checks', 'positive_data_acceptance', '--generation-deterministic')


with service.Service() as server:
    ADDRESS, URL = server.address, f'http://{server.address}'
    os.makedirs(WORK, exist_ok=True)
    for generated in ('go', 'java'):  # openapi-generator leaves what it generated before
        shutil.rmtree(os.path.join(WORK, generated), ignore_errors=True)
    with open(CONTRACT, 'w', encoding='utf-8') as document:
        document.write(fetch('GET', '/openapi.yaml'))
    service.run([openapi_python_client, openapi_fetch_and_hey_api, openapi_generator_for_java,
                 openapi_generator_for_go, schemathesis])
