/** The record of a run and its events, for the OpenAPI document. Records come from the runtime and are not checked again. */
import { runStatuses } from '../runtime/run/record.ts';
import { limitNames } from '../runtime/sandbox/limits.ts';
import { anyJson, limits, timestamp } from './fields.ts';
import { z } from './http.ts';

export const languages = ['javascript', 'typescript', 'python', 'shell'] as const;
export const drivers = ['isolate', 'container'] as const;

const count = z.number().int();

export const user = z.object({ issuer: z.string(), subject: z.string() }).openapi('User');

export const runRecord = z
  .object({
    id: z.string(),
    tenant: z.string(),
    agent: z.string(),
    language: z.enum(languages),
    driver: z.enum(drivers),
    image: z.string().optional().openapi({ description: 'Of a container run' }),
    status: z.enum(runStatuses),
    result: anyJson.optional().openapi({ description: 'Absent when the program gave no value' }),
    resultType: z.string().optional().openapi({ description: 'What the value was, where JSON is not exactly it' }),
    exitCode: count.optional(),
    stdout: z.string(),
    stderr: z.string(),
    stdoutTruncated: z.boolean(),
    stderrTruncated: z.boolean(),
    displays: z.array(z.object({ mime: z.string(), data: z.string() })).optional(),
    error: z
      .object({
        name: z.string(),
        message: z.string(),
        stack: z.string().optional(),
        limit: z.enum(limitNames).optional(),
      })
      .optional(),
    usage: z.object({
      wallMs: z.number(),
      queueMs: z.number(),
      cpuMs: z.number(),
      ramPeakBytes: count,
      outputBytes: count,
      filesChanged: count,
      memoryOps: count,
      egressRequests: count,
    }),
    filesChanged: z.array(z.object({ path: z.string(), bytes: count, sha256: z.string() })),
    limits: limits.full,
    walls: z.array(z.string()),
    codeSha256: z.string(),
    metadata: z.record(z.string(), z.string()),
    onBehalfOf: user.optional().openapi({ description: 'Who asked for it, as a registered issuer says' }),
    traceId: z.string(),
    createdAt: timestamp,
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
  })
  .openapi('Run');

export const runWithSource = runRecord
  .extend({ code: z.string().optional(), input: anyJson.optional() })
  .openapi('RunWithSource');
