#!/bin/sh
# Makes .venv with everything Tacit needs; run by `make setup` (and, with --tests, by `make test`).
#   PYTHON=...  chooses the interpreter. pip's own configuration is used as it stands.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "setup: $*"; }
fail() { printf '%s\n' "setup: $*" >&2; exit 1; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON:-python3.11 python3.12 python3 python}; do
        if command -v "$candidate" >/dev/null 2>&1 && fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    if [ -z "${PYTHON:-}" ] && command -v uv >/dev/null 2>&1; then
        uv python find 3.11 2>/dev/null || { uv python install -q 3.11 >&2 && uv python find 3.11; }
    fi
}

# How packages are installed here: "apt-get", "dnf", "brew" or nothing.
package_system() {
    for system in apt-get dnf brew; do
        if command -v "$system" >/dev/null 2>&1; then echo "$system"; return; fi
    done
}

# Names differ between systems; brew needs no libraries, because the macOS wheels carry theirs.
package_for() {
    case "$(package_system):$1" in
        apt-get:libportaudio.so.2) echo libportaudio2 ;;
        apt-get:libGL.so.1) echo libgl1 ;;
        apt-get:libgthread-2.0.so.0) echo libglib2.0-0 ;;
        dnf:libportaudio.so.2) echo portaudio ;;
        dnf:libGL.so.1) echo mesa-libGL ;;
        dnf:libgthread-2.0.so.0) echo glib2 ;;
        dnf:ffmpeg) echo ffmpeg-free ;;
        apt-get:ip) echo iproute2 ;;
        dnf:ip) echo iproute ;;
        *) echo "$1" ;;
    esac
}

# Installs packages if that needs no password; otherwise prints the command and returns 1.
install_packages() {
    system=$(package_system)
    case "$system" in
        apt-get) command="apt-get install -y --no-install-recommends $*" ;;
        dnf) command="dnf install -y $*" ;;
        brew) command="brew install $*" ;;
        *) say "missing on this system: $*. Install it with the system's package manager, then run make again." >&2
           return 1 ;;
    esac
    if [ "$system" = brew ] || [ "$(id -u)" = 0 ]; then as_root=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"
    else
        say "missing on this system: $*. Type this, then run make again:" >&2
        printf '    %s\n' "sudo $command" >&2
        return 1
    fi
    say "installing $*"
    if [ "$system" = apt-get ]; then
        $as_root apt-get update -qq || say "apt-get update failed; trying with the lists at hand" >&2
    fi
    # shellcheck disable=SC2086 # words on purpose
    $as_root env DEBIAN_FRONTEND=noninteractive $command </dev/null >/dev/null ||
        { say "that failed; see above, or type it yourself: $command" >&2; return 1; }
}

missing_libraries() {
    [ "$(uname -s)" = Linux ] || return 0
    for library in libportaudio.so.2 libGL.so.1 libgthread-2.0.so.0; do
        "$1" -c "import ctypes; ctypes.CDLL('$library')" 2>/dev/null || package_for "$library"
    done
}

missing_venv_package() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return 0
    "$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

# A sound server to record from. Not beside PipeWire, whose packages it would push out.
missing_sound_server() {
    [ "$(package_system)" = apt-get ] || return 0
    command -v pipewire >/dev/null 2>&1 && return 0
    command -v pulseaudio >/dev/null 2>&1 || echo pulseaudio
    command -v pactl >/dev/null 2>&1 || echo pulseaudio-utils
    ls /usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so >/dev/null 2>&1 || echo libasound2-plugins
}

missing_test_programs() {
    missing_sound_server
    for program in ffmpeg espeak-ng; do
        command -v "$program" >/dev/null 2>&1 || package_for "$program"
    done
    # For faults of the network; without it those are not run.
    [ "$(uname -s)" != Linux ] || command -v ip >/dev/null 2>&1 || package_for ip
    # Ubuntu's package of this name is a stub that asks for a snap; there the tests are skipped.
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
        grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null || [ "$(package_system)" = brew ] || package_for chromium
}

if [ "${1:-}" = --tests ]; then
    missing=$(missing_test_programs)
    # shellcheck disable=SC2086
    [ -z "$missing" ] || install_packages $missing || say "going on: the tests that need them are skipped"
    exit 0
fi

python=$(find_python) || python=
[ -n "$python" ] || fail "needs Python 3.11 or 3.12, which ${PYTHON:-none of python3.11, python3.12, python3} is${PYTHON:+ not}.
    Install it (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.12),
    or install uv, which can fetch one; or name it: make setup PYTHON=/path/to/python3.12"

missing="$(missing_venv_package "$python") $(missing_libraries "$python")"
if [ -n "$(echo $missing)" ]; then
    # shellcheck disable=SC2086
    install_packages $missing || exit 1
fi

if ! { [ -x .venv/bin/python ] && fits .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    say "making .venv with $("$python" -V)"
    "$python" -m venv --clear .venv || fail "could not make .venv with $python"
fi

if [ -t 1 ]; then quiet=; else quiet=-q; fi
pip="env PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install $quiet -c constraints.txt"
# torch alone and pinned first: resolved with the rest, pip may prefer builds several GB larger.
say "installing torch (the largest package; minutes on a slow line)"
$pip "$(sed -n '/^torch==/p' constraints.txt)" || fail "pip could not install torch; its message is above"
say "installing the other packages"
$pip -e '.[dev]' || fail "pip could not install the packages; its message is above"
.venv/bin/python -c 'import av, cv2, mediapipe, torch, zmq, tacit.stream' >/dev/null 2>&1 ||
    { .venv/bin/python -c 'import av, cv2, mediapipe, torch, zmq, tacit.stream'; fail "installed, but not importable"; }
say "ready"
