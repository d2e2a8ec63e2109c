// The body of a response that the host still receives: each piece is one host call, made when it is wanted.
const { call } = cordon;
const { setTimeout } = globalThis;

/** Answers to what nobody waits for. */
export const ignore = () => {};

export class RemoteBody {
  /** Undefined once the host has nothing more to give. */
  #number;
  #pieces;
  #asking;
  #failure;
  #signal;
  #onAbort;

  /** `first`: bytes that came with the head. */
  constructor(number, first, signal) {
    this.#number = number;
    this.#pieces = first === undefined ? [] : [new Uint8Array(first)];
    this.#signal = signal;
    this.#onAbort = () => {
      this.#failure = { error: signal.reason };
      this.cancel();
    };
    signal.addEventListener('abort', this.#onAbort);
    open.add(this);
  }

  /** The next bytes; undefined at the end. Errors: the host's; the reason of the signal. One at a time. */
  async next() {
    while (this.#pieces.length === 0 && this.#number !== undefined) await this.#ask();
    const piece = this.#pieces.shift();
    if (piece === undefined && this.#failure) throw this.#failure.error;
    return piece;
  }

  /** All that is left, as one array. */
  async rest() {
    const pieces = [];
    let bytes = 0;
    for (let piece = await this.next(); piece !== undefined; piece = await this.next()) {
      pieces.push(piece);
      bytes += piece.length;
    }
    if (pieces.length === 1) return pieces[0];
    const all = new Uint8Array(bytes);
    for (let at = 0; pieces.length > 0; ) {
      const piece = pieces.shift();
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  /** Ends the call at the host. */
  cancel() {
    this.#pieces = [];
    if (this.#number === undefined) return;
    call('fetch.cancel', { __proto__: null, body: this.#number }).then(ignore, ignore);
    this.#end();
  }

  /** Takes what the host has into the run's own memory, unless the program reads it right now. */
  async drain() {
    if (this.#asking === undefined) while (this.#number !== undefined) await this.#ask();
  }

  /** Never rejects. */
  #ask() {
    this.#asking ??= call('fetch.read', { __proto__: null, body: this.#number }).then(
      ({ value, bytes }) => {
        this.#asking = undefined;
        // It was cancelled meanwhile.
        if (this.#number === undefined) return;
        if (bytes !== undefined) this.#pieces.push(new Uint8Array(bytes));
        if (value.done) this.#end();
      },
      (error) => {
        this.#asking = undefined;
        this.#failure ??= { error };
        if (this.#number !== undefined) this.#end();
      },
    );
    return this.#asking;
  }

  #end() {
    this.#number = undefined;
    this.#signal.removeEventListener('abort', this.#onAbort);
    open.delete(this);
    leave();
  }
}

/** Calls and open bodies at once; the host's own bound is higher, so that reads and cancellations find their way past them. */
const most = 48;
/** How long a program has to read what it has before the calls that wait make room for themselves. */
const patienceMs = 20;
const open = new Set();
const waiting = [];
let taken = 0;
let isMakingRoom = false;

/** Undefined, or a promise of a place: bodies that nobody reads are taken into memory when calls wait. */
export function enter() {
  if (taken < most) {
    taken++;
    return undefined;
  }
  return new Promise((resolve) => {
    waiting.push(resolve);
    makeRoom();
  });
}

export function leave() {
  const next = waiting.shift();
  if (next === undefined) taken--;
  else next();
}

function makeRoom() {
  if (isMakingRoom || waiting.length === 0) return;
  isMakingRoom = true;
  setTimeout(() => {
    isMakingRoom = false;
    for (const body of open) body.drain();
    makeRoom();
  }, patienceMs);
}
