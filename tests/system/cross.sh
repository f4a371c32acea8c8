#!/bin/sh
# tests/system/cross.sh ARCHITECTURE HTTP_TEST ... - builds for another architecture of Debian's, and runs what is built
# under QEMU: the unit tests of numbers, and the server, of which HTTP_TESTs of this machine ask their questions.
#
# ARCHITECTURE is arm64, or s390x, whose bytes stand the other way round. Needs `tools/deps cross`. The last line is
# "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
architecture=$1
shift
case $architecture in
    arm64) machine=aarch64 ;;
    *) machine=$architecture ;;
esac
folder=$PWD/build/cross/$architecture
sysroot=$folder/sysroot
tests='decimal_digits decimal_grammar decimal_parse decimal_powers decimal_print decimal_run exact kernel mse
    json_codec partial tensor json_random json_reader'

# The same sources with a build/ of their own.
mkdir -p "$folder"
for source in Makefile include src server tests openapi.yaml; do ln -sfn "$PWD/$source" "$folder/$source"; done
[ -d "$sysroot" ] || tools/sysroot "$architecture" "$sysroot" || exit 1

programs=''
for test in $tests; do programs="$programs build/tests/unit/test_$test"; done
# shellcheck disable=SC2086  # a list of words
make --no-print-directory -C "$folder" ARCH="$machine" CC="$machine-linux-gnu-gcc --sysroot=$sysroot" \
    AR="$machine-linux-gnu-ar" OBJCOPY="$machine-linux-gnu-objcopy" build/mse-server $programs || exit 1

printf '#!/bin/sh\nexec qemu-%s -L %s %s "$@"\n' "$machine" "$sysroot" "$folder/build/mse-server" >"$folder/mse-server"
chmod +x "$folder/mse-server"
status=0
# shellcheck disable=SC2086  # a list of words
(cd "$folder" && MSE_EMULATOR="qemu-$machine -L $sysroot" tests/run $programs) || status=1
MSE_SERVER=$folder/mse-server tests/run "$@" || status=1
exit $status
