import { fieldError, notFound } from '../runtime/errors.ts';
import type { RunEvent, RunRecord } from '../runtime/run/record.ts';
import { runStatuses } from '../runtime/run/record.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Log } from '../runtime/telemetry/log.ts';
import { type Answer, json, noContent } from './answer.ts';
import { page, pageQuery, slug } from './fields.ts';
import { z } from './http.ts';
import { idempotencyHeaders, idempotencyKey, REPLAYED } from './idempotency.ts';
import { type Preference, readPreference } from './prefer.ts';
import type { AddRoute, Call } from './route.ts';
import { runRecord, runWithSource } from './run-record.ts';
import { type RunBody, readRunRequest, runBody } from './run-request.ts';
import { eventStream, eventStreamHeaders, wantsEventStream } from './sse.ts';

const RUN_ID = /^run_[0-9a-z]{1,40}$/;
const METADATA_FILTER = /^metadata\.(.{1,64})$/s;

const listQuery = z
  .object({
    ...pageQuery,
    cursor: pageQuery.cursor.refine(
      (cursor) => cursor === undefined || RUN_ID.test(cursor),
      'is not a cursor of this list',
    ),
    agent: slug.optional(),
    status: z.enum(runStatuses).optional(),
  })
  .catchall(z.string())
  .superRefine((query, context) => {
    const known = ['limit', 'cursor', 'agent', 'status'];
    const keys = Object.keys(query).filter((name) => !known.includes(name) && !METADATA_FILTER.test(name));
    if (keys.length > 0) context.addIssue({ code: 'unrecognized_keys', keys, input: query });
  });

const sseResponse = { description: 'Events of the run, as they come', mediaType: 'text/event-stream' };

