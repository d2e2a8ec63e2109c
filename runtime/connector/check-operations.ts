/** Checks of operations: of hand-written lists, catalog entries and what documents give. Errors: CordonError `validation_failed`, `too_large`. */
import { checkObject } from '../agent/checks.ts';
import { CordonError, fieldError } from '../errors.ts';
import { checkHosts } from './check-hosts.ts';
import { type Effect, effects, type Operation, type OperationParameter } from './connector.ts';
import { BadTemplate, type PathTemplate, parsePathTemplate } from './path-template.ts';

export const MAXIMUM_OPERATIONS = 5000;
const MAXIMUM_PARAMETERS = 1000;
/** All operations of a connector as JSON. */
const MAXIMUM_BYTES = 8 * 1024 * 1024;
export const operationName = /^[A-Za-z0-9][A-Za-z0-9._/{}-]{0,199}$/;
export const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const places = ['path', 'query', 'header', 'body'];

const known = new Set(
  'name method otherMethods path effect danger parameters hosts strictQuery refuseHeaders rawBody'.split(' '),
);

/** `OperationInput[]` as operations. `basePath` goes before every path. */
export function checkOperations(value: unknown, basePath = '', field = 'operations'): Operation[] {
  if (!Array.isArray(value) || value.length === 0) throw fieldError(field, 'must be a list of at least one operation');
  if (value.length > MAXIMUM_OPERATIONS) throw fieldError(field, `must have at most ${MAXIMUM_OPERATIONS} operations`);
  const operations = value.map((one: unknown, index) => checkOperation(one, basePath, `${field}.${index}`));
  const [twice] = sameRequests(operations);
  if (twice) throw fieldError(`${field}.${twice.index}.path`, `means the same requests as ${twice.first.name}`);
  checkNames(operations, field);
  checkSize(operations, field);
  return operations;
}

