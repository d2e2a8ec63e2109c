/**
 * Runs a command with this project's packages in place: `node scripts/with-dependencies.mjs [--env NAME=VALUE] COMMAND ARG...`
 * Plain JavaScript for Node.js 20, because it runs before anything is installed. `node` in the command is the Node.js of
 * node_modules/.bin.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');
const lockFile = join(root, '.npm-ci.lock');
const say = (text) => process.stderr.write(`${text}\n`);

/** Whether node_modules holds what package-lock.json says. npm writes its own lock file last, so a broken install has none. */
function installed() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const present = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    const same = (name) =>
      present[name]?.version === wanted[name].version && present[name]?.integrity === wanted[name].integrity;
    return (
      existsSync(join(bin, 'node')) &&
      Object.keys(wanted).every((name) => name === '' || wanted[name].optional || same(name))
    );
  } catch {
    return false;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Takes the lock that one install holds. Waits while its holder lives; false when the holder installed meanwhile. */
async function takeLock() {
  for (let waited = 0; ; waited++) {
    try {
      writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
      process.once('exit', () => rmSync(lockFile, { force: true }));
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (waited === 0) say('Waiting for another command that installs the packages...');
    await sleep(200);
    let holder = '';
    try {
      holder = readFileSync(lockFile, 'utf8');
    } catch {
      if (installed()) return false;
    }
    // Empty: the holder is between creating and writing it.
    if (holder !== '' && !alive(Number(holder))) rmSync(lockFile, { force: true });
  }
}

async function install() {
  if (!(await takeLock())) return;
  if (installed()) return rmSync(lockFile, { force: true });
  say('Installing packages (npm ci), once: this can take a minute...');
  const npm = process.env.npm_execpath;
  const [command, first] = npm?.endsWith('npm-cli.js') ? [process.execPath, [npm]] : ['npm', []];
  let output = '';
  const keep = (chunk) => {
    output = (output + chunk).slice(-4000);
  };
  const { code } = await run(
    command,
    [...first, 'ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Shown only when it fails, and then whole: an outer `npm --silent` must not hide why.
      env: { ...process.env, npm_config_loglevel: 'warn' },
      started: (child) => {
        child.stdout.on('data', keep);
        child.stderr.on('data', keep);
      },
    },
  );
  rmSync(lockFile, { force: true });
  if (code === 0 && existsSync(join(bin, 'node'))) return;
  // The cause comes first; npm's help on usage follows.
  const errors = output.split('\n').filter((line) => line.startsWith('npm error'));
  say((errors.length > 0 ? errors : output.trim().split('\n')).slice(0, 20).join('\n'));
  if (code !== 0)
    say('cordon: npm ci failed (its own words are above). Repair the cause, then run the same command again.');
  else
    say(
      `cordon: there is no Node.js package for ${process.platform}-${process.arch}. Linux on x64 or arm64 is needed.`,
    );
  process.exit(1);
}

/** Runs a child until its end and passes signals on to it. */
function run(command, args, { started, ...options }) {
  return new Promise((resolve) => {
    const forward = (signal) => child.kill(signal);
    // Before the child is there: it may be quick to make others send a signal.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    const child = spawn(command, args, options);
    child.once('error', (error) => {
      say(`cordon: ${command} cannot be started: ${error.message}`);
      clearInterval(orphaned);
      resolve({ code: 127 });
    });
    // npm's shell does not pass SIGTERM on: it dies and leaves this process behind, which nobody could then end.
    const parent = process.ppid;
    const orphaned = setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 250);
    if (process.env.npm_lifecycle_event === undefined) clearInterval(orphaned);
    child.once('close', (code, signal) => {
      clearInterval(orphaned);
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, forward);
      resolve({ code: code ?? 128 + constants.signals[signal] });
    });
    started?.(child);
  });
}

const args = process.argv.slice(2);
const env = { ...process.env };
while (args[0] === '--env') {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(args[1] ?? '') ?? [];
  if (name === undefined) {
    say('cordon: --env needs NAME=VALUE');
    process.exit(2);
  }
  env[name] = value;
  args.splice(0, 2);
}
const [command, ...rest] = args;
if (command === undefined) {
  say('usage: node scripts/with-dependencies.mjs [--env NAME=VALUE] COMMAND [ARG...]');
  process.exit(2);
}

if (!installed()) await install();
env.PATH = `${bin}${delimiter}${env.PATH ?? ''}`;
// Compiled code and stripped types are kept between starts.
if (command === 'node') env.NODE_COMPILE_CACHE ??= join(root, 'node_modules/.cache/node');
const { code } = await run(command, rest, { stdio: 'inherit', env });
process.exit(code);
