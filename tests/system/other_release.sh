#!/bin/sh
# tests/system/other_release.sh - runs the suite in a bare container of the Debian release that the host is not.
#
# Needs a Docker engine, and an image of that release. The last line is "N passed, N failed".
set -eu
cd "$(dirname "$0")/../.."

# shellcheck disable=SC1091
. /etc/os-release
release=trixie
[ "${VERSION_CODENAME:-}" != trixie ] || release=bookworm
echo "== debian:$release"
git ls-files --cached --others --exclude-standard -z | tar --create --null --files-from=- |
    docker run --rm --interactive --network host "debian:$release" sh -c '
        mkdir /tree && cd /tree && tar --extract && apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends make >/dev/null &&
        make deps test'