export function addRunRoutes(add: AddRoute, runtime: Runtime, log: Log): void {
  const { runs, config } = runtime;

  async function stream(
    call: Call,
    id: string,
    afterSeq: number,
    onDisconnect: () => void,
  ): Promise<ReadableStream<Uint8Array>> {
    const gone = new AbortController();
    const events: AsyncIterable<RunEvent> = await runs.events(call.tenant, id, afterSeq, gone.signal);
    return eventStream(events, {
      onDisconnect() {
        gone.abort();
        onDisconnect();
      },
      onError: (error) => log.error({ requestId: call.requestId, runId: id, err: error }, 'event stream failed'),
    });
  }

  /** In a function of its own, so that nothing of the body lives as long as the caller waits. */
  async function submit(call: Call<'POST /v1/runs', unknown, RunBody>, { waitMs }: Preference) {
    const key = idempotencyKey(call);
    const idempotency = key === undefined ? undefined : { key, requestSha256: call.bodySha256() };
    // A repeat joins its run before the request is judged: what was right then may be refused by now.
    const earlier = idempotency && (await runs.earlier(call.tenant, idempotency));
    if (earlier !== undefined) return { id: earlier, reused: true };
    return runs.submit(await readRunRequest(runtime, call.tenant, call.body), {
      trace: call.trace,
      requestId: call.requestId,
      waits: waitMs > 0 && !wantsEventStream(call.header('accept')),
      ...(idempotency && { idempotency }),
    });
  }

  /** Ends the run for a caller that is gone; it may have ended, or been deleted, by itself. */
  function cancelQuietly(call: Call, id: string) {
    runs
      .cancel(call.tenant, id)
      .catch((error) => log.debug({ requestId: call.requestId, runId: id, err: error }, 'nothing to cancel'));
  }

  add(
    {
      name: 'POST /v1/runs',
      tag: 'runs',
      summary: 'Run a program',
      description:
        'Waits for the end and answers the record, or 202 when the wait is over and the run goes on. A program that ends badly is still 200: `status` says how it ended.',
      query: z.strictObject({
        onDisconnect: z
          .enum(['cancel', 'continue'])
          .optional()
          .openapi({ description: 'What a lost connection does to the run' }),
      }),
      headers: {
        Prefer: '`wait=SECONDS` (at most 120, the default) or `respond-async`',
        ...idempotencyHeaders,
        traceparent: 'W3C trace context: the run becomes part of this trace',
      },
      body: { schema: runBody, limitBytes: config.bodyBytes },
      responses: {
        200: {
          description: 'The run has ended; or, as `Accept` asks, its events while it goes on',
          schema: runRecord,
          also: { 'text/event-stream': z.string() },
        },
        202: { description: 'The run goes on; see `Location`', schema: runRecord },
      },
    },
    async (call) => {
      const preference = readPreference(call.header('prefer'));
      const { id, reused } = await submit(call, preference);
      call.letGoOfBody();
      const headers: Record<string, string> = { location: `/v1/runs/${id}`, ...(reused && REPLAYED) };
      const cancels = call.query.onDisconnect === 'cancel';

      if (wantsEventStream(call.header('accept'))) {
        const body = await stream(call, id, 0, () => cancels && cancelQuietly(call, id));
        const { traceId } = await runs.get(call.tenant, id);
        return { status: 200, headers: { ...headers, ...eventStreamHeaders }, body, run: { id, traceId } };
      }

      if (preference.applied !== undefined) headers['preference-applied'] = preference.applied;
      if (preference.waitMs > 0) {
        const { signal } = call.request;
        if (cancels) {
          const cancel = () => cancelQuietly(call, id);
          if (signal.aborted) cancel();
          else signal.addEventListener('abort', cancel, { once: true });
        }
        const record = await runs.wait(call.tenant, id, preference.waitMs, signal);
        if (record !== undefined) return runAnswer(record, 200, headers);
      }
      return runAnswer(await runs.get(call.tenant, id), 202, headers);
    },
  );

  add(
    {
      name: 'GET /v1/runs',
      tag: 'runs',
      summary: 'List runs, newest first',
      description:
        '`metadata.NAME=VALUE` keeps the runs that have exactly this value. A page of runs with much output ends before `limit`.',
      query: listQuery,
      responses: { 200: { description: 'A page of runs', schema: page(runRecord) } },
    },
    async ({ tenant, query, request }) => {
      // Zod leaves this name out before the schema sees it.
      if (new URL(request.url).searchParams.has('__proto__')) throw fieldError('__proto__', 'is not known');
      const metadata: Record<string, string> = Object.create(null);
      for (const [name, value] of Object.entries(query)) {
        const field = METADATA_FILTER.exec(name)?.[1];
        if (field !== undefined) metadata[field] = String(value);
      }
      const { limit, cursor, agent, status } = query;
      return json(
        await runs.list({
          tenant,
          metadata,
          limit,
          ...(cursor !== undefined && { cursor }),
          ...(agent !== undefined && { agent }),
          ...(status !== undefined && { status }),
        }),
      );
    },
  );

  add(
    {
      name: 'GET /v1/runs/{id}',
      tag: 'runs',
      summary: 'The record of a run as it stands',
      query: z.strictObject({ include: z.literal('source').optional() }),
      responses: {
        200: { description: 'The record; with `include=source` also code and input', schema: runWithSource },
      },
    },
    async ({ tenant, params: { id }, query }) => {
      const record = await runs.get(tenant, known(id));
      if (query.include === undefined) return runAnswer(record, 200);
      return json({ ...record, ...(await runs.source(tenant, id)) });
    },
  );

  add(
    {
      name: 'POST /v1/runs/{id}/cancel',
      tag: 'runs',
      summary: 'End a run',
      responses: {
        200: { description: 'It had ended; nothing changed', schema: runRecord },
        202: { description: 'It is being ended', schema: runRecord },
      },
    },
    async ({ tenant, params }) => {
      const { record, ended } = await runs.cancel(tenant, known(params.id));
      return runAnswer(record, ended ? 200 : 202, ended ? {} : { location: `/v1/runs/${record.id}` });
    },
  );

  add(
    {
      name: 'DELETE /v1/runs/{id}',
      tag: 'runs',
      summary: 'Remove an ended run',
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ tenant, params }) => {
      await runs.delete(tenant, known(params.id));
      return noContent();
    },
  );

  add(
    {
      name: 'GET /v1/runs/{id}/events',
      tag: 'runs',
      summary: 'The events of a run: from the start, and on while it goes on',
      headers: { 'Last-Event-ID': 'Only events after this one' },
      responses: { 200: sseResponse },
    },
    async (call) => {
      const body = await stream(call, known(call.params.id), lastEventId(call), () => {});
      return { status: 200, headers: eventStreamHeaders, body, run: { id: call.params.id } };
    },
  );
}

/** Ids that no run can have are not looked up. */
function known(id: string): string {
  if (!RUN_ID.test(id)) throw notFound('the run');
  return id;
}

const runAnswer = (record: RunRecord, status: number, headers?: Record<string, string>): Answer => ({
  ...json(record, status, headers),
  run: { id: record.id, traceId: record.traceId },
});

function lastEventId(call: Pick<Call, 'header'>): number {
  const id = call.header('last-event-id');
  if (id === null || id === '') return 0;
  if (!/^\d{1,15}$/.test(id)) throw fieldError('Last-Event-ID', 'must be the id of an event');
  return Number(id);
}
