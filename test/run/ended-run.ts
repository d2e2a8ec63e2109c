/** The record of a run that ended well, with what a test says of it. */
import type { RunRecord } from '../../runtime/run/record.ts';
import { defaultLimits } from '../../runtime/sandbox/limits.ts';
import { noUsage } from '../../runtime/usage/usage.ts';

export const endedRun = (id: string, more: Partial<RunRecord> = {}): RunRecord => ({
  id,
  tenant: 't',
  agent: 'a',
  language: 'javascript',
  driver: 'isolate',
  status: 'succeeded',
  stdout: '',
  stderr: '',
  stdoutTruncated: false,
  stderrTruncated: false,
  usage: noUsage,
  filesChanged: [],
  limits: defaultLimits,
  walls: [],
  codeSha256: '',
  metadata: {},
  traceId: '',
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:01.000Z',
  ...more,
});
