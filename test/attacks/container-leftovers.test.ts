/** What one run leaves for the next one of its agent, and where nothing may be left for anybody. */
import { expect } from 'vitest';
import type { Attack, Scene } from './attack.ts';
import { containerAttacks } from './attacks.ts';

type Next = [language: 'shell' | 'python' | 'javascript', code: string, result: unknown];

/** A next run of the same agent, which must go as if nothing had been planted. */
const nextRuns =
  (...runs: Next[]) =>
  async ({ arena, agent }: Scene): Promise<void> => {
    for (const [language, code, result] of runs) {
      const { ended, answer } = await arena.attack({ language, code, input: { n: 20 } }, agent);
      expect([language, ended, answer.json.result, answer.json.stdout], JSON.stringify(answer.json)).toEqual([
        language,
        'succeeded',
        result,
        '',
      ]);
    }
  };

const shell: Next = ['shell', 'cordon result "$(($(cordon input n) + 1))"', 21];
const python: Next = ['python', 'from cordon import input\nimport json, random, re\ninput["n"] + 1', 21];
const javascript: Next = [
  'javascript',
  "import { input } from 'cordon'; import fs from 'node:fs'; export default input.n + 1",
  21,
];

/** A shared library that prints from its constructor, made without a compiler: what the loader takes for one is enough. */
const planted = (name: string, code: string, ...runs: Next[]): Attack => ({
  name: `${name} does not reach the next run`,
  language: 'shell',
  code,
  ends: 'succeeded',
  limits: { files: 200 },
  after: nextRuns(...runs),
});

