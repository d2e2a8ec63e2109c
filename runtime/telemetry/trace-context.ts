/** W3C Trace Context headers, as a request gave them and as an answer or a further request carries them on. */
export interface TraceHeaders {
  traceparent?: string;
  tracestate?: string;
}

export interface TraceParent {
  /** 32 lower-case hex digits, not all zero. */
  traceId: string;
  /** 16 lower-case hex digits, not all zero. */
  spanId: string;
  sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** W3C Trace Context, section 3.2. Undefined when it is not valid: the trace then starts here. */
export function parseTraceparent(header: string | undefined): TraceParent | undefined {
  const [, version, traceId = '', spanId = '', flags = '', rest] = TRACEPARENT.exec(header ?? '') ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export const formatTraceparent = (parent: TraceParent): string =>
  `00-${parent.traceId}-${parent.spanId}-${parent.sampled ? '01' : '00'}`;

/** The trace headers of a request that are worth passing on; an invalid traceparent takes its tracestate with it. */
export function readTraceContext(headers: Headers): TraceHeaders {
  const traceparent = headers.get('traceparent');
  if (traceparent === null || parseTraceparent(traceparent) === undefined) return {};
  const tracestate = headers.get('tracestate');
  return tracestate === null || tracestate.length > 512 ? { traceparent } : { traceparent, tracestate };
}

/** Ids need to differ, not to be secret: `Math.random` costs a tenth of a draw from the system. */
export const newTraceId = (): string => `${newSpanId()}${newSpanId()}`;
export const newSpanId = (): string => hexWord(1) + hexWord(0);

const hexWord = (least: number) =>
  (least + Math.floor(Math.random() * (2 ** 32 - least))).toString(16).padStart(8, '0');
