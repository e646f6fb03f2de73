#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A restore by hand of what backup.sh has archived last: `borg extract`, then one large service after
# the other into a fresh container. Prints the seconds of each.
set -euo pipefail
place=/var/lib/by-hand
export BORG_PASSPHRASE=by-hand BORG_BASE_DIR=$place/borg-base
borg=/opt/janus-backup/venv/bin/borg
out=$place/restored
rm -rf "$out"
mkdir -p "$out"

took() {
    echo "$1 $(/usr/bin/python3 -c "print(round($EPOCHREALTIME - $began, 2))")"
}

extract() {
    cd "$out"
    $borg extract "$place/borg::$($borg list --short --last 1 "$place/borg")"
}

postgresql() {
    docker run --detach --name by-hand --user 0 --env POSTGRES_USER=janus --env POSTGRES_PASSWORD=x \
        --volume "$1:/in:ro" "$(docker inspect --format '{{.Image}}' janus-postgresql)" >/dev/null
    until docker exec by-hand pg_isready --quiet --host=127.0.0.1; do sleep 0.1; done
    docker exec by-hand bash -c '
        psql -q -U janus -d template1 -f /in/globals.sql >/dev/null 2>&1 || true
        for database in /in/[0-9]*; do
            name=$(pg_restore --file=- --schema-only --create "$database" | sed -n "s/^.connect //p" | head -n 1)
            if [ "$name" = janus ] || [ "$name" = postgres ]; then options=; else options=--create; fi
            pg_restore -U janus -d template1 $options -j2 "$database" >/dev/null 2>&1 || true
        done'
}

neo4j() {
    docker run --name by-hand --user 0 --volume "$1:/in:ro" --entrypoint sh \
        "$(docker inspect --format '{{.Image}}' janus-neo4j)" -c 'for name in neo4j system; do
            neo4j-admin database load $name --from-path=/in --overwrite-destination=true; done' >/dev/null
}

began=$EPOCHREALTIME
extract
took extract
for service; do
    began=$EPOCHREALTIME
    "$service" "$out$place/staging/$service"
    took "$service"
    docker rm --force --volumes by-hand >/dev/null
done
