#!/usr/bin/env bash
# Run the named make targets one after the other, all of them even after a failure, and sum up.
# The last lines are the timings and each stage's own closing line; the exit code is 1 if any failed.
set -uo pipefail

logs=build/logs
mkdir -p "$logs"
# What goes through tee is for a log.
export NO_COLOR=1 ANSIBLE_NOCOLOR=1 PYTHONUNBUFFERED=1
failed=()
summary=()
started=$SECONDS

for stage in "$@"; do
    printf '\n===== %s =====\n' "$stage"
    before=$SECONDS
    if make --keep-going --no-print-directory "$stage" </dev/null 2>&1 | tee "$logs/$stage.log"; then
        outcome=ok
    else
        outcome=FAILED
        failed+=("$stage")
    fi
    summary+=("$(printf '%-12s %-6s %5d s' "$stage" "$outcome" $((SECONDS - before)))")
done

printf '\n===== timings =====\n'
printf '%s\n' "${summary[@]}"
printf '%-12s %-6s %5d s\n\n' all '' $((SECONDS - started))
for stage in "$@"; do
    # pytest's closing lines, where the stage is one or more pytest runs
    grep -E '^=+ .*(passed|failed|error).* =+$' "$logs/$stage.log" | while read -r closing; do
        printf '%-12s %s\n' "$stage" "$closing"
    done
done
if [ ${#failed[@]} -gt 0 ]; then
    printf '\nfailed: %s\n' "${failed[*]}"
    exit 1
fi
