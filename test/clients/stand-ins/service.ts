/**
 * What the stand-ins of real services share. Each one checks what the service's reference demands of a request (path,
 * credential, form of the body), answers mistakes as the service does, and keeps a list of them: a client that passes
 * leaves it empty.
 */
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';

export interface ServiceStandIn {
  /** Names that it answers to. */
  names: string[];
  handler(request: SeenRequest): StandInAnswer;
  /** `POST /api/chat.postMessage: why`, in order. */
  faults: string[];
}

/** Path, and query by name; a name given twice is kept twice. */
export interface Target {
  pathname: string;
  segments: string[];
  query: URLSearchParams;
}

/** A mistake of the caller, as the service would answer it. */
export class Fault extends Error {
  readonly answer: StandInAnswer;
  constructor(why: string, answer: StandInAnswer) {
    super(why);
    this.answer = answer;
  }
}

/** `answer` throws Fault for what the reference forbids. */
export function serviceStandIn(
  names: string[],
  answer: (request: SeenRequest, target: Target) => StandInAnswer,
): ServiceStandIn {
  const faults: string[] = [];
  return {
    names,
    faults,
    handler(request) {
      const { pathname, searchParams: query } = new URL(request.path, `https://${names[0]}`);
      try {
        const segments = pathname.slice(1).split('/').map(decodeURIComponent);
        return answer(request, { pathname, segments, query });
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        faults.push(`${request.method} ${pathname}: ${error.message}`);
        return error.answer;
      }
    },
  };
}

/** Media type without its parameters, in lower case; empty when there is none. */
export const mediaType = ({ headers }: SeenRequest): string =>
  (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();

/** The body as a JSON object; undefined when it is none or is not said to be JSON. */
export function jsonObject(request: SeenRequest): Record<string, any> | undefined {
  if (mediaType(request) !== 'application/json') return undefined;
  try {
    const value: unknown = JSON.parse(request.body.toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export interface Part {
  /** Lower-case names. */
  headers: Record<string, string>;
  body: Buffer;
}

/** RFC 2046, section 5.1: the parts of a multipart body, or undefined when it is not well formed. */
export function multipartParts({ headers, body }: SeenRequest): Part[] | undefined {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(headers['content-type'] ?? '');
  const mark = boundary?.[1] ?? boundary?.[2];
  if (mark === undefined) return undefined;
  // Latin-1 keeps every byte as one character.
  const text = `\r\n${body.toString('latin1')}`;
  const pieces = text.split(`\r\n--${mark}`);
  const last = pieces.pop();
  if (pieces.length < 2 || last === undefined || !/^--\s*$/.test(last)) return undefined;
  const parts = pieces.slice(1).map((piece): Part | undefined => {
    const whole = piece.replace(/^[ \t]*\r\n/, '');
    const end = whole.indexOf('\r\n\r\n');
    if (end === -1) return undefined;
    const lines = whole.slice(0, end).split('\r\n');
    const pairs = lines.map((line) => [
      line.slice(0, line.indexOf(':')).trim().toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]);
    return { headers: Object.fromEntries(pairs), body: Buffer.from(whole.slice(end + 4), 'latin1') };
  });
  return parts.includes(undefined) ? undefined : (parts as Part[]);
}

/** `form-data` parts by their name (RFC 7578). */
export function formParts(request: SeenRequest): Map<string, Part> | undefined {
  if (mediaType(request) !== 'multipart/form-data') return undefined;
  const parts = multipartParts(request);
  const named = parts?.map((part) => [
    /;\s*name="([^"]*)"/i.exec(part.headers['content-disposition'] ?? '')?.[1],
    part,
  ]);
  return named?.every(([name]) => name !== undefined) ? new Map(named as [string, Part][]) : undefined;
}
