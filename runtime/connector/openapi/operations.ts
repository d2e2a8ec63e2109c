/** The operations of a document. */
import type { JsonObject } from '../../json.ts';
import { methods as knownMethods, operationName, withPathParameters } from '../check-operations.ts';
import type { Operation, OperationParameter } from '../connector.ts';
import { BadTemplate, parsePathTemplate } from '../path-template.ts';
import { guessDanger, guessEffect, isEffect } from './effects.ts';
import { readParameters } from './parameters.ts';
import { forPeople, isObject, type Lookup, own, ownText } from './resolve.ts';
import { readServers, type Server } from './servers.ts';

export interface OutlineOptions {
  documentUrl: string | undefined;
  /** Base path and origins of the document as a whole. */
  main: { basePath: string; origins: string[] };
  /** The base path is the caller's: those of servers do not count. */
  isFixed: boolean;
}

const MAXIMUM_LEFT_OUT = 100;

/** `leftOut`: a line for each that cannot be used, and why. */
export function readOperations(
  document: JsonObject,
  lookup: Lookup,
  options: OutlineOptions,
): { operations: Operation[]; leftOut: string[] } {
  const operations = new Map<string, Operation>();
  const leftOut: string[] = [];
  const names = new Set<string>();
  const paths = Object.entries(lookup.object(own(document, 'paths')) ?? {});
  // A fragment behind a path makes it a second key for the same requests: the plain one names the operation.
  const isVariant = ([path]: [string, unknown]) => path.includes('#');
  for (const [key, item] of [...paths.filter((one) => !isVariant(one)), ...paths.filter(isVariant)]) {
    const pathItem = lookup.object(item);
    const path = key.replace(/#.*$/s, '');
    if (!pathItem || !path.startsWith('/')) continue;
    for (const [name, value] of Object.entries(pathItem)) {
      const method = name.toUpperCase();
      if (!knownMethods.includes(method) || !isObject(value)) continue;
      const line = `${method} ${path}`;
      try {
        const { operation, isCut } = readOperation({ path, method, pathItem, value, lookup, names, options });
        const same = operations.get(line);
        operations.set(line, same ? both(same, operation) : operation);
        if (isCut) leftOut.push(`${line.slice(0, 200)}: parameters beyond the first ${operation.parameters.length}`);
      } catch (error) {
        if (!(error instanceof BadTemplate)) throw error;
        leftOut.push(`${line.slice(0, 200)}: its path ${error.message}`);
      }
    }
  }
  return { operations: [...operations.values()], leftOut: shortened(leftOut) };
}

/** Two descriptions of the same requests: the graver effect counts. */
export function both(one: Operation, other: Operation): Operation {
  const gravity = (operation: Operation) => ['read', 'write', 'delete', 'send'].indexOf(operation.effect);
  const graver = gravity(other) > gravity(one) ? other : one;
  // Their paths name the same values, maybe by other names.
  const isNew = ({ name, in: place }: OperationParameter) =>
    place !== 'path' && !one.parameters.some((known) => known.name === name && known.in === place);
  return {
    ...one,
    effect: graver.effect,
    ...(graver.danger === undefined ? {} : { danger: graver.danger }),
    parameters: [...one.parameters, ...other.parameters.filter(isNew)],
  };
}

export const shortened = (lines: string[]): string[] =>
  lines.length <= MAXIMUM_LEFT_OUT
    ? lines
    : [...lines.slice(0, MAXIMUM_LEFT_OUT), `and ${lines.length - MAXIMUM_LEFT_OUT} more`];

interface Place {
  path: string;
  method: string;
  pathItem: JsonObject;
  value: JsonObject;
  lookup: Lookup;
  names: Set<string>;
  options: OutlineOptions;
}

/** Errors: BadTemplate. */
function readOperation({ path, method, pathItem, value, lookup, names, options }: Place) {
  const { basePath, origins } = whereOf(value, pathItem, options);
  const template = parsePathTemplate(basePath + path);
  const id = ownText(value, 'operationId') ?? '';
  const summary = ownText(value, 'summary') ?? '';
  const words = { method, id, path, summary };
  const stated = own(value, 'x-cordon-effect');
  const effect = isEffect(stated) ? stated : guessEffect(words);
  const danger = forPeople(ownText(value, 'x-cordon-danger')?.slice(0, 500) ?? '') || guessDanger(words, effect);
  const { parameters, isCut } = readParameters(lookup, pathItem, value);
  const operation: Operation = {
    name: nameOf(id === '' ? `${method.toLowerCase()}${path}` : id, names),
    method,
    path: template.text,
    effect,
    ...(danger === undefined ? {} : { danger }),
    parameters: withPathParameters(parameters, template),
    ...(origins === undefined ? {} : { origins }),
  };
  return { operation, isCut };
}

/** An operation's or path's own servers take the place of the document's. */
function whereOf(
  value: JsonObject,
  pathItem: JsonObject,
  { documentUrl, main, isFixed }: OutlineOptions,
): { basePath: string; origins?: string[] } {
  const own_ = readServers(value, documentUrl);
  const servers: Server[] = own_.length > 0 ? own_ : readServers(pathItem, documentUrl);
  const [first] = servers;
  if (first === undefined || isFixed) return { basePath: main.basePath };
  const origins = servers.flatMap(({ basePath, origin }) => (basePath === first.basePath && origin ? [origin] : []));
  const isMain = origins.length === 0 || origins.join(' ') === main.origins.join(' ');
  return { basePath: first.basePath, ...(isMain ? {} : { origins: [...new Set(origins)] }) };
}

/** A name that grants can use, unique. */
function nameOf(text: string, names: Set<string>): string {
  const plain =
    text
      .replace(/[^A-Za-z0-9._/{}-]+/g, '_')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 190) || 'operation';
  let name = plain;
  for (let count = 2; names.has(name) || !operationName.test(name); count++) name = `${plain}_${count}`;
  names.add(name);
  return name;
}
