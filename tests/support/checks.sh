# tests/support/checks.sh - counts the checks of the shell scripts that source it.
# shellcheck shell=sh

passed=0
failed=0

# check NAME COMMAND ... - passes if COMMAND succeeds; otherwise what it printed is shown.
check() {
    name=$1
    shift
    if printed=$("$@" 2>&1); then
        echo "[       OK ] $name"
        passed=$((passed + 1))
    else
        echo "[  FAILED  ] $name"
        printf '%s\n' "$printed"
        failed=$((failed + 1))
    fi
}

# none COMMAND ... - succeeds if COMMAND does so and prints nothing.
none() {
    found=$("$@" 2>&1) && [ -z "$found" ] && return
    printf '%s\n' "$found"
    return 1
}

# The last line of the script, and its status.
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
