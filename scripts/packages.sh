#!/usr/bin/env bash
# Install the Debian packages that one kind of work needs, if they are missing.
# Usage: scripts/packages.sh venv|borg   (Docker is the test bed's business: molecule/testbed.py engine)
# As another user than root it only says what is missing; on another system than Debian it trusts you.
set -euo pipefail

case ${1:?venv or borg} in
    venv) packages=(gpg gpg-agent python3-venv) ;;
    # borgbackup comes as source; its wheel is built once, here.
    borg) packages=(gcc libc6-dev pkg-config python3-dev libssl-dev liblz4-dev libzstd-dev libxxhash-dev libacl1-dev) ;;
    *) echo "packages: no group named $1" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "packages: not a Debian system, taking ${packages[*]} for granted"
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "packages: missing, install as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
echo "packages: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -qq -y --no-install-recommends "${missing[@]}" </dev/null; }
# An old or absent package list is the usual reason for a failed first try.
install || { apt-get update -qq </dev/null && install; }
