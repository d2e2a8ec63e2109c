/** What holds after a run that left much, or left it in a hostile form. */
import { expect } from 'vitest';
import type { Attack } from './attack.ts';

/** How long the service may take over what a run left, from its last word to its record. */
export const soon = (wallMs: number) => (record: { usage: { wallMs: number } }) =>
  expect(record.usage.wallMs).toBeLessThan(wallMs);

/** After it, the agent's own files can be listed, written and removed, and another run works. */
export const agentGoesOn: NonNullable<Attack['after']> = async ({ arena, agent, file }) => {
  expect((await file('GET', '')).status).toBe(200);
  const { json } = await arena.call('GET', `/v1/agents/${agent}/files/`);
  for (const { path } of json.items.slice(0, 20))
    expect((await file('DELETE', `${encodeURIComponent(path)}?recursive=true`)).status, path).toBe(204);
  expect((await file('PUT', 'after.txt', 'x')).status).toBeLessThan(300);
  const { ended, answer } = await arena.attack({ language: 'shell', code: 'cat after.txt' }, agent);
  expect([ended, answer.json.stdout]).toEqual(['succeeded', 'x']);
};