function checkOperation(value: unknown, basePath: string, field: string): Operation {
  const input = checkObject(value, field);
  for (const key of Object.keys(input))
    if (!known.has(key)) throw fieldError(`${field}.${key.slice(0, 100)}`, 'is not known');
  const { name, method, otherMethods, path, effect, danger, parameters, hosts, strictQuery, refuseHeaders, rawBody } =
    input;
  if (typeof name !== 'string' || !operationName.test(name))
    throw fieldError(
      `${field}.name`,
      'must be 1 to 200 letters, digits, ., _, -, /, { and }, the first a letter or digit',
    );
  if (!methods.includes(method as string)) throw fieldError(`${field}.method`, `must be one of ${methods.join(', ')}`);
  const others = otherMethods === undefined ? [] : checkTexts(otherMethods, `${field}.otherMethods`, methods.length);
  for (const other of others)
    if (!methods.includes(other) || other === method)
      throw fieldError(`${field}.otherMethods`, `must be other ones of ${methods.join(', ')}`);
  if (typeof path !== 'string') throw fieldError(`${field}.path`, 'must be text');
  const template = checkPath(basePath + path, `${field}.path`);
  if (!effects.includes(effect as Effect)) throw fieldError(`${field}.effect`, `must be one of ${effects.join(', ')}`);
  if (danger !== undefined && (typeof danger !== 'string' || danger === '' || danger.length > 500))
    throw fieldError(`${field}.danger`, 'must be text of 1 to 500 characters');
  if (strictQuery !== undefined && strictQuery !== true)
    throw fieldError(`${field}.strictQuery`, 'must be true or absent');
  if (rawBody !== undefined && rawBody !== true) throw fieldError(`${field}.rawBody`, 'must be true or absent');
  const refused = refuseHeaders === undefined ? [] : checkTexts(refuseHeaders, `${field}.refuseHeaders`, 50);
  for (const header of refused)
    if (!/^[a-z0-9!#$&'*+.^_`|~-]{1,100}$/.test(header))
      throw fieldError(`${field}.refuseHeaders`, 'must be names of headers in lower case');
  return {
    name,
    method: method as string,
    ...(others.length > 0 ? { otherMethods: others } : {}),
    path: template.text,
    effect: effect as Effect,
    ...(danger === undefined ? {} : { danger: danger as string }),
    parameters: withPathParameters(checkParameters(parameters ?? [], `${field}.parameters`), template),
    ...(hosts === undefined ? {} : { origins: checkHosts(hosts, `${field}.hosts`) }),
    ...(strictQuery === true ? { strictQuery } : {}),
    ...(refused.length > 0 ? { refuseHeaders: refused } : {}),
    ...(rawBody === true ? { rawBody } : {}),
  };
}

export function checkPath(path: string, field: string): PathTemplate {
  try {
    return parsePathTemplate(path);
  } catch (error) {
    if (error instanceof BadTemplate) throw fieldError(field, error.message);
    throw error;
  }
}

function checkParameters(value: unknown, field: string): OperationParameter[] {
  if (!Array.isArray(value) || value.length > MAXIMUM_PARAMETERS)
    throw fieldError(field, `must be a list of at most ${MAXIMUM_PARAMETERS} parameters`);
  return value.map((one: unknown, index) => {
    const at = `${field}.${index}`;
    const { name, in: place, required, aliases, ...rest } = checkObject(one, at);
    const [odd] = Object.keys(rest);
    if (odd !== undefined) throw fieldError(`${at}.${odd.slice(0, 100)}`, 'is not known');
    if (typeof name !== 'string' || name === '' || name.length > 200)
      throw fieldError(`${at}.name`, 'must be text of 1 to 200 characters');
    if (!places.includes(place as string)) throw fieldError(`${at}.in`, `must be one of ${places.join(', ')}`);
    if (required !== undefined && typeof required !== 'boolean')
      throw fieldError(`${at}.required`, 'must be true or false');
    const others = aliases === undefined ? [] : checkTexts(aliases, `${at}.aliases`, 20);
    return {
      name,
      in: place as OperationParameter['in'],
      ...(required === true ? { required } : {}),
      ...(others.length > 0 ? { aliases: others } : {}),
    };
  });
}

/** Those of the path are always parameters, and required. */
export function withPathParameters(parameters: OperationParameter[], { names }: PathTemplate): OperationParameter[] {
  const given = new Map(parameters.filter((one) => one.in === 'path').map((one) => [one.name, one]));
  return [
    ...names.map((name) => ({ ...given.get(name), name, in: 'path' as const, required: true })),
    ...parameters.filter((one) => one.in !== 'path'),
  ];
}

/** Texts of at most 200 characters, none empty. */
export function checkTexts(value: unknown, field: string, maximum: number): string[] {
  const isText = (one: unknown) => typeof one === 'string' && one !== '' && one.length <= 200;
  if (!Array.isArray(value) || value.length > maximum || !value.every(isText))
    throw fieldError(field, `must be a list of at most ${maximum} texts of 1 to 200 characters`);
  return value as string[];
}

export function checkNames(operations: readonly Operation[], field: string): void {
  const names = new Set<string>();
  for (const [index, { name }] of operations.entries()) {
    if (names.has(name)) throw fieldError(`${field}.${index}.name`, `is used twice: ${name}`);
    names.add(name);
  }
}

export function checkSize(operations: readonly Operation[], field: string): void {
  const bytes = Buffer.byteLength(JSON.stringify(operations));
  if (bytes <= MAXIMUM_BYTES) return;
  const message = `the operations take ${bytes} bytes, more than the limit of ${MAXIMUM_BYTES}`;
  throw new CordonError('too_large', `${field}: ${message}`, { errors: [{ field, message }] });
}

/** Operations that no request could be told apart by: method, shape of the path and query are equal, and a host is. */
export function sameRequests(operations: readonly Operation[]): { index: number; first: Operation }[] {
  const seen = new Map<string, Operation>();
  const twice: { index: number; first: Operation }[] = [];
  for (const [index, operation] of operations.entries()) {
    const { shape, query } = parsePathTemplate(operation.path);
    const wanted = query.map(({ name, value }) => `${name}=${value}`).sort();
    const all = [operation.method, ...(operation.otherMethods ?? [])];
    const keys = all.flatMap((method) =>
      (operation.origins ?? ['']).map((origin) => `${method} ${origin}${shape}?${wanted.join('&')}`),
    );
    const known = keys.find((key) => seen.has(key));
    if (known !== undefined) twice.push({ index, first: seen.get(known)! });
    else for (const key of keys) seen.set(key, operation);
  }
  return twice;
}
