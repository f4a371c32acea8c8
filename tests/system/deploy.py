"""deploy.py - what deploy/ has is understood by those who read it, and agrees with the program that it starts.

$MSE_SERVER names the binary, $MSE_INSTALLED the prefix it is installed to. Runs in a virtual environment that has
kubernetes-validate; needs systemd and npx. The last line is "N passed, N failed".
"""
import os
import re
import subprocess
import sys

import kubernetes_validate
import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import service

INSTALLED = os.environ['MSE_INSTALLED']
UNIT = f'{INSTALLED}/lib/systemd/system/mse-server.service'
UNITS = {'B': 1, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'Mi': 1 << 20, 'Gi': 1 << 30, 'g': 1 << 30, 's': 1, '': 1}

# In tenths of systemd's exposure level. What is left is that the service opens internet sockets on the machine's own
# network, for anybody, and sees the machine's root directory.
EXPOSURE = 11

# Where a pod's preStop may sleep.
KUBERNETES_MIN = (1, 30)

# Compose builds an image by the name that it then runs.
COMPOSE_RULES_NOT_KEPT = ['no-build-and-image']


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f'{" ".join(command)}: {done.returncode}\n{done.stdout}{done.stderr}'
    return done.stdout


def documents(name):
    with open(f'deploy/{name}', encoding='utf-8') as file:
        return list(yaml.safe_load_all(file))


def number(text):
    """A number with its unit, in bytes or seconds."""
    value, unit = re.fullmatch(r'(\d+)([a-zA-Z]*)', str(text)).groups()
    return int(value) * UNITS[unit]


def same(what, is_now, should_be):
    assert is_now == should_be, f'{what} is {is_now}, not {should_be}'


# ---- what is deployed

def default(option):
    """What --help says of an option."""
    return re.search(rf'^  --{option} .*\((.*)\)$', run(os.environ['MSE_SERVER'], '--help'), re.MULTILINE)[1]


def unit_settings():
    """The last value of each setting of the unit."""
    with open(UNIT, encoding='utf-8') as file:
        return dict(line.strip().split('=', 1) for line in file if re.match(r'[A-Z]\w*=', line))


