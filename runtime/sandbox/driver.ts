/** The domain of sandboxes: what a driver is asked, what it may answer. Every driver passes test/sandbox/driver-contract.ts. */
import type { Duplex } from 'node:stream';
import type { Json } from '../json.ts';
import type { LimitName, Limits } from './limits.ts';

export type Language = 'javascript' | 'typescript' | 'python' | 'shell';
export type DriverKind = 'isolate' | 'container';

/** Whose run it is. A sandbox process never serves two of these. */
export interface Owner {
  tenant: string;
  agent: string;
}

/** What the driver needs to run one program. Everything else the guest asks for through `GuestHost`. */
export interface Program {
  runId: string;
  language: Language;
  code: string;
  input: Json | undefined;
  limits: Limits;
}

/** Shown to callers as `error`; names and texts come from the guest and are data. */
export interface RunError {
  name: string;
  message: string;
  stack?: string;
  limit?: LimitName;
}

/** How guest code ended. Never an exception. */
export type Outcome =
  | { status: 'succeeded'; result?: Json; resultType?: string; exitCode?: number }
  | { status: 'failed'; error: RunError; exitCode?: number }
  | { status: 'timed_out' | 'limit_exceeded'; error: RunError & { limit: LimitName } }
  | { status: 'cancelled' | 'killed'; error: RunError }
  | { status: 'interrupted'; error: RunError };

/** Why the host ends a run; the first cause wins. */
export type StopCause = Extract<
  Outcome,
  { status: 'timed_out' | 'limit_exceeded' | 'cancelled' | 'killed' | 'interrupted' }
>;

/** What a guest shows, besides its files and result. */
export type GuestOutput =
  | { type: 'stdout' | 'stderr'; text: string }
  | { type: 'display'; mime: string; data: string }
  | { type: 'log'; level: 'info' | 'warn' | 'error'; message: string };

/** One question of the guest. `args` are unchecked: whoever answers validates them. */
export interface HostCall {
  op: string;
  args: Json;
  bytes?: Uint8Array;
}

/** `ok: false` is thrown in the guest as an Error with this name, message and code. */
export type HostReply =
  | { ok: true; value?: Json; bytes?: Uint8Array }
  | { ok: false; error: { name: string; message: string; code?: string; limit?: LimitName } };

/** The host's side of one run: the only door a guest has. Never throws. */
export interface GuestHost {
  output(output: GuestOutput): void;
  call(call: HostCall): Promise<HostReply>;
  /** The guest waits (a timer or a host call) and uses no CPU, or works again: its turn can be given away meanwhile. */
  waiting(isWaiting: boolean): void;
  /** The way out of a container: connections to an HTTP proxy that only this run has. Absent: `fetch` of `call` is the way. */
  egress?: { caPem: string; onConnection(socket: Duplex): void };
}

export interface SandboxUsage {
  cpuMs: number;
  ramPeakBytes: number;
}

/** One program being executed. */
export interface Execution {
  /** Settles when the sandbox is gone: no code of the run executes after it. Never rejects. */
  readonly done: Promise<{ outcome: Outcome; usage: SandboxUsage }>;
  /** Ends it, softly and then by force. Only the first cause counts; harmless after the end. */
  stop(cause: StopCause): void;
}

/** What a run may choose of its sandbox, checked before: names that the operator allows. */
export interface SandboxChoice {
  image?: string;
  runtime?: 'runc' | 'gvisor';
  /** What the agent's workspace holds now: where it is copied into the sandbox, there must be room for it. */
  workspaceUsed?: { bytes: number; files: number };
}

/** A sandbox reserved for one run of one owner. */
export interface Lease {
  /** The walls that stand around this sandbox, as in the record. */
  readonly walls: string[];
  /**
   * A folder of the host: what is mounted here before `execute` is the sandbox's /workspace. Absent: the sandbox reaches
   * files through its host's calls.
   */
  readonly workspaceFolder?: string;
  /** Call once. */
  execute(program: Program, host: GuestHost): Execution;
  /** Gives back a lease that was not executed. */
  release(): void;
}

/** One wall, as `/v1/drivers` shows it. `stands` is what a probe found that tried to break it. */
export interface WallReport {
  name: string;
  stands: boolean;
  /** What the probe tried and saw, or why the wall cannot stand here. */
  detail: string;
}

export interface DriverReport {
  driver: DriverKind;
  available: boolean;
  /** Why it is not available, and what to do. */
  reason?: string;
  /** What the operator should know although it works. */
  warnings?: string[];
  languages: { language: Language; version: string }[];
  walls: WallReport[];
  sandboxes: { workers: number; blankWorkers: number; running: number };
  /** Of containers: the engine, the runtimes and images that it has. */
  engine?: { address: string; version?: string; apiVersion?: string; rootless?: boolean; usernsRemap?: boolean };
  runtimes?: { name: string; usable: boolean; isDefault: boolean; detail: string }[];
  images?: { name: string; tag: string; languages: Language[]; versions: Record<string, string> }[];
  /** Images that should be there, and why they cannot be used. */
  missingImages?: { name: string; why: string }[];
}

/** No sandbox could be had, for a cause that the run's record names. */
export class NoSandbox extends Error {
  readonly outcome: StopCause;
  constructor(outcome: StopCause, options?: ErrorOptions) {
    super(outcome.error.message, options);
    this.outcome = outcome;
  }
}

export interface Driver {
  readonly kind: DriverKind;
  readonly languages: readonly Language[];
  report(): DriverReport;
  /**
   * Reserves a warm sandbox for a program of this language. Errors: CordonError `driver_unavailable`, `walls_missing`,
   * NoSandbox. Aborting `signal` rejects.
   */
  lease(owner: Owner, limits: Limits, signal: AbortSignal, language: Language, choice?: SandboxChoice): Promise<Lease>;
  /** The agent is gone: nothing of its sandboxes may remain. */
  forget(owner: Owner): Promise<void>;
  /** Ends every sandbox; resolves when all are gone. */
  close(): Promise<void>;
}
