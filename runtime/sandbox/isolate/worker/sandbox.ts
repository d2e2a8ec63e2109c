/** What one run executes in, whatever its language, and what makes such things. */
import type { Isolate } from 'isolated-vm';
import type { StartMessage } from '../protocol.ts';
import type { Transformed } from './transformer.ts';

/** An isolate that is ready to execute one run and holds nothing of any other. */
export interface Sandbox {
  readonly isolate: Isolate;
  /** V8 lost control over it: the process is to be replaced. */
  catastrophe: string | undefined;
  /** Opens its doors to one run. */
  bind(bridge: GuestBridge): void;
  /** Executes the program, JSON text. Answers the end as JSON text; rejects when it broke outside of the language's reach. */
  start(program: string): Promise<unknown>;
  /**
   * Hands an answer or a timer in; what comes back is the end, or undefined while the run goes on. Absent where a guest
   * waits for its answers: its program is over when `start` settles.
   */
  deliver?(message: string, bytes?: ArrayBuffer): Promise<unknown>;
  /** Milliseconds that threads spent in it for this run. */
  clockMs(): number;
  /** Memory that it holds now, in bytes. */
  memoryBytes(): number;
  /** The run is over. `clean`: it ended by itself, and no thread is in the isolate. */
  retire(clean: boolean): void;
}

/** What a sandbox's doors lead to once it belongs to a run. */
export interface GuestBridge {
  post(json: string, bytes: ArrayBuffer | undefined): void;
  ask(json: string, bytes: ArrayBuffer | undefined): Promise<{ json: string; bytes?: ArrayBuffer }>;
  /** The guest called this process: its time here is on the guest's account. */
  crossed(): void;
  catastrophe(): void;
}

/** Text files of ours that guests get, by name; an unknown name is empty. */
export interface Assets {
  get(name: string): string;
}

/** One language's way to sandboxes. */
export interface Engine {
  /** Resolves when a first run would not wait. */
  open(): Promise<void>;
  /** A sandbox for a run with this memory limit. */
  take(ramBytes: number): Sandbox | Promise<Sandbox>;
  /** The program for `Sandbox.start`. Undefined: the run was ended while its source was read. */
  prepare(start: StartMessage, transform: Transform): Promise<Prepared | undefined>;
  /** A run ended: time to get ready for the next. */
  idle(): void;
  /** False while it makes sandboxes: what this process grows by then is no run's doing. */
  steady(): boolean;
}

export type Prepared = { program: object } | { end: string };
/** Parses and transforms one source on the run's account. Undefined: the run was ended at a limit meanwhile. */
export type Transform = (file: {
  path: string;
  source: string;
  role: 'main' | 'module';
}) => Promise<Transformed | undefined>;
