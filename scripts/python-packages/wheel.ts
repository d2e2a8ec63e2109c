/** What a wheel says about itself. Formats: PyPA "Binary distribution format" and "Core metadata specifications". */
import { isPythonName, normalName, type PythonDistribution } from '../../runtime/run/python-lock.ts';
import { readZip } from './zip.ts';

/** The interpreter that wheels must fit. */
export interface Interpreter {
  /** `2026_0` */
  abi: string;
  /** `emscripten_5_0_3` */
  platform: string;
  /** `3.14.2` */
  python: string;
}

const NAME = /^(?<name>[^-]+)-(?<version>[^-]+)(-\d[^-]*)?-(?<python>[^-]+)-(?<abi>[^-]+)-(?<platform>[^-]+)\.whl$/;

/** A list entry for a wheel. Errors: Error that says why it cannot be served. */
export function readWheel(
  fileName: string,
  bytes: Buffer,
  interpreter: Interpreter,
): Omit<PythonDistribution, 'sha256'> {
  const parts = NAME.exec(fileName)?.groups;
  if (parts === undefined) throw new Error('its name is not that of a wheel (NAME-VERSION-PYTHON-ABI-PLATFORM.whl)');
  const { python = '', abi = '', platform = '' } = parts;
  if (!fits({ python, abi, platform }, interpreter)) {
    const { abi } = interpreter;
    throw new Error(
      `it is made for ${python}-${abi}-${platform}: only pure Python wheels (py3-none-any) and those for Pyodide's ABI (pyemscripten_${abi}_wasm32) run here`,
    );
  }
  const zip = readZip(bytes);
  const metadataNames = zip.names.filter((name) => /^[^/]+\.dist-info\/METADATA$/.test(name));
  if (metadataNames.length !== 1) throw new Error('it must have one .dist-info folder with METADATA');
  const headers = readHeaders(zip.read(metadataNames[0] as string).toString('utf8'));
  const name = normalName(headers.get('name')?.[0] ?? '');
  const version = headers.get('version')?.[0] ?? '';
  if (name !== normalName(parts.name ?? ''))
    throw new Error(`its METADATA is that of ${JSON.stringify(name)}, which its name does not say`);
  return {
    name,
    version,
    fileName,
    imports: topLevelModules(zip.names),
    depends: unconditional(headers.get('requires-dist') ?? []),
    installDir: 'site',
  };
}

/** Each part of a tag may be a set: `py2.py3-none-any`. */
function fits(tag: { python: string; abi: string; platform: string }, interpreter: Interpreter): boolean {
  const minor = Number(interpreter.python.split('.')[1]);
  const upTo = (prefix: string) => (text: string) => {
    const found = new RegExp(`^${prefix}3(\\d*)$`).exec(text);
    return found !== null && (found[1] === '' ? prefix === 'py' : Number(found[1]) <= minor);
  };
  const pythons = tag.python.split('.');
  const abis = tag.abi.split('.');
  const platforms = tag.platform.split('.');
  const here = [`pyemscripten_${interpreter.abi}`, `pyodide_${interpreter.abi}`, interpreter.platform];
  const anywhere = platforms.includes('any');
  if (!anywhere && !here.some((name) => platforms.includes(`${name}_wasm32`))) return false;
  if (abis.includes('none') && pythons.some((text) => upTo('py')(text) || text === `cp3${minor}`)) return true;
  if (anywhere) return false;
  return (
    (abis.includes('abi3') && pythons.some(upTo('cp'))) ||
    (abis.includes(`cp3${minor}`) && pythons.includes(`cp3${minor}`))
  );
}

/** Headers as in a mail, by lower-case name; the description follows after an empty line. */
function readHeaders(text: string): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  const [head = ''] = text.replaceAll('\r\n', '\n').split('\n\n', 1);
  for (const line of head.replaceAll(/\n[ \t]+/g, ' ').split('\n')) {
    const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), value.trim()]);
  }
  return headers;
}

/**
 * Requirements without a marker. Those with one (extras, other platforms, other versions) are found all the same if the
 * program imports them and they are in the folder.
 */
function unconditional(requirements: string[]): string[] {
  const names = requirements
    .filter((requirement) => !requirement.includes(';'))
    .map((requirement) => /^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?/.exec(requirement)?.[0])
    .filter((name) => name !== undefined);
  return [...new Set(names.map(normalName))];
}

/** What lies at the top of the wheel is what can be imported; top_level.txt is optional and often out of date. */
function topLevelModules(names: readonly string[]): string[] {
  const found = new Set<string>();
  for (const name of names) {
    const path = name.replace(/^[^/]+\.data\/(purelib|platlib)\//, '');
    const [top = '', ...below] = path.split('/');
    if (/\.(dist-info|data)$/.test(top)) continue;
    const isModule = /\.(py|so)$/.test(path);
    const module = below.length > 0 ? top : (top.split('.')[0] ?? '');
    if (isModule && isPythonName(module)) found.add(module);
  }
  return [...found].sort();
}
