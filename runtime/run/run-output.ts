/** stdout and stderr of one run, together within `outputBytes`; what is beyond is cut, with a mark in the stream that lost it. */
export type Stream = 'stdout' | 'stderr';

export interface RunOutput {
  /** Takes text; calls back with what is shown, never half a character. */
  write(stream: Stream, text: string): void;
  /** Shows a lone half that was held back. Call at the end. */
  end(): void;
  /** What was shown so far, put together when it is asked for. */
  readonly text: Readonly<Record<Stream, string>>;
  readonly truncated: Record<Stream, boolean>;
  /** Bytes of UTF-8 shown, marks not counted. */
  readonly bytes: number;
}

export function createRunOutput(outputBytes: number, onText: (stream: Stream, text: string) => void): RunOutput {
  const shown = { stdout: createPieces(), stderr: createPieces() };
  const truncated = { stdout: false, stderr: false };
  const held = { stdout: '', stderr: '' };
  let bytes = 0;

  function show(stream: Stream, text: string): void {
    if (text === '') return;
    shown[stream].add(text);
    onText(stream, text);
  }

  return {
    write(stream, text) {
      if (truncated[stream]) return;
      let whole = held[stream] + text;
      held[stream] = '';
      if (endsInHalf(whole)) {
        held[stream] = whole.slice(-1);
        whole = whole.slice(0, -1);
      }
      const size = Buffer.byteLength(whole);
      if (bytes + size <= outputBytes) {
        bytes += size;
        return show(stream, whole);
      }
      const kept = firstBytes(whole, outputBytes - bytes);
      bytes += Buffer.byteLength(kept);
      truncated[stream] = true;
      show(stream, `${kept}\n[output cut: outputBytes is ${outputBytes}]\n`);
    },
    end() {
      for (const stream of ['stdout', 'stderr'] as const) {
        if (held[stream] !== '' && !truncated[stream]) show(stream, '\ufffd');
        held[stream] = '';
      }
    },
    text: {
      get stdout() {
        return shown.stdout.join();
      },
      get stderr() {
        return shown.stderr.join();
      },
    },
    truncated,
    get bytes() {
      return bytes;
    },
  };
}

const PIECES_OF_A_BLOCK = 1000;

/** V8 keeps a text that grows by one character as a tree of 32 bytes for each: a run may print 64 Mi of them. */
function createPieces() {
  const blocks: string[] = [];
  let pieces: string[] = [];
  return {
    add(text: string): void {
      if (pieces.push(text) < PIECES_OF_A_BLOCK) return;
      blocks.push(pieces.join(''));
      pieces = [];
    },
    join: () => blocks.join('') + pieces.join(''),
  };
}

function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

/** The longest beginning of `text` that is at most `bytes` of UTF-8, without half a character. */
function firstBytes(text: string, bytes: number): string {
  const cut = Buffer.from(text.slice(0, bytes)).subarray(0, bytes);
  let end = cut.length;
  // Step back over an unfinished sequence: at most three continuation bytes and their lead.
  for (let back = 1; back <= Math.min(4, end); back++) {
    const byte = cut[end - back] as number;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    if (needed > back) end -= back;
    break;
  }
  return cut.toString('utf8', 0, end);
}
