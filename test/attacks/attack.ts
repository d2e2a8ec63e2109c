/** What an attack is, and the arena in which it is made. */
import type { RunRecord } from '../../runtime/run/record.ts';
import type { Driver } from '../../runtime/sandbox/driver.ts';

export interface Attack {
  /** The attack and what is seen of it: "an endless loop ends at cpuMs". */
  name: string;
  code: string;
  language?: 'javascript' | 'typescript' | 'python' | 'shell';
  /** Default: where the canaries are, so that the guest can aim at them. */
  input?: unknown;
  files?: { path: string; content: string }[];
  limits?: Partial<RunRecord['limits']>;
  /** `succeeded`, `failed TypeError` (status and error.name), `limit_exceeded cpuMs` (status and error.limit), `400 input`. */
  ends: string | RegExp;
  result?: unknown;
  resultType?: string;
  /** Looks closer at the record. */
  look?: (record: RunRecord) => void;
  /** Through the API, while the attack goes on. */
  meanwhile?: (scene: Scene) => Promise<void>;
  /** Through the API, before the agent of the attack is deleted. */
  after?: (scene: Scene & { record: RunRecord }) => Promise<void>;
  /**
   * What else is right in a container, where Node.js and CPython do what they do everywhere. `false`: it means nothing there.
   * Otherwise limits and refused requests are the same, and whatever else an attack does there, it does no harm.
   */
  inContainer?: false | (Partial<Pick<Attack, 'ends' | 'result' | 'limits' | 'input' | 'look'>> & { why?: string });
  /** What differs under gVisor (`undefined`: nothing is expected); text: why it cannot be made there, or means nothing. */
  underGvisor?: { [Key in keyof Attack]?: Attack[Key] | undefined } | string;
}

export interface Scene {
  arena: Arena;
  /** Whose run it is. */
  agent: string;
  /** Asks for one of its files, by path. */
  file(method: string, path: string, body?: string): Promise<Answer>;
}

export interface Answer {
  status: number;
  text: string;
  json: any;
}

export interface Arena {
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Makes one attack, as an agent of its own unless one is named, and answers how it ended. */
  attack(given: Omit<Attack, 'name' | 'ends'>, named?: string): Promise<{ ended: string; answer: Answer }>;
  /** The whole: attack, honest runs during it, canaries after it. */
  withstand(given: Attack, agent?: string): Promise<void>;
  canaries(): Promise<void>;
  honestRun(): Promise<void>;
  /** What every attack is told, so that it can aim. */
  aim(): {
    hostFile: string;
    port: number;
    bait: string;
    dataDir: string;
    cwd: string;
    pid: number;
    secretFile: string;
    secretKey: string;
  };
  secret: string;
  /** Details of workers that died uncleanly, and error lines of the log. */
  lost: string[];
  faults: string[];
  report: Driver['report'];
  close(): Promise<void>;
}
