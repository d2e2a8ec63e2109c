/** An OpenAPI document's text as JSON. */
import { isUtf8 } from 'node:buffer';
import { parseDocument } from 'yaml';
import { type Json, jsonDepth, parseJson } from '../../json.ts';

export const MAXIMUM_DOCUMENT = 8 * 1024 * 1024;
const MAXIMUM_DEPTH = 200;
/** What aliases may add, in nodes: real documents use a handful. */
const MAXIMUM_ALIASES = 100;

/** What is wrong with a document. `message` completes `the document ...`; no text of the document but names. */
export class DocumentFault extends Error {
  /** Of the input, where it is not the document itself that must change. */
  readonly field: 'document' | 'hosts' | 'auth';
  constructor(message: string, field: DocumentFault['field'] = 'document') {
    super(message);
    this.name = 'DocumentFault';
    this.field = field;
  }
}

/** JSON, or YAML 1.2 with no more than JSON has (no tags, dates or merges). Errors: DocumentFault. */
export function readDocument(given: string | Uint8Array): Json {
  const bytes =
    typeof given === 'string' ? Buffer.from(given) : Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (bytes.length > MAXIMUM_DOCUMENT) throw new DocumentFault(`has more than ${MAXIMUM_DOCUMENT} bytes`);
  if (!isUtf8(bytes)) throw new DocumentFault('is not valid UTF-8');
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  return /^\s*[{[]/.test(text) ? readJson(text) : readYaml(text);
}

function readJson(text: string): Json {
  if (jsonDepth(text) > MAXIMUM_DEPTH) throw new DocumentFault(`is nested deeper than ${MAXIMUM_DEPTH} levels`);
  try {
    return parseJson(text) as Json;
  } catch {
    // A YAML flow mapping begins like JSON.
    return readYaml(text);
  }
}

function readYaml(text: string): Json {
  // The parser recurses: indentation and brackets bound how deeply.
  if (jsonDepth(text) > MAXIMUM_DEPTH || /^(?: {2}){200}|^(?:[ ]*- ?){200}/m.test(text))
    throw new DocumentFault(`is nested deeper than ${MAXIMUM_DEPTH} levels`);
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    stringKeys: true,
    uniqueKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const [error] = document.errors;
  if (error) throw new DocumentFault(`is neither JSON nor YAML: line ${lineOf(text, error.pos[0])}, ${error.code}`);
  if (document.warnings.some(({ code }) => code === 'TAG_RESOLVE_FAILED'))
    throw new DocumentFault('has a YAML tag that JSON has not');
  try {
    return document.toJS({ maxAliasCount: MAXIMUM_ALIASES }) as Json;
  } catch {
    throw new DocumentFault('has too many YAML aliases, or one without an anchor');
  }
}

const lineOf = (text: string, at: number) => text.slice(0, at).split('\n').length;
