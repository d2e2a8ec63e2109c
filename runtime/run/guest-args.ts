import type { Json, JsonObject } from '../json.ts';

/** An argument that the guest's own library would not send, or that its user got wrong: a TypeError in the guest. */
export class ArgumentError extends Error {}

/** The arguments as an object that has no other keys. Errors: ArgumentError. */
export function readArgs(args: Json, keys: readonly string[]): JsonObject {
  if (args === null || typeof args !== 'object' || Array.isArray(args))
    throw new ArgumentError('arguments must be an object');
  for (const key of Object.keys(args)) {
    if (!keys.includes(key)) throw new ArgumentError(`unknown argument ${JSON.stringify(key.slice(0, 40))}`);
  }
  return args;
}

/** An own property, never an inherited one. */
const own = (args: JsonObject, key: string): Json | undefined => (Object.hasOwn(args, key) ? args[key] : undefined);

export function textArg(args: JsonObject, key: string): string {
  const value = own(args, key);
  if (typeof value !== 'string') throw new ArgumentError(`The "${key}" argument must be a string`);
  return value;
}

export function flagArg(args: JsonObject, key: string): boolean {
  const value = own(args, key);
  if (value !== undefined && typeof value !== 'boolean')
    throw new ArgumentError(`The "${key}" argument must be a boolean`);
  return value === true;
}

/** A whole number of at least 0 that a double holds exactly; undefined when absent. */
export function countArg(args: JsonObject, key: string): number | undefined {
  const value = own(args, key);
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ArgumentError(`The "${key}" argument must be a whole number from 0`);
  }
  return value;
}

export function requiredCountArg(args: JsonObject, key: string): number {
  const value = countArg(args, key);
  if (value === undefined) throw new ArgumentError(`The "${key}" argument must be a whole number from 0`);
  return value;
}

export function choiceArg<const T extends string>(args: JsonObject, key: string, choices: readonly T[]): T {
  const value = own(args, key);
  if (typeof value !== 'string' || !choices.includes(value as T)) {
    throw new ArgumentError(`The "${key}" argument must be one of ${choices.join(', ')}`);
  }
  return value as T;
}
