#!/bin/sh
# tests/system/systemd.sh - boots systemd on a machine of its own, and runs the installed unit there, as
# tests/system/systemd_checks.sh says.
#
# The machine is a container of this one's /usr, without write access, of an almost empty /etc, and of what is installed
# for it. Its network is a loopback. Needs root and `tools/deps systemd`. The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" -eq 0 ] || { echo "test-systemd: only root can boot a machine" >&2; exit 1; }
unset MAKEFLAGS MFLAGS MAKELEVEL
machine=$(mktemp -d)
controllers=
groups=
trap 'rm -rf --one-file-system "$machine"
    for group in $groups; do find "$group" -depth -type d -exec rmdir {} +; done' EXIT

make --no-print-directory install DESTDIR="$machine/installed" PREFIX=/usr/local >/dev/null || exit 1

chmod 755 "$machine"
(cd "$machine" && mkdir -p etc/systemd/system etc/default etc/ssl usr tests docs)
cp -r /etc/alternatives "$machine/etc"
cp /etc/os-release "$machine/etc"
cp /etc/ssl/openssl.cnf "$machine/etc/ssl"
systemd-machine-id-setup --root="$machine" 2>/dev/null # or else its first boot would enable the service
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$machine/$folder"; done

# A machine may set limits of control groups of version 1 only in groups of its own, below those of this process.
for controller in memory cpu cpuacct; do
    own=$(sed -nE "s/^[0-9]+:([^:]*,)?$controller(,[^:]*)?://p" /proc/self/cgroup)
    group=$(mktemp -d "/sys/fs/cgroup/$controller$own/mse-server-test-XXXXXX" 2>/dev/null) || { controllers=; break; }
    chmod 755 "$group"
    controllers="$controllers $controller"
    groups="$groups $group"
done

# Its end is the machine's, and its status the one of systemd-nspawn.
cat >"$machine/etc/systemd/system/checks.service" <<END
[Unit]
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/bin/sh /tests/system/systemd_checks.sh$controllers
StandardOutput=file:/results
StandardError=file:/results
TimeoutStartSec=120
END

(
    for group in $groups; do echo 0 >"$group/cgroup.procs"; done # this shell itself
    exec timeout --kill-after=10 180 systemd-nspawn --quiet --directory="$machine" --machine=mse-server-test \
        --register=no --keep-unit --private-network --console=pipe --bind-ro=/usr \
        --bind-ro="$machine/installed/usr/local:/usr/local" --bind-ro="$PWD/tests:/tests" --bind-ro="$PWD/docs:/docs" \
        --boot systemd.unit=checks.service systemd.show_status=0
) </dev/null >"$machine/console" 2>&1
status=$?
if [ -s "$machine/results" ]; then cat "$machine/results"; else cat "$machine/console"; fi
exit $status
