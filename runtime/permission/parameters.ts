/** What a call's parameters are: read as the service may read them, and called unreadable where readers may differ. */
import { isUtf8 } from 'node:buffer';
import type { Operation, OperationParameter } from '../connector/connector.ts';
import type { Json } from '../json.ts';
import { bodyKind } from './body-kind.ts';
import { canonicalName, type ReadForm, readForm } from './form-fields.ts';
import { type ReadBody, traceInBody, traceInForm, traceInNames, wantedName } from './given.ts';
import type { CallParameters } from './grant.ts';
import { spelling } from './spelling.ts';
import { findInJson, maximumValues, readStrictJson } from './strict-json.ts';

export { namesAnotherMethod } from './method-override.ts';

/** Bytes of a body above which it is not read: what holds up the event loop, some ten milliseconds. */
const MAXIMUM_BODY = 1024 * 1024;

type Place = OperationParameter['in'];

interface Found {
  found: Json[];
  unreadable?: string;
}

type Find = (name: string) => Found;

const none: Find = () => ({ found: [] });

/**
 * Nothing is read before it is asked for: a grant without constraints costs no parsing. `pathParameters` as they are
 * written in the URL, percent-encoded. `found` is empty when the operation says where it reads the parameter and it is
 * not there.
 */
export function readParameters(
  operation: Operation,
  url: URL,
  pathParameters: Readonly<Record<string, string>>,
  headers: readonly (readonly [string, string])[],
  body: Uint8Array | undefined,
): CallParameters {
  let readQuery: ReadForm | undefined;
  let readBytes: ReadBody | undefined;
  const known = new Map<string, Found>();
  const read = () => {
    readQuery ??= readForm(url.search.slice(1));
    readBytes ??= readBody(operation, headers, body);
    return { inQuery: readQuery, inBody: readBytes };
  };

  return {
    values(name) {
      const before = known.get(name);
      if (before) return before;
      const { inQuery, inBody } = read();
      const declared = declarations(operation, name);
      const spelled = spellings(declared, name);
      const query = findIn(inQuery, 'the query');
      const find = findInBody(inBody);
      const at: Record<Place, Found> = {
        path: union(spelled, (one) => findInPath(pathParameters, one)),
        header: union(spelled, (one) => findInHeaders(declared, headers, one)),
        query: union(spelled, (one) => query(canonicalName(one))),
        body: union(spelled, (one) => find(canonicalName(one))),
      };
      const isOpaque = inBody.form === 'content' || inBody.form === 'none';
      const answer = together(new Set(declared.map((one) => one.in)), at, isOpaque);
      known.set(name, answer);
      return answer;
    },
    given(name) {
      const { inQuery, inBody } = read();
      const declared = declarations(operation, name);
      const isIn = (place: Place) => declared.some((one) => one.in === place);
      const isUndeclared = declared.length === 0;
      // Where the operation says that it is read elsewhere, a header of this name is another thing, and content is content.
      const headersMatter = isUndeclared || isIn('header');
      const bodyMatters = isIn('body') || !(inBody.form === 'content' && (operation.rawBody || !isUndeclared));
      for (const one of spellings(declared, name)) {
        const wanted = wantedName(one);
        const trace =
          traceInNames(Object.keys(pathParameters), wanted, 'the path') ??
          traceInForm(inQuery, wanted, 'the query') ??
          (headersMatter
            ? traceInNames(
                headers.map(([key]) => key),
                wanted,
                'the header',
              )
            : undefined) ??
          (bodyMatters ? traceInBody(inBody, wanted) : undefined);
        if (trace !== undefined) return trace;
      }
      return undefined;
    },
  };
}

/** What the operation says of a parameter, by its name or another one that the service reads; one per place. */
function declarations({ parameters }: Operation, name: string): OperationParameter[] {
  const wanted = canonicalName(name);
  return parameters.filter((one) => [one.name, ...(one.aliases ?? [])].some((each) => canonicalName(each) === wanted));
}

const spellings = (declared: readonly OperationParameter[], name: string): Set<string> =>
  new Set([name, ...declared.flatMap((one) => [one.name, ...(one.aliases ?? [])])]);

