/** What a route answers. Becomes one `Response` at the end of the request, so that no header is set twice or copied. */
export interface Answer {
  status: number;
  /** Lower-case names. */
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;
  /** The run that the answer is about, for the log and the trace headers. */
  run?: { id: string; traceId?: string };
  /** The code of a problem, for the log. */
  code?: string;
}

export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Answer {
  return { status, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

/** 201 with the place of the new thing. */
export const created = (value: unknown, location: string): Answer => json(value, 201, { location });

export const noContent = (): Answer => ({ status: 204, body: null });
