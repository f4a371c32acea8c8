#!/bin/sh
# tests/system/install.sh - installs to a temporary folder and checks what is there as its users meet it. CC compiles.
#
# The last line is "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/checks.sh
unset MAKEFLAGS MFLAGS MAKELEVEL
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
prefix=/opt/mse
installed=$root$prefix
version=$(sed -n 's/^#define MSE_VERSION "\(.*\)"/\1/p' include/mse.h)
major=${version%%.*}
export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_PATH="$installed/lib/pkgconfig"

make_with() {
    make --no-print-directory DESTDIR="$root" PREFIX="$prefix" CC="${CC:-cc}" "$@"
}

expected_files() {
    for file in bin/mse-server include/mse.h lib/libmse.a lib/libmse.so "lib/libmse.so.$major" lib/pkgconfig/mse.pc \
        lib/systemd/system/mse-server.service lib/sysusers.d/mse-server.conf share/man/man1/mse-server.1 \
        share/man/man3/mse.3; do
        echo "$installed/$file"
    done
}

only_expected_files() {
    find "$root" ! -type d | sort >"$root/found"
    grep -v "^$root/found$" "$root/found" >"$root/files"
    expected_files | diff - "$root/files"
    status=$?
    rm -f "$root/found" "$root/files"
    return $status
}

builds_and_runs() { # builds_and_runs PKG_CONFIG_OPTION LINK_OPTION
    # shellcheck disable=SC2046,SC2086  # lists of words
    ${CC:-cc} -o "$root/use_mse" tests/system/use_mse.c $(pkg-config $1 --cflags --libs mse) $2 || return 1
    printed=$(LD_LIBRARY_PATH="$installed/lib" "$root/use_mse")
    echo "$printed"
    [ "$printed" = "2.5 1 2 $version" ]
}

# Builds a program that defines every name which the parts of libmse share among themselves.
other_names_are_free() { # other_names_are_free PKG_CONFIG_OPTION LINK_OPTION
    nm -g --defined-only build/src.a | awk 'NF == 3 && $3 !~ /^mse_[a-z]/ { print "int " $3 " = 1;" }' >"$root/names.c"
    grep -q '^int exact_merge = 1;' "$root/names.c" || return 1
    # shellcheck disable=SC2046,SC2086  # lists of words
    ${CC:-cc} -o "$root/use_mse" tests/system/use_mse.c "$root/names.c" $(pkg-config $1 --cflags --libs mse) $2 &&
        [ "$(LD_LIBRARY_PATH="$installed/lib" "$root/use_mse")" = "2.5 1 2 $version" ]
}

literal() { # literal N - the Nth text of mse(3) that is shown as it is
    awk -v wanted="$1" '/^\.Ed/ { showing = 0 } showing { gsub(/\\e/, "\\"); print }
        /^\.Bd -literal/ && ++count == wanted { showing = 1 }' "$installed/share/man/man3/mse.3"
}

example_runs_as_printed() {
    literal 1 >"$root/example.c"
    # shellcheck disable=SC2046  # a list of words
    ${CC:-cc} -Wall -Wextra -Werror -o "$root/example" "$root/example.c" $(pkg-config --cflags --libs mse) || return 1
    literal 2 >"$root/expected"
    LD_LIBRARY_PATH="$installed/lib" "$root/example" | diff "$root/expected" -
}

shared_by_soname() {
    readelf -d "$installed/lib/libmse.so" | grep -F "soname: [libmse.so.$major]"
}

exports_only_mse() { # exports_only_mse NM_OPTION FILE - no mse__*, either
    nm "$1" --defined-only "$2" | awk 'NF == 3 && $3 !~ /^mse_[a-z]/ { print } $3 == "mse_loss" { found = 1 }
        END { if (!found) print "not even mse_loss" }'
}

hardened() { # hardened FILE - mapped at any address, no writable code, all relocations read-only, guarded stack.
    header=$(readelf -hW "$1")
    segments=$(readelf -lW "$1")
    dynamic=$(readelf -dW "$1")
    symbols=$(nm -D "$1")
    echo "$header" | grep -q 'Type: *DYN' || echo "not position-independent"
    echo "$segments" | grep -q 'GNU_STACK.* RW ' || echo "its stack may be executed"
    echo "$segments" | grep -q ' RWE ' && echo "a segment is both writable and executable"
    echo "$segments" | grep -q 'GNU_RELRO' || echo "no RELRO"
    echo "$dynamic" | grep -q 'BIND_NOW\|FLAGS.* NOW' || echo "symbols are bound lazily"
    echo "$dynamic" | grep -q 'RPATH\|RUNPATH\|TEXTREL' && echo "has a run path or text relocations"
    echo "$symbols" | grep -q '__stack_chk_fail' || echo "no stack protector"
    return 0
}

unit_starts_it() {
    grep -x "ExecStart=$prefix/bin/mse-server" "$installed/lib/systemd/system/mse-server.service"
}

fortified() {
    nm -D "$installed/bin/mse-server" | grep '_chk@' | grep -v '__stack_chk_fail'
}

pages_options() {
    "$installed/bin/mse-server" --help | grep -oE -e '--[a-z-]+' | sort -u >"$root/helped"
    sed -n 's/^\.It Fl \(-[a-z-]*\).*/-\1/p' "$installed/share/man/man1/mse-server.1" | sort -u >"$root/paged"
    diff "$root/helped" "$root/paged"
}

check 'make install succeeds' make_with install
check 'it installs these files and no other' only_expected_files
check 'the server says the version of the header' [ "$("$installed/bin/mse-server" --version)" = "mse-server $version" ]
check 'pkg-config knows the version' pkg-config --exact-version="$version" mse
check 'a program is built with the shared library and runs' builds_and_runs --shared ''
check 'a program is built with the static library and runs' builds_and_runs --static -static
check 'the shared library bears its soname' shared_by_soname
check 'the shared library exports mse_* only' none exports_only_mse -D "$installed/lib/libmse.so"
check 'so does the static library' none exports_only_mse -g "$installed/lib/libmse.a"
check 'all other names are free beside the shared library' other_names_are_free --shared ''
check 'all other names are free beside the static library' other_names_are_free --static -static
check 'the example of mse(3) prints what the page says' example_runs_as_printed
check 'the server is hardened' none hardened "$installed/bin/mse-server"
check 'the shared library is hardened' none hardened "$installed/lib/libmse.so.$major"
check 'the server is compiled with _FORTIFY_SOURCE' fortified
check 'the manual page has the options of --help' pages_options
check 'the systemd unit starts the installed server' unit_starts_it
check 'make uninstall succeeds' make_with uninstall
check 'it leaves no file' none find "$installed" ! -type d
finish
