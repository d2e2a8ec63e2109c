import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRunOutput, type Stream } from '../../runtime/run/run-output.ts';

function collect(outputBytes: number) {
  const events: [Stream, string][] = [];
  const output = createRunOutput(outputBytes, (stream, text) => void events.push([stream, text]));
  return { output, events };
}

describe('output of a run', () => {
  it('cuts at outputBytes over both streams and marks the stream that lost text', () => {
    const { output } = collect(10);
    output.write('stdout', '123456');
    output.write('stderr', 'abcdef');
    output.write('stderr', 'never');
    expect(output.text.stdout).toBe('123456');
    expect(output.text.stderr).toBe('abcd\n[output cut: outputBytes is 10]\n');
    expect(output.truncated).toEqual({ stdout: false, stderr: true });
    expect(output.bytes).toBe(10);
  });

  it('never shows half a character, where the text is cut and where writes meet', () => {
    const { output, events } = collect(5);
    output.write('stdout', 'ab\ud83d');
    output.write('stdout', '\ude00cd');
    expect(output.text.stdout).toBe('ab\n[output cut: outputBytes is 5]\n');
    const whole = collect(100);
    whole.output.write('stdout', 'x\ud83d');
    whole.output.write('stdout', '\ude00');
    whole.output.write('stdout', '\ud83d');
    whole.output.end();
    expect(whole.events.map(([, text]) => text)).toEqual(['x', '😀', '\ufffd']);
    expect(events.every(([, text]) => text.isWellFormed())).toBe(true);
  });

  it('shows a prefix of what was written, of at most outputBytes', () => {
    const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 20 });
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 100 }), (parts, outputBytes) => {
        const { output } = collect(outputBytes);
        for (const part of parts) output.write('stdout', part);
        output.end();
        const all = parts.join('');
        const shown = output.text.stdout.replace(/\n\[output cut: outputBytes is \d+\]\n$/, '');
        expect(all.startsWith(shown)).toBe(true);
        expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(outputBytes);
        expect(output.truncated.stdout).toBe(Buffer.byteLength(all) > outputBytes);
        if (!output.truncated.stdout) expect(shown).toBe(all);
        else expect(outputBytes - Buffer.byteLength(shown)).toBeLessThan(4);
      }),
    );
  });
});
