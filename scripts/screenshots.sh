#!/bin/bash
# Makes the pictures of docs/ from the real pages, by the browser tests. Look at them before you commit them.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/screenshots docs/img
NIGHTKEEPER_SCREENSHOTS=$PWD/build/screenshots go test -count=1 -timeout 20m ./test/browser
# keep NAME AS HEIGHT: the top of the picture NAME becomes docs/img/AS.png.
keep() { go run ./scripts/shot "build/screenshots/$1.png" "docs/img/$2.png" "$3" && echo "docs/img/$2.png"; }
keep room-wide-night incident-room 1340
