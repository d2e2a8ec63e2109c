/** Programs of Python and what a run of each must come to, for every driver that runs Python. */
import type { Json } from '../../../../runtime/json.ts';

export interface PythonProgram {
  name: string;
  code: string;
  input?: Json;
  files?: Record<string, string>;
  limits?: { resultBytes?: number; ramBytes?: number; hostCalls?: number };
  expect: {
    status: 'succeeded' | 'failed' | 'limit_exceeded';
    result?: Json;
    resultType?: string;
    /** The result is not compared. */
    anyResult?: true;
    exitCode?: number;
    stdout?: string | RegExp;
    stderr?: string | RegExp;
    error?: { name?: string; message?: string | RegExp; stack?: string | RegExp; limit?: string };
    displays?: { mime: string; data: string }[];
  };
}

export const MiB = 1024 ** 2;
export const ok = { status: 'succeeded' } as const;
