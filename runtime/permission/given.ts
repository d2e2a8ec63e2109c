/**
 * Whether a call has a parameter at all. Read more loosely than values are: `absent` is the one demand that a parameter
 * which is overlooked fulfils, so it is enough that some reader may find it.
 */
import type { Json } from '../json.ts';
import type { ReadForm } from './form-fields.ts';
import { shownName } from './spelling.ts';

/** A body as it was read; `content`: of a kind in which no service looks for parameters. */
export type ReadBody =
  | { form: 'none' }
  | { form: 'json'; value: Json }
  | { form: 'urlencoded'; fields: ReadForm }
  | { form: 'unreadable' | 'content'; why: string };

/** What was found of a name, as the end of a sentence; undefined: it is not there. */
type Trace = string | undefined;

/** A name that is looked for, so that spellings by which some service reads the same are one. */
export interface WantedName {
  folded: string;
  /** Of what the parameter is a part: `fields` of `fields.channel`. */
  wholes: ReadonlySet<string>;
}

export function wantedName(name: string): WantedName {
  const parts = name.split('.');
  return {
    folded: fold(name),
    wholes: new Set(parts.slice(1).map((_, index) => fold(parts.slice(0, index + 1).join('.')))),
  };
}

/** `in_trash`, `inTrash`, `In-Trash` and `in[trash]`; a name of signs alone stays as it is. */
function fold(name: string): string {
  const letters = name
    .toUpperCase()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
  return letters === '' ? name : letters;
}

/** Names of path parameters or headers. */
export function traceInNames(names: Iterable<string>, { folded }: WantedName, where: string): Trace {
  for (const name of names) if (fold(name) === folded) return `${where} has ${shownName(name)}`;
  return undefined;
}

export function traceInForm(form: ReadForm, { folded, wholes }: WantedName, where: string): Trace {
  if ('unreadable' in form) return `${where}: ${form.unreadable}`;
  for (const name of form.names()) {
    let path = '';
    for (const part of name.split('.')) {
      path += fold(part);
      if (path === folded) return `${where} has ${shownName(name)}`;
    }
    if (wholes.has(path)) return `${where} has ${shownName(name)} as a whole`;
  }
  return undefined;
}

export function traceInBody(body: ReadBody, wanted: WantedName): Trace {
  if (body.form === 'none') return undefined;
  if (body.form === 'json') return traceInJson(body.value, wanted, '');
  if (body.form === 'urlencoded') return traceInForm(body.fields, wanted, 'the body');
  return body.why;
}

/** `path`: the folded names above `node`. Lists, and numbers that stand for places in them, are looked through. */
function traceInJson(node: Json, wanted: WantedName, path: string): Trace {
  // Some services read JSON, or a form, in the text.
  if (typeof node === 'string') return wanted.wholes.has(path) ? 'the body has a part of it as text' : undefined;
  if (typeof node !== 'object' || node === null) return undefined;
  if (Array.isArray(node)) return first(node, (item) => traceInJson(item, wanted, path));
  return first(Object.keys(node), (key) => {
    const under = path + fold(key);
    if (under === wanted.folded) return `the body has ${shownName(key)}`;
    const value = node[key] as Json;
    const below = wanted.folded.startsWith(under) ? traceInJson(value, wanted, under) : undefined;
    return below ?? (/^\d+$/.test(key) ? traceInJson(value, wanted, path) : undefined);
  });
}

function first<T>(items: readonly T[], find: (item: T) => Trace): Trace {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
