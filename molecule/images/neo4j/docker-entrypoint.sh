#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Behaves as the official image's entrypoint does, as far as a backup meets it: owners of the
# volumes, NEO4J_… as settings, NEO4J_AUTH, and java itself as the process that gets SIGTERM.
set -euo pipefail

conf=$NEO4J_HOME/conf/neo4j.conf
as_user=()
if [[ $(id -u) -eq 0 ]]; then
    as_user=(setpriv --reuid=neo4j --regid=neo4j --init-groups)
    # Only what needs it: on overlayfs even a chown without effect copies the file.
    find "$NEO4J_HOME" -not -user neo4j -not -type l -exec chown neo4j:neo4j {} +
    for volume in /data /logs /import /plugins; do
        if [[ -d $volume && -n $("${as_user[@]}" find "$volume" -not -writable -print -quit) ]]
        then
            echo "Changing the owner of $volume to neo4j." >&2
            chown -R neo4j:neo4j "$volume"
        fi
    done
fi

# put_setting KEY VALUE: replaces what the file says, but JVM arguments add up.
put_setting() {
    if [[ $1 != server.jvm.additional ]]; then
        sed -i "/^${1//./\\.}=/d" "$conf"
    fi
    printf '%s=%s\n' "$1" "$2" >>"$conf"
}

# default_setting KEY VALUE: yields to the file.
default_setting() {
    grep -q "^${1//./\\.}=" "$conf" || put_setting "$1" "$2"
}

if [[ -d /conf ]]; then
    find /conf -type f -exec cp --preserve=ownership,mode {} "$NEO4J_HOME/conf/" \;
fi
default_setting server.memory.pagecache.size 512M
default_setting server.default_listen_address 0.0.0.0
default_setting server.directories.run /run
[[ ! -d /plugins ]] || default_setting server.directories.plugins /plugins
[[ ! -d /import ]] || put_setting server.directories.import /import

not_settings=" NEO4J_HOME NEO4J_AUTH NEO4J_AUTH_PATH NEO4J_EDITION NEO4J_VERSION NEO4J_DEBUG \
NEO4J_PLUGINS NEO4J_ACCEPT_LICENSE_AGREEMENT NEO4J_SHA256 NEO4J_TARBALL "
while IFS= read -r variable; do
    [[ $not_settings != *" $variable "* && -n ${!variable} ]] || continue
    # A single underscore stands for a dot, a double one for an underscore.
    key=${variable#NEO4J_}
    key=${key//_/.}
    put_setting "${key//../_}" "${!variable}"
done < <(compgen -v NEO4J_)

if [[ $1 != neo4j ]]; then
    exec "${as_user[@]}" "$@"
fi

auth=${NEO4J_AUTH:-}
[[ -z ${NEO4J_AUTH_PATH:-} ]] || auth=$(<"$NEO4J_AUTH_PATH")
case $auth in
'') ;;
neo4j/neo4j | neo4j/neo4j/*)
    echo "Invalid value for password. It cannot be 'neo4j', which is the default." >&2
    exit 1
    ;;
none)
    put_setting dbms.security.auth_enabled false
    ;;
neo4j/*)
    IFS=/ read -r _ password change <<<"$auth"
    # It has an effect before the first start only, so spare the later ones the time.
    [[ -d /data/databases/system ]] ||
        "${as_user[@]}" neo4j-admin dbms set-initial-password "$password" \
            ${change:+--require-password-change}
    ;;
*)
    echo "Invalid value for NEO4J_AUTH: it is none or neo4j/<password>." >&2
    exit 1
    ;;
esac

# "neo4j console" would leave a small launcher JVM between tini and the database.
command=$("${as_user[@]}" neo4j console --dry-run)
eval "exec ${as_user[*]} $command"
