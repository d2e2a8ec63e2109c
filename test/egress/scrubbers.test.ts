import { afterEach, expect, it, vi } from 'vitest';
import { createScrubbers } from '../../runtime/egress/scrub.ts';

afterEach(() => void vi.useRealTimers());

it('the scrubber of a credential is kept between its calls, for a minute at most', () => {
  vi.useFakeTimers();
  const scrubberOf = createScrubbers();
  const first = scrubberOf(['secret-1', 'secret-2']);
  vi.advanceTimersByTime(59_000);
  expect(scrubberOf(['secret-1', 'secret-2'])).toBe(first);
  vi.advanceTimersByTime(1_001);
  const second = scrubberOf(['secret-1', 'secret-2']);
  expect(second).not.toBe(first);
  expect(second.text('a secret-2')).toBe('a ********');
});

it('other secrets have another one, and only those used last are kept', () => {
  const scrubberOf = createScrubbers({ most: 2 });
  const [a, b] = [scrubberOf(['secret-a']), scrubberOf(['secret-b'])];
  expect(a.text('secret-a secret-b')).toBe('******** secret-b');
  expect(b.text('secret-a secret-b')).toBe('secret-a ********');
  expect(scrubberOf(['secret-a'])).toBe(a);
  scrubberOf(['secret-c']);
  expect(scrubberOf(['secret-a'])).toBe(a);
  expect(scrubberOf(['secret-b'])).not.toBe(b);
});

it('of large secrets fewer are kept', () => {
  const scrubberOf = createScrubbers({ mostCharacters: 250 });
  const [first, second] = [scrubberOf(['a'.repeat(100)]), scrubberOf(['b'.repeat(100)])];
  expect(scrubberOf(['a'.repeat(100)])).toBe(first);
  const third = scrubberOf(['c'.repeat(300)]);
  expect(scrubberOf(['c'.repeat(300)])).toBe(third);
  expect(scrubberOf(['b'.repeat(100)])).not.toBe(second);
  expect(scrubberOf(['c'.repeat(300)])).not.toBe(third);
});
