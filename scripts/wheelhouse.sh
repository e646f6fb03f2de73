#!/usr/bin/env bash
# Fill build/wheelhouse with a wheel for each line of requirements/node.txt, and prove that they install alone.
# Usage: scripts/wheelhouse.sh PYTHON
set -euo pipefail

python=$1
new=build/wheelhouse.new
proof=build/wheelhouse.proof
trap 'rm -rf "$new" "$proof"' EXIT
rm -rf "$new" "$proof"
mkdir -p "$new" build/wheelhouse

echo "wheelhouse: fetching and building (borgbackup takes a minute)"
# Wheels of the last time are taken again, so that a changed pin costs only its own package.
"$python" -m pip wheel --quiet --no-deps --find-links build/wheelhouse --wheel-dir "$new" --requirement requirements/node.txt

echo "wheelhouse: installing it into an empty environment, without an index"
"$python" -m venv "$proof"
"$proof/bin/pip" install --quiet --no-index --find-links "$new" --requirement requirements/node.txt
"$proof/bin/pip" check
"$proof/bin/borg" --version
"$proof/bin/borgmatic" --version

rm -rf build/wheelhouse
mv "$new" build/wheelhouse
echo "wheelhouse: $(find build/wheelhouse -name '*.whl' | wc -l) wheels, $(du -sh build/wheelhouse | cut -f1)"
