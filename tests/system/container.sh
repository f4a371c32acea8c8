#!/bin/sh
# tests/system/container.sh PROGRAM ... - builds the image, looks into it, and runs HTTP tests against its container.
#
# PROGRAMs are those HTTP tests that any running server must pass. Needs a Docker engine, and fails without one.
# The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/checks.sh
image=mse-server:test
container=''
output=$(mktemp)
trap 'rm -f "$output"; [ -z "$container" ] || docker rm -f "$container" >/dev/null' EXIT

docker info >/dev/null 2>"$output" || {
    echo "test-container: no Docker engine answers, so the image cannot be tested: $(cat "$output")" >&2
    exit 1
}

# The host's network suits engines that have none of their own for builds.
build_image() {
    docker build --network host --tag "$image" . >"$output" 2>&1 || { cat "$output"; return 1; }
}

image_says() { # image_says FORMAT
    docker image inspect --format "$1" "$image"
}

container_says() { # container_says FORMAT
    docker inspect --format "$1" "$container"
}

is_small() {
    size=$(image_says '{{.Size}}')
    [ "$size" -le 15000000 ] || { echo "$size bytes"; return 1; }
}

# All files of the image, save those that the engine puts into every container.
files() {
    created=$(docker create "$image" 2>/dev/null)
    docker export "$created" | tar -t | grep -vE '/$|^(\.dockerenv|dev/console|etc/(hosts|hostname|mtab|resolv\.conf))$'
    docker rm "$created" >/dev/null
}

only_server_and_libraries() {
    files | sort >"$output"
    grep -qx mse-server "$output" || echo "no /mse-server"
    grep -vE '^mse-server$|^(usr/)?lib(64)?/([a-z0-9_-]+/)?[a-z0-9_-]+\.so(\.[0-9.]+)?$' "$output"
    return 0
}

has_no_shell() { # 127: not found
    docker run --rm --entrypoint /bin/sh "$image" -c true
    [ $? -eq 127 ]
}

says_its_version() {
    version=$(sed -n 's/^#define MSE_VERSION "\(.*\)"/\1/p' include/mse.h)
    [ "$(image_says '{{index .Config.Labels "org.opencontainers.image.version"}}')" = "$version" ] &&
        [ "$(docker run --rm "$image" --version)" = "mse-server $version" ]
}

is_not_root() {
    image_says '{{.Config.User}}' | grep -xE '[1-9][0-9]*:[1-9][0-9]*'
}

starts() { # The engine picks the port.
    docker run --detach --read-only --cap-drop ALL --security-opt no-new-privileges --publish 127.0.0.1::8080 \
        --health-interval 1s "$image" 2>/dev/null
}

gets_healthy() {
    for _ in $(seq 100); do
        [ "$(container_says '{{.State.Health.Status}}')" = healthy ] && return
        sleep 0.2
    done
    docker logs "$container"
    container_says '{{json .State}}'
    return 1
}

still_runs() {
    container_says '{{.State.Running}} {{.RestartCount}} {{.State.OOMKilled}}' | grep -x 'true 0 false'
}

stops_with_success() {
    docker stop -t 20 "$container" && container_says '{{.State.ExitCode}}' | grep -x 0 && return
    container_says '{{json .State}}'
    docker logs --tail 20 "$container"
    return 1
}

check 'the image is built' build_image
[ "$failed" -eq 0 ] || { finish; exit 1; }
check 'it is smaller than 15 MB' is_small
check 'it holds the server, libraries, and nothing else' none only_server_and_libraries
check 'it has no shell' has_no_shell
check 'it says its version' says_its_version
check 'its user is a number and not root' is_not_root
container=$(starts)
check 'it gets healthy, read-only and without capabilities' gets_healthy

MSE_URL=http://$(docker port "$container" 8080/tcp) tests/run "$@" >"$output"
sed '$d' "$output"
passed=$((passed + $(sed -n '$s/ passed.*//p' "$output")))
failed=$((failed + $(sed -n '$s/.* passed, \([0-9]*\) failed/\1/p' "$output")))

check 'it has outlived the tests' still_runs
check 'docker stop ends it with status 0' stops_with_success
echo "The image takes $(image_says '{{.Size}}') bytes."
finish
