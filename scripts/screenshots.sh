#!/bin/bash
# Makes the pictures of docs/ from the real pages, by the browser tests. Look at them before you commit them.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/screenshots docs/img
NIGHTKEEPER_SCREENSHOTS=$PWD/build/screenshots go test -count=1 ./test/browser
# keep NAME AS: the picture NAME becomes docs/img/AS.png
keep() { cp "build/screenshots/$1.png" "docs/img/$2.png" && echo "docs/img/$2.png"; }
keep room-wide-night incident-room
