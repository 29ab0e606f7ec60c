#!/usr/bin/env bash
# Unpacks Debian's nginx, Caddy and HAProxy into a folder, so that nothing is installed, and no service starts:
#
#     tests/proxies/get.sh FOLDER
#
# It takes Debian 12 and its lists of packages (apt-get update).
set -euo pipefail
folder="$1"
mkdir -p "$folder"
cd "$folder"
apt-get download nginx caddy haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
for package in *.deb; do
    dpkg --extract "$package" .
    rm "$package"
done
