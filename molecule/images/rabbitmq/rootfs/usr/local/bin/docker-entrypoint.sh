#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Start RabbitMQ as the user rabbitmq, with the first user and virtual host of the environment.
set -euo pipefail

case $1 in
    -*) set -- rabbitmq-server "$@" ;;
esac

case $1 in
    rabbitmq*)
        if [ "$(id -u)" = 0 ]; then
            find /var/lib/rabbitmq ! -user rabbitmq -exec chown rabbitmq {} +
            exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups -- "$0" "$@"
        fi
        export HOME=/var/lib/rabbitmq
        ;;
esac
exec "$@"
