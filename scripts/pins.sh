#!/usr/bin/env bash
# Write requirements/<name>.txt, every package and its exact version, from requirements/<name>.in.
# Usage: scripts/pins.sh PYTHON NAME...
set -euo pipefail

python=$1
shift
for name in "$@"; do
    echo "pins: resolving requirements/$name.in"
    venv=$(mktemp -d)
    trap 'rm -rf "$venv"' EXIT
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "requirements/$name.in"
    {
        echo "# Written by \`make pins\` from $name.in: change that file, not this one."
        # pip and setuptools belong to the virtual environment, not to us.
        "$venv/bin/pip" freeze --exclude pip --exclude setuptools --exclude wheel
    } > "requirements/$name.txt.new"
    mv "requirements/$name.txt.new" "requirements/$name.txt"
    rm -rf "$venv"
    echo "pins: requirements/$name.txt holds $(grep -c == "requirements/$name.txt") packages"
done
