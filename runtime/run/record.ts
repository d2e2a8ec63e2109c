import type { Json, JsonObject } from '../json.ts';
import type { DriverKind, Language, RunError } from '../sandbox/driver.ts';
import type { Limits } from '../sandbox/limits.ts';
import type { User } from '../vault/credential.ts';

export const runStatuses = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'timed_out',
  'limit_exceeded',
  'cancelled',
  'killed',
  'interrupted',
] as const;
export type RunStatus = (typeof runStatuses)[number];

export interface RunUsage {
  wallMs: number;
  queueMs: number;
  cpuMs: number;
  ramPeakBytes: number;
  outputBytes: number;
  filesChanged: number;
  memoryOps: number;
  egressRequests: number;
}

export interface ChangedFile {
  path: string;
  bytes: number;
  sha256: string;
}

export interface Display {
  mime: string;
  /** Text, or base64 for binary types. */
  data: string;
}

/** The record of a run, as API.md gives it to callers. Immutable once `finishedAt` is set. */
export interface RunRecord {
  id: string;
  tenant: string;
  agent: string;
  language: Language;
  driver: DriverKind;
  /** Of a container run. */
  image?: string;
  status: RunStatus;
  result?: Json;
  resultType?: string;
  exitCode?: number;
  stdout: string;
  stderr: string;
  stdoutTruncated: boolean;
  stderrTruncated: boolean;
  displays?: Display[];
  error?: RunError;
  usage: RunUsage;
  filesChanged: ChangedFile[];
  limits: Limits;
  walls: string[];
  codeSha256: string;
  metadata: Record<string, string>;
  /** In whose name it was asked for, as a registered issuer says. */
  onBehalfOf?: User;
  traceId: string;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

/** Code and input, kept beside the record and shown with `?include=source`. */
export interface RunSource {
  code: string;
  input?: Json;
}

/** A file of the request, decoded. */
export interface RequestFile {
  path: string;
  content: Uint8Array;
}

/** A checked request for a run: every default is filled in, nothing is left to guess. */
export interface RunRequest {
  tenant: string;
  agent: string;
  language: Language;
  driver: DriverKind;
  /** Of a container run; absent: the usual one for the language. */
  image?: string;
  code: string;
  input: Json | undefined;
  files: RequestFile[];
  limits: Limits;
  metadata: Record<string, string>;
  /** Checked: who asked for it. */
  onBehalfOf?: User;
}

export type RunEventType =
  | 'queued'
  | 'started'
  | 'stdout'
  | 'stderr'
  | 'display'
  | 'log'
  | 'span'
  | 'memory_write'
  | 'egress_call'
  | 'finished';

/** A fact of a run. `seq` counts from 1 without gaps. */
export type RunEvent = { seq: number; at: string; type: RunEventType } & JsonObject;
