/** The programs of the driver contract in shell, with the `cordon` command, and what results answer. */
import type { ContractPrograms, DriverUnderTest } from '../driver-contract.ts';

export const shellPrograms: ContractPrograms = {
  // Nothing keeps the order of two pipes but time.
  prints: 'echo out 1; sleep 0.5; echo err 1 >&2; sleep 0.5; echo out 2',
  printsAndSleeps: 'echo first; sleep 1; echo second',
  sleeps: 'n=$(cordon input); sleep $(printf "%d.%03d" $((n / 1000)) $((n % 1000))); cordon result "$n"',
  computes: 'while :; do :; done',
  waitsForHost: 'cordon memory get a',
  allocates: 'a=xxxxxxxxxxxxxxxx; while :; do a=$a$a; done',
  writesBytes: 'set -e; n=$(cordon input); head -c "$n" /dev/zero >first; head -c "$n" /dev/zero >second',
  makesFiles: 'set -e; for ((n = 0; ; n++)); do echo x >file$n; done',
  callsHost: 'set -e; while :; do cordon memory list >/dev/null; done',
  catchesBytes:
    'head -c "$(cordon input)" /dev/zero 2>/tmp/err >first || { grep -q "No space left" /tmp/err && cordon result \'"ENOSPC"\'; }',
  catchesFiles:
    'for ((n = 0; n < 100; n++)); do { echo x >file$n; } 2>/tmp/err || { grep -q "No space left" /tmp/err && cordon result \'"ENOSPC"\'; break; }; done',
  catchesCalls:
    'for ((n = 0; n < 100; n++)); do cordon memory list >/dev/null 2>/tmp/err || { grep -q QuotaExceeded /tmp/err && cordon result \'"QuotaExceeded"\'; break; }; done',
  printsMuch: 'head -c "$(cordon input)" /dev/zero | tr "\\0" x; cordon result \'"after"\'',
  answersMuch: 'echo before; cordon result "\\"$(head -c "$(cordon input)" /dev/zero | tr "\\0" x)\\""',
  leavesTraces: `
export TRACE=1
trace=1
echo 1 >/tmp/trace
mkdir -p "$HOME/trace"
cd /tmp
(sleep 0.1; echo trace; sleep 60) &
setsid sleep 60 &
trap 'echo trace' TERM
true`,
  findsTraces: `
sleep 0.25
found=
[ -z "\${TRACE-}\${trace-}" ] || found="$found environment"
[ ! -e /tmp/trace ] && [ ! -e "$HOME/trace" ] || found="$found files"
[ "$PWD" = /workspace ] || found="$found folder"
! pgrep -x sleep >/dev/null || found="$found processes"
cordon result "$(echo "$found" | jq -Rc 'split(" ") | map(select(. != ""))')"`,
  exits3: 'exit 3',
  exits0: 'exit 0',
  failsLater: [],
};

export const shellResults: DriverUnderTest['results'] = [
  ['nothing, of a command', 'echo 1', undefined],
  ['nothing, of an empty program', '', undefined],
  ['what is given as JSON', 'cordon result \'{"a": [1, {"b": true}], "c": null}\'', { a: [1, { b: true }], c: null }],
  ['what is given on standard input', 'echo "[1, 2]" | cordon result', [1, 2]],
  ['the last one given', 'cordon result 1; cordon result 2', 2],
  ['text with every kind of character', 'cordon result \'"é\\u0000\\ud83d\\ude00\\u2028"\'', 'é\u0000😀\u2028'],
];
