#!/bin/sh
# Installs what the browser tests and the wire comparisons need beside uv: chromium, tshark, node, an MQTT broker, GDAL,
# xmlsec1 (Debian, Ubuntu), a TAK server and playwright-core without a browser of its own. Does nothing that is done already.
set -eu

cd "$(dirname "$0")/.."

missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v tshark >/dev/null 2>&1 || missing="$missing tshark"
command -v node >/dev/null 2>&1 || missing="$missing nodejs"
command -v npm >/dev/null 2>&1 || missing="$missing npm"
command -v dump1090-mutability >/dev/null 2>&1 || missing="$missing dump1090-mutability"
command -v mosquitto >/dev/null 2>&1 || missing="$missing mosquitto"
command -v mosquitto_sub >/dev/null 2>&1 || missing="$missing mosquitto-clients"
command -v ogrinfo >/dev/null 2>&1 || missing="$missing gdal-bin"
command -v xmlsec1 >/dev/null 2>&1 || missing="$missing xmlsec1"

if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "install-test-peers: please install$missing by hand: there is no apt-get here" >&2
        exit 1
    fi
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then as_root="sudo"; fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
    # shellcheck disable=SC2086  # the names are words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

if ! cmp -s tests/browser/package-lock.json tests/browser/node_modules/.lowsky-lock; then
    npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund
    cp tests/browser/package-lock.json tests/browser/node_modules/.lowsky-lock
fi

# taky needs older libraries than lowsky does: an environment of its own
if ! cmp -s tools/peers/taky.txt .peers/taky/.lowsky-requirements; then
    uv="$(command -v uv || echo .uv/bin/uv)"
    "$uv" venv --quiet --clear .peers/taky
    "$uv" pip install --quiet --python .peers/taky/bin/python --require-hashes -r tools/peers/taky.txt
    cp tools/peers/taky.txt .peers/taky/.lowsky-requirements
fi