function union(names: Iterable<string>, find: Find): Found {
  const all: Found = { found: [] };
  const looked = new Set<string>();
  for (const name of names) {
    // `page[limit]` and `page.limit` are one.
    if (looked.has(canonicalName(name))) continue;
    looked.add(canonicalName(name));
    const { found, unreadable: why } = find(name);
    all.found.push(...found);
    if (why !== undefined) all.unreadable ??= why;
  }
  return all;
}

function together(places: ReadonlySet<Place>, at: Record<Place, Found>, bodyIsOpaque: boolean): Found {
  const found = [...at.path.found, ...at.header.found, ...at.query.found, ...at.body.found];
  const isUndeclared = places.size === 0;
  // What stands in the path is read there: no query or body can be taken for it.
  const isInPathOnly = places.size === 1 && places.has('path');
  const bodyMatters = !isInPathOnly && (isUndeclared || places.has('body') || !bodyIsOpaque);
  const why =
    at.path.unreadable ??
    (isInPathOnly ? undefined : at.query.unreadable) ??
    (bodyMatters ? at.body.unreadable : undefined);
  if (why !== undefined) return { found, unreadable: why };
  // Given only where the service does not look, it is missing.
  if (!isUndeclared && ![...places].some((place) => at[place].found.length > 0)) return { found: [] };
  return found.length > maximumValues ? { found: [], unreadable: `it has over ${maximumValues} values` } : { found };
}

function findInPath(pathParameters: Readonly<Record<string, string>>, name: string): Found {
  if (!Object.hasOwn(pathParameters, name)) {
    const wanted = spelling(name);
    const other = Object.keys(pathParameters).find((key) => spelling(key) === wanted);
    return other === undefined ? { found: [] } : { found: [], unreadable: `the path has it as ${other}` };
  }
  try {
    return { found: [decodeURIComponent(pathParameters[name]!)] };
  } catch {
    return { found: [], unreadable: 'the path is not valid percent-encoded UTF-8' };
  }
}

/** Only those that the operation names as headers: any other header means something else. */
function findInHeaders(
  declared: readonly OperationParameter[],
  headers: readonly (readonly [string, string])[],
  name: string,
): Found {
  if (!declared.some((one) => one.in === 'header')) return { found: [] };
  const wanted = name.toLowerCase();
  return { found: headers.filter(([key]) => key.toLowerCase() === wanted).map(([, value]) => value.trim()) };
}

function readBody(
  operation: Operation,
  headers: readonly (readonly [string, string])[],
  body: Uint8Array | undefined,
): ReadBody {
  if (body === undefined || body.length === 0) return { form: 'none' };
  if (operation.rawBody) return { form: 'content', why: 'the body is content' };
  const kind = bodyKind(headers);
  const isRead = kind.form === 'json' || kind.form === 'urlencoded';
  if (isRead && body.length > MAXIMUM_BODY)
    return { form: 'unreadable', why: `the body is over ${MAXIMUM_BODY} bytes` };
  if (kind.form === 'json') {
    const read = readStrictJson(body);
    return 'unreadable' in read ? { form: 'unreadable', why: read.unreadable } : { form: 'json', value: read.value };
  }
  if (kind.form === 'urlencoded') {
    if (!isUtf8(body)) return { form: 'unreadable', why: 'the body is not UTF-8' };
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
    return { form: 'urlencoded', fields: readForm(text) };
  }
  return { form: kind.form === 'opaque' ? 'content' : 'unreadable', why: `the body ${kind.why}` };
}

function findInBody(body: ReadBody): Find {
  if (body.form === 'none') return none;
  if (body.form === 'json') return (name) => findInJson(body.value, name);
  if (body.form === 'urlencoded') return findIn(body.fields, 'the body');
  return unreadable(body.why);
}

function findIn(form: ReadForm, where: string): Find {
  if ('unreadable' in form) return unreadable(`${where}: ${form.unreadable}`);
  return (name) => {
    const { found, unreadable: why } = form.find(name);
    return why === undefined ? { found } : { found, unreadable: `${where}: ${why}` };
  };
}

const unreadable =
  (why: string): Find =>
  () => ({ found: [], unreadable: why });
