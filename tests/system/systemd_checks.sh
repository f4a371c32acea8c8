#!/bin/sh
# tests/system/systemd_checks.sh - sets the service up as docs/operations.md says, and looks at it as systemd runs it.
#
# tests/system/systemd.sh runs this as root on a machine of its own. Its words are those controllers of version 1 whose
# groups are the machine's own. The last line is "N passed, N failed".
set -u
# shellcheck source=tests/support/checks.sh
. /tests/support/checks.sh
mkdir /root/secrets
cd /root/secrets || exit 1

documented() { # documented N - runs the Nth block of commands that docs/operations.md has about systemd
    commands=$(awk -v n="$1" '/^#/ { about = /systemd/ }
        about && /^```/ { fences++; next }
        about && fences == 2 * n - 1' /docs/operations.md)
    [ -n "$commands" ] && sh -exc "$commands"
}

property() { # property NAME
    systemctl show --property "$1" --value mse-server
}

has() { # has PROPERTY VALUE
    is "$(property "$1")" "$2"
}

process() { # process NAME - from the kernel's status of the server
    sed -n "s/^$1:[[:space:]]*//p" "/proc/$(property MainPID)/status"
}

is() { # is VALUE VALUE
    [ "$1" = "$2" ] || { echo "\"$1\", not \"$2\""; return 1; }
}

awaited() { # awaited COMMAND ... - until it succeeds, 10 seconds at most
    for _ in $(seq 100); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    "$@" || { systemctl status --no-pager mse-server; return 1; }
}

responds() { # responds STATUS URL CURL_OPTION ...
    wanted=$1
    url=$2
    shift 2
    is "$(curl --silent --output /dev/null --write-out '%{http_code}' --cacert certificate.pem "$@" "$url")" "$wanted"
}

says() { # says TEXT - in the journal
    journalctl --quiet --output=cat --unit=mse-server | grep -F -e "$1"
}

make_certificate() { # make_certificate NAME - for localhost, with its key
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
        -addext 'subjectAltName=DNS:localhost' -keyout key.pem -out certificate.pem 2>/dev/null
}

names_certificate() { # names_certificate NAME - new connections are shown it
    openssl s_client -connect 127.0.0.1:8443 </dev/null 2>/dev/null |
        openssl x509 -noout -subject -nameopt RFC2253 | grep -F "CN=$1"
}

is_confined() {
    is "$(process Uid | cut -f 1)" "$(id -u mse-server)" && is "$(process CapEff)" 0000000000000000 &&
        is "$(process CapBnd)" 0000000000000000 && is "$(process NoNewPrivs)" 1 && is "$(process Seccomp)" 2
}

serves_others_after_reload() {
    pid=$(property MainPID)
    make_certificate second && echo newer >tokens && documented 3 &&
        awaited responds 200 https://localhost:8443/metrics -H 'Authorization: Bearer newer' &&
        responds 401 https://localhost:8443/metrics -H 'Authorization: Bearer secret' &&
        names_certificate second && has MainPID "$pid"
}

gives_up_without_key() {
    chmod 600 /etc/mse-server/key.pem
    systemctl restart mse-server
    awaited has ActiveState failed && has ExecMainStatus 2 && has NRestarts 0 &&
        says '--tls-key /etc/mse-server/key.pem cannot be read: Permission denied' && chmod 640 /etc/mse-server/key.pem
}

restarts_after_crash() {
    systemctl kill --kill-whom=main --signal=SEGV mse-server && awaited has NRestarts 1 && awaited responds 200 "$1"
}

# systemd looks once which controllers it may use, and those of version 1 were mounted for reading only.
take_controllers() { # take_controllers CONTROLLER ...
    for controller; do mount -o remount,bind,rw "/sys/fs/cgroup/$controller" || return; done
    systemctl daemon-reexec
}

can_set_limits() { # can_set_limits CONTROLLER ... - systemd has what it takes, of version 1 or 2
    [ $# -gt 0 ] || [ "$(grep -ow -e cpu -e memory /sys/fs/cgroup/cgroup.controllers | wc -l)" -eq 2 ]
}

has_lower_limit_of_slice() {
    systemctl set-property --runtime system.slice MemoryMax=512M && systemctl restart mse-server &&
        awaited says "1 threads, bodies up to 268435456 bytes, memory up to $((256 << 20)) bytes"
}

stops_with_success() {
    systemctl stop mse-server && has Result success && has ExecMainStatus 0 && says stopped
}

check 'it starts, set up as documented' documented 1
check 'it serves on loopback' awaited responds 200 http://127.0.0.1:8080/readyz
check 'it comes up at boot' is "$(systemctl is-enabled mse-server)" enabled
check 'it runs as its own user, without capabilities, confined' is_confined

make_certificate first
echo secret >tokens
check 'certificate, key and tokens are set up as documented' documented 2
check 'it serves over TLS' awaited responds 200 https://localhost:8443/readyz
check 'a request with a token is served' responds 200 https://localhost:8443/metrics -H 'Authorization: Bearer secret'
check 'another is refused' responds 401 https://localhost:8443/metrics
check 'a reload, as documented, brings the new files to the same process' serves_others_after_reload
check 'it comes back after a crash' restarts_after_crash https://localhost:8443/readyz
check 'a file that it may not read is named, and it is not restarted' gives_up_without_key
check 'port 443 is set up as documented' documented 4
check 'it serves on port 443' awaited responds 200 https://localhost/readyz
if can_set_limits "$@" 2>/dev/null; then
    check 'systemd is let set limits' take_controllers "$@"
    check 'limits are set up as documented' documented 5
    check 'half of its memory is for numbers, and it has a thread per core' \
        awaited says "1 threads, bodies up to 268435456 bytes, memory up to $((512 << 20)) bytes"
    check 'a lower limit of its slice holds' has_lower_limit_of_slice
else
    echo '[  SKIPPED ] limits: systemd has no control groups to set them in'
fi
check 'it stops with success' stops_with_success
finish
