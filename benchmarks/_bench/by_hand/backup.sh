#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A night by hand: each service's own tool, one after the other, then `borg create`. Runs on the node:
# backup.sh SERVICE…  (CHUNKER, COMPRESSION and the services' passwords are in the environment)
set -euo pipefail
place=/var/lib/by-hand
out=$place/staging
export BORG_PASSPHRASE=by-hand BORG_BASE_DIR=$place/borg-base
borg=/opt/janus-backup/venv/bin/borg
rm -rf "$out"
mkdir -p "$out"

beside() { # SERVICE ARGUMENTS…: run a command in a container beside a service, with /out to write to
    local service=$1
    shift
    docker run --rm --user 0 --network "container:janus-$service" --volume "$out/$service:/out" \
        --entrypoint sh "$(docker inspect --format '{{.Image}}' "janus-$service")" -euc "$@"
}

address() {
    docker inspect --format '{{.NetworkSettings.IPAddress}}' "janus-$1"
}

postgresql() {
    beside postgresql "export PGHOST=127.0.0.1 PGUSER=janus PGPASSWORD=$POSTGRESQL_PASSWORD"'
        pg_dumpall --database=template1 --globals-only --file=/out/globals.sql
        psql --dbname=template1 -Atc \
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate" >/out/names
        number=0
        while IFS= read -r name; do
            number=$((number + 1))
            quoted=$(printf %s "$name" | sed "s/[\\\\'"'"']/\\\\&/g")
            pg_dump -Fd -Z0 -j2 --no-sync --file=/out/$number "dbname='"'"'$quoted'"'"'"
        done </out/names'
}

redis() {
    cli() { docker exec janus-redis redis-cli --no-auth-warning -a "$REDIS_PASSWORD" "$@"; }
    cli BGSAVE SCHEDULE >/dev/null
    until cli INFO persistence | grep -q 'rdb_bgsave_in_progress:0'; do sleep 0.1; done
    docker cp janus-redis:/data/dump.rdb "$out/redis/" >/dev/null
}

rabbitmq() {
    docker exec janus-rabbitmq rabbitmqctl --quiet export_definitions /tmp/definitions.json >/dev/null
    docker cp janus-rabbitmq:/tmp/definitions.json "$out/rabbitmq/" >/dev/null
}

qdrant() {
    /usr/bin/python3 - "http://$(address qdrant):6333" "$out/qdrant" <<'PYTHON'
import json, os, shutil, sys, urllib.parse, urllib.request
url, target = sys.argv[1:]
key = {"api-key": os.environ["QDRANT_PASSWORD"]}
def ask(method, path):
    return urllib.request.urlopen(urllib.request.Request(url + path, headers=key, method=method))
for entry in json.load(ask("GET", "/collections"))["result"]["collections"]:
    path = f"/collections/{urllib.parse.quote(entry['name'], safe='')}/snapshots"
    name = json.load(ask("POST", path + "?wait=true"))["result"]["name"]
    with open(os.path.join(target, name), "wb") as sink:
        shutil.copyfileobj(ask("GET", f"{path}/{urllib.parse.quote(name)}"), sink)
    ask("DELETE", f"{path}/{urllib.parse.quote(name)}")
PYTHON
}

neo4j() {
    local image
    image=$(docker inspect --format '{{.Image}}' janus-neo4j)
    docker stop --time 300 janus-neo4j >/dev/null
    docker run --rm --user 0 --volumes-from janus-neo4j --volume "$out/neo4j:/out" --entrypoint sh "$image" \
        -c 'for name in neo4j system; do neo4j-admin database dump $name --to-path=/out; done' >/dev/null
    docker start janus-neo4j >/dev/null
    until (exec 3<>"/dev/tcp/$(address neo4j)/7687") 2>/dev/null; do sleep 0.1; done
}

# Archived from where they are.
files() { sources+=(/etc/janus); }
minio() { sources+=("$(docker volume inspect --format '{{.Mountpoint}}' janus-minio)"); }

sources=()
for service; do
    mkdir -p "$out/$service"
    began=$EPOCHREALTIME
    "$service"
    echo "$service $(/usr/bin/python3 -c "print(round($EPOCHREALTIME - $began, 2))")"
done
if [ ! -e "$place/borg" ]; then $borg init --encryption=repokey "$place/borg"; fi
began=$EPOCHREALTIME
# Only warned of: what MinIO deletes while Borg reads its volume.
$borg create --compression="$COMPRESSION" --chunker-params="$CHUNKER" --files-cache=mtime,size,inode \
    "$place/borg::{utcnow:%Y-%m-%dT%H:%M:%S.%f}" "$out" "${sources[@]}" || [ $? = 1 ]
echo "borg $(/usr/bin/python3 -c "print(round($EPOCHREALTIME - $began, 2))")"