def merged(base, patch):
    """As Kubernetes merges a patch into what there is: lists of objects by their names, or where they are mounted."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return base | {key: merged(base[key], value) if key in base else value for key, value in patch.items()}
    if isinstance(base, list) and isinstance(patch, list):
        key = 'mountPath' if 'mountPath' in patch[0] else 'name'
        items = {item[key]: item for item in base}
        for item in patch:
            items[item[key]] = merged(items.get(item[key], {}), item)
        return list(items.values())
    return patch


def deployments():
    """The deployment as it stands, and as it is with TLS."""
    plain = documents('kubernetes.yaml')[0]
    return [plain, merged(plain, documents('kubernetes-tls.yaml')[0])]


def container_of(deployment):
    containers = deployment['spec']['template']['spec']['containers']
    same('the number of containers', len(containers), 1)
    return containers[0]


def image(keyword):
    """What the Dockerfile says of the image, by the last line of a keyword."""
    with open('Dockerfile', encoding='utf-8') as file:
        return re.findall(rf'^{keyword} (.*)$', file.read(), re.MULTILINE)[-1]


def composed():
    """The service of Compose as it stands, and what it is given with TLS."""
    return [documents(name)[0]['services']['mse-server'] for name in ('compose.yaml', 'compose-tls.yaml')]


# ---- who reads it

def systemd_understands_the_unit():
    run('systemd-analyze', 'verify', '--man=no', UNIT)


def the_unit_is_exposed_no_more_than_it_must_be():
    run('systemd-analyze', 'security', '--no-pager', '--offline=true', f'--threshold={EXPOSURE}', UNIT)


def every_kubernetes_that_sleeps_before_a_stop_takes_the_manifest():
    versions = [version for version in kubernetes_validate.utils.all_versions()
                if tuple(map(int, version.split('.')[:2])) >= KUBERNETES_MIN]
    assert len(versions) > 3, versions
    for document in documents('kubernetes.yaml') + deployments()[1:]:
        for version in versions:
            kubernetes_validate.validate(document, version, strict=True)


def compose_takes_its_files():
    run('npx', '--yes', 'dclint@3.1.0', 'deploy/compose.yaml', 'deploy/compose-tls.yaml', '--quiet',
        '--disable-rule', *COMPOSE_RULES_NOT_KEPT)


# ---- what it starts

def a_stop_takes_longer_than_a_drain():
    drain = number(default('drain-timeout'))
    assert number(unit_settings()['TimeoutStopSec']) > drain
    assert number(composed()[0]['stop_grace_period']) > drain
    for deployment in deployments():
        pause = container_of(deployment)['lifecycle']['preStop']['sleep']['seconds']
        assert deployment['spec']['template']['spec']['terminationGracePeriodSeconds'] > pause + drain


def descriptors_suffice_for_all_connections():
    assert number(unit_settings()['LimitNOFILE']) > number(default('max-connections')) + 1000


def a_body_of_the_largest_size_has_memory():
    limits = [container_of(deployment)['resources']['limits']['memory'] for deployment in deployments()]
    for memory in [*limits, composed()[0]['mem_limit']]:
        assert number(memory) // 2 >= number(default('max-body')), memory


def images_have_the_programs_version():
    name = run(os.environ['MSE_SERVER'], '--version').strip().replace(' ', ':')
    same('the image of Kubernetes', container_of(deployments()[0])['image'], name)
    same('the image of Compose', composed()[0]['image'], name)


def names_in_the_environment_are_options():
    options = re.findall(r'--([a-z-]+)', run(os.environ['MSE_SERVER'], '--help'))
    known = {'MSE_' + option.upper().replace('-', '_') for option in options}
    given = {variable['name'] for variable in container_of(deployments()[1])['env']}
    assert given <= known, given - known
    given = set(composed()[1]['environment'])
    assert given <= known, given - known


def secrets_are_where_they_are_looked_for():
    mounts = container_of(deployments()[1])['volumeMounts']
    folders = {mount['mountPath'] for mount in mounts}
    files = [variable['value'] for variable in container_of(deployments()[1])['env'] if variable['value'][0] == '/']
    same('where Kubernetes mounts', folders, {os.path.dirname(file) for file in files})
    volumes = deployments()[1]['spec']['template']['spec']['volumes']
    same('what Kubernetes mounts', {mount['name'] for mount in mounts}, {volume['name'] for volume in volumes})
    same('what Compose mounts', {f'/run/secrets/{name}' for name in composed()[1]['secrets']},
         set(composed()[1]['environment'].values()))


def probes_speak_as_the_server_does():
    for deployment, scheme in zip(deployments(), ('HTTP', 'HTTPS')):
        container = container_of(deployment)
        for probe in (container['livenessProbe'], container['readinessProbe']):
            same('the scheme of a probe', probe['httpGet'].get('scheme', 'HTTP'), scheme)
            assert probe['httpGet']['port'] in [port['name'] for port in container['ports']], probe


def users_are_that_of_the_image():
    user, group = image('USER').split(':')
    security = deployments()[0]['spec']['template']['spec']['securityContext']
    same('the user', security['runAsUser'], int(user))
    same('the group', security['runAsGroup'], int(group))
    same('the group of mounted files', security['fsGroup'], int(group))


def what_selects_pods_selects_these():
    deployment, server, budget = documents('kubernetes.yaml')
    labels = deployment['spec']['template']['metadata']['labels']
    spread = deployment['spec']['template']['spec']['topologySpreadConstraints'][0]['labelSelector']
    for selector in (deployment['spec']['selector'], budget['spec']['selector'], spread):
        same('a selector', selector['matchLabels'], labels)
    same('the selector of the service', server['spec']['selector'], labels)
    ports = {port['name']: port['containerPort'] for port in container_of(deployment)['ports']}
    same('the port', ports[server['spec']['ports'][0]['targetPort']], int(image('EXPOSE')))


service.run([
    systemd_understands_the_unit,
    the_unit_is_exposed_no_more_than_it_must_be,
    every_kubernetes_that_sleeps_before_a_stop_takes_the_manifest,
    compose_takes_its_files,
    a_stop_takes_longer_than_a_drain,
    descriptors_suffice_for_all_connections,
    a_body_of_the_largest_size_has_memory,
    images_have_the_programs_version,
    names_in_the_environment_are_options,
    secrets_are_where_they_are_looked_for,
    probes_speak_as_the_server_does,
    users_are_that_of_the_image,
    what_selects_pods_selects_these,
])
