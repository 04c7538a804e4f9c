#!/usr/bin/env bash
# The second step of action.yml: runs the command under tracer, and hands on verdict and reports.
set -euo pipefail

words=(verify)
# One word a line of a variable, after its flag.
add() {
    local flag=$1 line
    while IFS= read -r line; do
        [ -z "$line" ] || words+=("$flag" "$line")
    done <<<"$2"
}
add --preset "$TRACER_PRESET"
add --expect "$TRACER_EXPECT"
add --bundle "$TRACER_BUNDLE"
add --rule "$TRACER_RULE"
add --daemon "$TRACER_DAEMON"
[ "$TRACER_INFER" != true ] || words+=(--infer)
[ "$TRACER_ENFORCE" != true ] || words+=(--enforce)

mkdir -p "$TRACER_REPORTS"
# An older report must not be taken for this run's.
rm -f "$TRACER_REPORTS"/tracer.{json,xml,sarif,html}
words+=(--json "$TRACER_REPORTS/tracer.json" --junit "$TRACER_REPORTS/tracer.xml"
    --sarif "$TRACER_REPORTS/tracer.sarif" --html "$TRACER_REPORTS/tracer.html")
if [ "$TRACER_INFER" = true ]; then
    # What is inferred is read from the command's own words, so it must not hide behind a shell.
    eval "set -- $TRACER_RUN"
else
    set -- sh -c "$TRACER_RUN"
fi

# Observing the kernel needs root; GitHub's variables have to come along for annotations and summary.
elevate=()
[ "$(id -u)" = 0 ] || elevate=(sudo --preserve-env=GITHUB_ACTIONS,GITHUB_STEP_SUMMARY)
code=0
"${elevate[@]}" "$TRACER_PROGRAM" "${words[@]}" -- "$@" || code=$?
[ "$(id -u)" = 0 ] || sudo chown -R "$(id -u):$(id -g)" "$TRACER_REPORTS"

verdict=error
case $code in
120) verdict=fail ;;
121) verdict=inconclusive ;;
esac
if [ -s "$TRACER_REPORTS/tracer.json" ]; then
    # The last of that name at this depth: members are sorted, and the document's own verdict is outermost.
    found=$(sed -n 's/^  "verdict": "\([a-z]*\)",\{0,1\}$/\1/p' "$TRACER_REPORTS/tracer.json")
    [ -z "$found" ] || verdict=$found
fi
{
    echo "verdict=$verdict"
    echo "exit-code=$code"
    for pair in json:json junit:xml sarif:sarif html:html; do
        file=$TRACER_REPORTS/tracer.${pair#*:}
        [ ! -s "$file" ] || echo "${pair%:*}=$file"
    done
} >>"$GITHUB_OUTPUT"
exit "$code"
