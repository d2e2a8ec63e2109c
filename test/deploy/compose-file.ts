/** What compose files say, as arguments of `docker run`: a test that starts a container by them cannot drift from them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Yaml = string | Yaml[] | { [key: string]: Yaml };
type Service = { [key: string]: Yaml };

/** Variables of the files; others have their defaults, whatever the environment of the tests says. */
type Variables = { [name: string]: string };

/** One service of compose files, of which later ones add to earlier ones. Errors: what the reader below does not know. */
export function composeService(files: readonly string[], name: string, variables: Variables = {}): Service {
  const merged: Service = {};
  for (const file of files) {
    const { services } = parseYaml(readFileSync(file, 'utf8'), variables) as { services: { [name: string]: Service } };
    for (const [key, value] of Object.entries(services[name] ?? {})) {
      const before = merged[key];
      if (Array.isArray(value) && Array.isArray(before)) merged[key] = [...before, ...value];
      else if (typeof value === 'object' && typeof before === 'object') merged[key] = { ...before, ...value } as Yaml;
      else merged[key] = value;
    }
  }
  if (Object.keys(merged).length === 0) throw new Error(`there is no service ${name} in ${files.join(', ')}`);
  return merged;
}

/**
 * Arguments of `docker run`, the image and its command included. Named volumes get the prefix of `id`, a published port
 * is a free one of the same address. Errors: a key without a counterpart here, so that a new one is not left out unseen.
 */
export function runArguments(folder: string, service: Service, image: string, id: string): string[] {
  const list = (value: Yaml) => (Array.isArray(value) ? value : [value]) as string[];
  const pairs = (value: Yaml) => Object.entries(value as Variables);
  const none = () => [];
  const flags: { [key: string]: (value: Yaml) => string[] } = {
    image: none,
    build: none,
    restart: none,
    depends_on: none,
    command: none,
    ports: (value) => list(value).map((port) => `--publish=${port.replace(/:\d+:(\d+)$/, '::$1')}`),
    environment: (value) => pairs(value).map(([key, text]) => `--env=${key}=${text}`),
    volumes: (value) => list(value).map((mount) => `--volume=${mount.replace(/^([\w-]+):/, `${id}-$1:`)}`),
    tmpfs: (value) => list(value).map((mount) => `--tmpfs=${mount}`),
    user: (value) => [`--user=${value}`],
    network_mode: (value) => [`--network=${value}`],
    read_only: (value) => [`--read-only=${value}`],
    cap_add: (value) => list(value).map((name) => `--cap-add=${name}`),
    cap_drop: (value) => list(value).map((name) => `--cap-drop=${name}`),
    security_opt: (value) =>
      list(value).map((option) => `--security-opt=${option.replace('=./', `=${join(folder, '/')}`)}`),
    mem_limit: (value) => [`--memory=${value}`],
    memswap_limit: (value) => [`--memory-swap=${value}`],
    pids_limit: (value) => [`--pids-limit=${value}`],
    ulimits: (value) => pairs(value).map(([key, text]) => `--ulimit=${key}=${text}`),
    stop_grace_period: (value) => [`--stop-timeout=${Number.parseInt(value as string, 10)}`],
    healthcheck: () => ['--no-healthcheck'],
  };
  const options = Object.entries(service).flatMap(([key, value]) => {
    const flag = flags[key];
    if (flag === undefined) throw new Error(`a compose file has ${key}, which this test does not pass on`);
    return flag(value);
  });
  return [...options, image, ...list(service.command ?? [])];
}

/** Maps and lists by indentation, plain scalars, comments, `${NAME:-default}`: all that our compose files use. */
export function parseYaml(text: string, variables: Variables = {}): Yaml {
  const interpolate = (line: string) =>
    line.replace(/\$\{(\w+):?-([^}]*)\}/g, (_, name, byDefault) => variables[name] ?? byDefault);
  const lines = text
    .split('\n')
    .map((line) => ({ indent: line.search(/\S/), text: interpolate(line.trim()) }))
    .filter((line) => line.text !== '' && !line.text.startsWith('#'));
  let at = 0;

  function block(indent: number): Yaml {
    if (lines[at]?.text.startsWith('- ')) {
      const items: Yaml[] = [];
      for (; lines[at]?.indent === indent && lines[at]?.text.startsWith('- '); at++)
        items.push(scalar((lines[at]?.text ?? '').slice(2)));
      return items;
    }
    const map: { [key: string]: Yaml } = {};
    while (lines[at]?.indent === indent) {
      const [, key, value] = /^([\w-]+):(?: (.*))?$/.exec(lines[at++]?.text ?? '') ?? [];
      if (key === undefined) throw new Error(`not understood: ${lines[at - 1]?.text}`);
      const next = lines[at]?.indent ?? -1;
      map[key] = value !== undefined ? scalar(value) : next > indent ? block(next) : '';
    }
    return map;
  }
  const all = block(0);
  if (at < lines.length) throw new Error(`not understood: ${lines[at]?.text}`);
  return all;
}

function scalar(text: string): string {
  if (/^["'[{&*!|>]|\s#/.test(text)) throw new Error(`not understood: ${text}`);
  return text.trim();
}