const list: Attack[] = [
  planted(
    'what start-up files of the shell say, in /workspace and in HOME',
    `
for name in .bashrc .bash_profile .profile .bash_login .bash_logout .inputrc .env; do echo 'echo evil; exit 1' >$name; echo 'echo evil; exit 1' >"$HOME/$name"; done
echo 'echo evil' >main.sh; export BASH_ENV=/workspace/.bashrc ENV=/workspace/.bashrc PROMPT_COMMAND='echo evil'`,
    shell,
    python,
  ),
  planted(
    'what Python loads by itself: sitecustomize, usercustomize, .pth, PYTHONSTARTUP, pyvenv.cfg, caches',
    `
for name in sitecustomize.py usercustomize.py main.py __main__.py run.py supervisor.py; do echo 'print("evil"); raise SystemExit(1)' >$name; done
mkdir -p "$HOME/.local/lib/python3.11/site-packages" .local/lib/python3.11/site-packages __pycache__
echo 'import os; print("evil")' | tee "$HOME/.local/lib/python3.11/site-packages/evil.pth" >.local/lib/python3.11/site-packages/evil.pth
echo 'home = /workspace' >pyvenv.cfg; echo 'home = /workspace' >"$HOME/pyvenv.cfg"; cp sitecustomize.py .local/lib/python3.11/site-packages/`,
    python,
    shell,
  ),
  planted(
    'what Node.js loads by itself: NODE_OPTIONS files, node.config.json, .npmrc, package.json, hooks',
    `
echo 'console.log("evil"); process.exit(1)' | tee evil.js main.js run.mjs index.js >/dev/null
echo '{"nodeOptions":{"require":["./evil.js"],"import":["./evil.js"]}}' >node.config.json
echo 'NODE_OPTIONS=--require=/workspace/evil.js' | tee .env .npmrc .noderc >/dev/null`,
    javascript,
    shell,
  ),
  planted(
    'a module cordon of one’s own, in Python',
    `
echo 'print("evil"); input = {"n": 1}; memory = None' >cordon.py
mkdir -p _cordon; echo 'print("evil")' | tee _cordon/__init__.py _cordon/main.py _cordon/door.py >/dev/null`,
    python,
    shell,
  ),
  planted(
    'a package cordon of one’s own, in node_modules of /workspace and above',
    `
mkdir -p node_modules/cordon; echo 'console.log("evil"); export const input = { n: 1 };' >node_modules/cordon/index.mjs
echo '{"name":"cordon","type":"module","exports":"./index.mjs","main":"./index.mjs"}' >node_modules/cordon/package.json
cp -r node_modules /tmp/; cp -r node_modules "$HOME/"`,
    javascript,
    shell,
  ),
  planted(
    'a command cordon, and commands that scripts call, in /workspace',
    `
for name in cordon python3 python node bash sh ls cat; do printf '#!/bin/sh\\necho evil\\n' >$name; chmod +x $name; done; mkdir -p bin; cp cordon bin/`,
    shell,
    python,
    javascript,
  ),
  planted(
    'a library for LD_PRELOAD, ld.so.preload and LD_LIBRARY_PATH',
    `
head -c 64 /usr/bin/id >evil.so; cp evil.so libc.so.6; cp evil.so libdl.so.2; export LD_PRELOAD=/workspace/evil.so LD_LIBRARY_PATH=/workspace
echo /workspace/evil.so >/etc/ld.so.preload 2>/dev/null; unset LD_PRELOAD LD_LIBRARY_PATH; true`,
    shell,
    python,
    javascript,
  ),
  planted(
    'hooks and settings of git',
    `
git init -q . 2>/dev/null; mkdir -p .git/hooks; printf '#!/bin/sh\\necho evil\\n' | tee .git/hooks/post-checkout >.git/hooks/pre-commit; chmod +x .git/hooks/*
printf '[core]\\n\\tfsmonitor = echo evil\\n\\tpager = echo evil\\n' >.gitconfig; cp .gitconfig "$HOME/.gitconfig"`,
    shell,
    python,
  ),
  {
    name: 'an injected library takes over the program that asked for it, its own, and tells no more than it',
    language: 'shell',
    code: `
export LD_PRELOAD=/workspace/none.so PYTHONSTARTUP=/workspace/s.py PYTHONPATH=/workspace PYTHONHOME=/nowhere NODE_OPTIONS=--require=/workspace/e.js BASH_ENV=/workspace/b.sh
echo 'print("from PYTHONPATH")' >sitecustomize.py; echo 'echo from BASH_ENV' >b.sh
cordon result '"own"'`,
    ends: /^(succeeded|failed ExitCode)$/,
  },
  {
    name: 'nothing outside of /workspace is there for the next run: /tmp, HOME, shared memory, queues, processes, names',
    language: 'shell',
    code: `
for folder in /tmp "$HOME" /dev/shm /var/tmp /run /run/cordon /tmp/.cordon; do echo trace >"$folder/trace" 2>/dev/null; done
python3 -c "
import ctypes
libc = ctypes.CDLL(None)
libc.shmget(4711, 4096, 0o1666); libc.msgget(4711, 0o1666)
" ; setsid sleep 60 & true`,
    ends: 'succeeded',
    after: nextRuns([
      'python',
      `
import ctypes, os
libc = ctypes.CDLL(None)
found = [folder for folder in ('/tmp', os.environ['HOME'], '/dev/shm', '/var/tmp', '/run', '/run/cordon', '/tmp/.cordon') if os.path.exists(f'{folder}/trace')]
if libc.shmget(4711, 4096, 0) >= 0 or libc.msgget(4711, 0) >= 0: found.append('System V')
found += [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) not in (1, os.getpid(), os.getppid())]
found`,
      [],
    ]),
  },
  {
    name: 'inputs, programs and files of a run beside it, of the same agent, are not to be found but in /workspace',
    language: 'shell',
    code: 'sleep 2; cordon result 1',
    input: { password: 'cordon-run-beside' },
    ends: 'succeeded',
    async meanwhile({ arena, agent }) {
      const code = `
found=$(grep -rls 'cordon-run-besid[e]' /tmp /workspace /run /dev/shm /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null)
cordon result "$(jq -n --arg f "$found" '$f')"`;
      for (let n = 0; n < 3; n++) {
        const { ended, answer } = await arena.attack({ language: 'shell', code, input: {} }, agent);
        expect([ended, answer.json.result]).toEqual(['succeeded', '']);
      }
    },
  },
];

containerAttacks(
  'containers: what is left',
  list.map((attack) => ({
    underGvisor: 'mkdir, cp and grep need statx, which Debian’s runsc does not know',
    ...attack,
  })),
);
