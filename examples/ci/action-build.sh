#!/usr/bin/env bash
# The first step of action.yml: the program that is named, or one built from the action's own sources.
set -euo pipefail

if program=$(command -v "$TRACER_PROGRAM"); then
    echo "program=$(realpath "$program")" >>"$GITHUB_OUTPUT"
    exit 0
fi
if [ "$TRACER_PROGRAM" != tracer ]; then
    echo "::error title=tracer::there is no program $TRACER_PROGRAM"
    exit 1
fi
cd "$GITHUB_ACTION_PATH"
cargo xtask setup
cargo build --release --package tracer
echo "program=$GITHUB_ACTION_PATH/target/release/tracer" >>"$GITHUB_OUTPUT"
