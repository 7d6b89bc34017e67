#!/bin/bash
# Prints every package of the module but those that match the patterns given.
set -euo pipefail
comm -23 <(go list ./... | sort) <(go list "$@" | sort)
