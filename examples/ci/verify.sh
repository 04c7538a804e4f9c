#!/bin/sh
# Verifies the containers that a command makes, on any CI server: exit code 0 only if the command succeeds and each
# container is isolated as asked. Reports are left in $REPORTS.
#
#   sudo ./verify.sh runc run -b bundle web
set -eu

: "${TRACER:=tracer}" "${REPORTS:=tracer-reports}" "${PRESET:=pss-baseline}"
if [ $# -eq 0 ]; then
    echo "usage: $0 CMD..." >&2
    exit 2
fi
mkdir -p "$REPORTS"
exec "$TRACER" verify --preset "$PRESET" \
    --json "$REPORTS/tracer.json" \
    --junit "$REPORTS/tracer.xml" \
    --html "$REPORTS/tracer.html" \
    -o compact -- "$@"
