#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# As in the official image, what follows its name are MinIO's arguments: "server /data …".
set -eu

if [ "${1:-}" != minio ]; then
    set -- minio "$@"
fi
exec "$@"
