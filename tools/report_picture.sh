#!/bin/sh
# The report that the README links to, and its picture, from nothing: tools/report_picture.sh [SCENARIO] [SEED]
# Needs the Python environment of `make setup` and chromium (tools/install-test-peers.sh).
set -eu

cd "$(dirname "$0")/.."
scenario="${1:-harbour}"
seed="${2:-7}"
lowsky="${LOWSKY:-.venv/bin/lowsky}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

$lowsky simulate "$scenario" --seed "$seed" -o "$folder"
$lowsky track "$folder/site.toml" "$folder/measurements.parquet" -o "$folder/tracks.parquet"
mkdir -p docs/reports
$lowsky evaluate "$folder/tracks.parquet" "$folder/truth.parquet" --site "$folder/site.toml" --reference \
    -o "docs/reports/$scenario.html"
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1280,1480 \
    --screenshot="docs/screenshots/report.png" "file://$PWD/docs/reports/$scenario.html" 2>/dev/null
echo "docs/reports/$scenario.html, docs/screenshots/report.png"
