import { expect, test } from 'vitest';
import { readPreference } from '../../api/prefer.ts';
import { problemAnswer, publicError } from '../../api/problem.ts';
import { CordonError, type ErrorCode, errorCodes } from '../../runtime/errors.ts';

test.each([
  [null, { waitMs: 120_000 }],
  ['wait=5', { waitMs: 5000, applied: 'wait=5' }],
  ['wait=0', { waitMs: 0, applied: 'wait=0' }],
  ['wait=9999', { waitMs: 120_000, applied: 'wait=120' }],
  ['respond-async', { waitMs: 0, applied: 'respond-async' }],
  ['respond-async, wait=10', { waitMs: 10_000, applied: 'respond-async, wait=10' }],
  ['Wait="7"; x=1, handling=lenient', { waitMs: 7000, applied: 'wait=7' }],
  ['wait=-1', { waitMs: 120_000 }],
  ['wait=soon, return=minimal', { waitMs: 120_000 }],
])('Prefer: %s', (header, expected) => {
  expect(readPreference(header)).toEqual(expected);
});

test.each(
  Object.keys(errorCodes) as ErrorCode[],
)('the problem of %s has its status, code, title and request id', (code) => {
  const answer = problemAnswer(new CordonError(code, 'what happened'), 'req_1');
  const problem = JSON.parse(String(answer.body));
  expect(problem).toEqual({
    type: `urn:cordon:problem:${code}`,
    title: errorCodes[code].title,
    status: errorCodes[code].status,
    detail: 'what happened',
    code,
    requestId: 'req_1',
  });
  expect(answer.headers?.['content-type']).toBe('application/problem+json');
  expect(answer.headers?.['retry-after'] !== undefined).toBe(answer.status === 429 || answer.status === 503);
});

test('an unknown error says nothing of itself', () => {
  const error = new Error('ENOENT: /home/operator/.cordon/admin-key crd_secret');
  const answer = problemAnswer(publicError(error), 'req_1');
  expect(answer.status).toBe(500);
  expect(String(answer.body)).not.toMatch(/ENOENT|home|crd_|at /);
  expect(publicError(error).cause).toBe(error);
});
