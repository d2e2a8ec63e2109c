/** How the text of an environment variable becomes a setting: parsers that say what they take. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';

export interface Setting<T> {
  env: string;
  what: string;
  default: T;
  parse: (text: string) => T;
  secret?: boolean;
}

export const text = (value: string) => value;
export const list = (value: string) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Names of walls of isolates and of containers; a test holds them against the drivers. */
const walls = [
  ...['isolate', 'permissions', 'jail', 'seccomp', 'user', 'ram', 'container', 'gvisor', 'user-namespace'],
  ...['no-network', 'no-capabilities', 'no-new-privileges', 'read-only-root', 'unprivileged-user', 'cgroup'],
  'sized-workspace',
];

/** A wall that does not exist would refuse every run, and nothing could say why it does not stand. */
export function wallList(value: string): string[] {
  const names = list(value);
  const unknown = names.find((name) => name !== 'all' && !walls.includes(name));
  if (unknown !== undefined) throw new Error(`names ${unknown}, which is no wall: there are all, ${walls.join(', ')}`);
  return names;
}

/** A folder that is there; as an absolute path. */
export function folder(value: string): string {
  const path = resolve(value);
  if (!isFolder(path)) throw new Error(`must be a folder: ${path} is none`);
  return path;
}

/** The same, or one that a command will make. */
export function folderToMake(value: string): string {
  const path = resolve(value);
  if (isFolder(path) === false) throw new Error(`must be a folder: ${path} is none`);
  return path;
}

/** Undefined: there is nothing. */
function isFolder(path: string): boolean | undefined {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Error(`must be a folder: ${path} cannot be looked at (${code})`);
  }
}

export function integer(minimum: number, maximum: number) {
  return (value: string) => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < minimum || number > maximum)
      throw new Error(`must be a whole number from ${minimum} to ${maximum}`);
    return number;
  };
}

export function oneOf<const T extends string>(...allowed: T[]) {
  return (value: string): T => {
    if (!allowed.includes(value as T)) throw new Error(`must be one of ${allowed.join(', ')}`);
    return value as T;
  };
}

export function engineAddress(value: string): string {
  if (value === 'none' || /^unix:\/\/\/./.test(value)) return value;
  if (URL.canParse(value) && new URL(value).protocol === 'tcp:' && new URL(value).hostname !== '') return value;
  throw new Error('must be unix:///path, tcp://host:port or none');
}

export const setting = <T>(
  env: string,
  defaultValue: T,
  parse: (text: string) => T,
  what: string,
  secret = false,
): Setting<T> => ({
  env,
  what,
  default: defaultValue,
  parse,
  secret,
});

export function masterKey(value: string): string {
  if (Buffer.from(value, 'base64').length === 32 && /^[A-Za-z0-9+/]{43}=$/.test(value)) return value;
  throw new Error('must be 32 bytes in base64');
}

export function httpAddress(value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw new Error('must be an http or https address');
}

/** It becomes a part of the service's host name. */
export function awsRegion(value: string): string {
  if (/^[a-z]{2,8}(-[a-z0-9]{1,16}){2,4}$/.test(value)) return value;
  throw new Error('must be the name of a region, such as eu-central-1');
}

/** The start of a name in AWS Secrets Manager, without the `/` that follows. */
export function secretsPrefix(value: string): string {
  if (/^[\w+=.@-]+(\/[\w+=.@-]+)*$/.test(value) && value.length <= 256) return value;
  throw new Error('must be names of letters, digits and _ + = . @ - with / between them, not at the end');
}

/** Unset by default. */
export const optional = <T>(
  env: string,
  parse: (text: string) => T,
  what: string,
  secret = false,
): Setting<T | undefined> => setting<T | undefined>(env, undefined, parse, what, secret);
