/**
 * The queue: bounded, fair between agents (each in turn gets one), first come first served within an agent,
 * each agent within its `concurrentRuns`, all within two bounds of the machine: CPU turns and resident sandboxes.
 */
export interface QueueBounds {
  /** Runs that use the CPU at once. A run that waits gives its turn back until it works again. */
  turns: number;
  /** Runs that hold a sandbox at once. */
  resident: number;
}

export interface QueuedRun {
  /** Key of the agent, unique over tenants. */
  readonly agent: string;
  /** The agent's quota as of now. It holds for all of the agent's queued runs, until the next push or change says another. */
  readonly concurrentRuns: number;
  start(place: Place): void;
}

/** A run's place among the running ones. */
export interface Place {
  waiting(isWaiting: boolean): void;
  /** The sandbox is gone. Call once. */
  leave(): void;
}

interface Lane {
  queued: QueuedRun[];
  running: number;
  concurrentRuns: number;
}

export function createQueue(bounds: QueueBounds) {
  /** Lanes in the order of their next turn: a Map keeps insertion order, a served lane is put last. */
  const lanes = new Map<string, Lane>();
  let turnsUsed = 0;
  let resident = 0;
  let length = 0;
  let paused = false;

  function laneOf({ agent, concurrentRuns }: QueuedRun): Lane {
    let lane = lanes.get(agent);
    if (!lane) {
      lane = { queued: [], running: 0, concurrentRuns };
      lanes.set(agent, lane);
    }
    lane.concurrentRuns = concurrentRuns;
    return lane;
  }

  function startNext(): boolean {
    for (const [agent, lane] of lanes) {
      const next = lane.queued[0];
      if (!next || lane.running >= lane.concurrentRuns) continue;
      lane.queued.shift();
      length--;
      lanes.delete(agent);
      lanes.set(agent, lane);
      begin(next, lane);
      return true;
    }
    return false;
  }

  function begin(run: QueuedRun, lane: Lane): void {
    lane.running++;
    resident++;
    turnsUsed++;
    let holdsTurn = true;
    let left = false;
    run.start({
      waiting(isWaiting) {
        if (left || isWaiting !== holdsTurn) return;
        holdsTurn = !isWaiting;
        turnsUsed += holdsTurn ? 1 : -1;
        if (isWaiting) pump();
      },
      leave() {
        if (left) return;
        left = true;
        lane.running--;
        resident--;
        if (holdsTurn) turnsUsed--;
        if (lane.running === 0 && lane.queued.length === 0) lanes.delete(run.agent);
        pump();
      },
    });
  }

  function pump(): void {
    while (!paused && length > 0 && turnsUsed < bounds.turns && resident < bounds.resident && startNext());
  }

  return {
    get length() {
      return length;
    },
    get resident() {
      return resident;
    },
    lengthOf: (agent: string) => lanes.get(agent)?.queued.length ?? 0,
    runningOf: (agent: string) => lanes.get(agent)?.running ?? 0,
    /** True when `push` would start it at once. */
    isFree(agent: string, concurrentRuns: number): boolean {
      const lane = lanes.get(agent);
      return (
        !paused &&
        turnsUsed < bounds.turns &&
        resident < bounds.resident &&
        (!lane || (lane.queued.length === 0 && lane.running < concurrentRuns))
      );
    },
    /** Starts the run at once when there is room, else queues it. Bounds on the length are the caller's (admit.ts). */
    push(run: QueuedRun): void {
      laneOf(run).queued.push(run);
      length++;
      pump();
    },
    /** Takes a run out that has not started; false when it has. */
    remove(run: QueuedRun): boolean {
      const lane = lanes.get(run.agent);
      const at = lane?.queued.indexOf(run) ?? -1;
      if (!lane || at < 0) return false;
      lane.queued.splice(at, 1);
      length--;
      if (lane.running === 0 && lane.queued.length === 0) lanes.delete(run.agent);
      return true;
    },
    /** The agent's quota has changed: its queued runs go by the new one from now on, and may start at once. */
    setConcurrentRuns(agent: string, concurrentRuns: number): void {
      const lane = lanes.get(agent);
      if (!lane) return;
      lane.concurrentRuns = concurrentRuns;
      pump();
    },
    /** Nothing more is started: the service drains. */
    pause(): void {
      paused = true;
    },
  };
}

export type Queue = ReturnType<typeof createQueue>;
