/**
 * A process of its own that works with the service and logs what it acknowledged: the log outlives the service.
 * Arguments: base URL, key, log file, number of the round. It ends when its parent disconnects.
 */
import { appendFileSync } from 'node:fs';
import { ask, run } from './server.ts';

const [url = '', key = '', log = '', round = ''] = process.argv.slice(2);
const server = { url, key };
let over = false;
process.on('disconnect', () => {
  over = true;
  setTimeout(() => process.exit(0), 300).unref();
});

const acknowledged = (fact: object) => appendFileSync(log, `${JSON.stringify({ round: Number(round), ...fact })}\n`);

/** Goes on until the service is gone; what was not answered is not acknowledged. */
async function forever(body: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; !over; n++) {
    try {
      await body(n);
    } catch {
      return;
    }
  }
}

await Promise.all([
  forever(async (n) => {
    const { status, json } = await run(server, 'writer', `${n} * 2`);
    if (status === 200) acknowledged({ what: 'run', id: json.id, status: json.status, result: json.result });
  }),
  forever(async () => {
    const { status, json } = await run(server, 'writer', 'await new Promise((ok) => setTimeout(ok, 30))', {
      prefer: 'respond-async',
    });
    if (status === 202) acknowledged({ what: 'queued', id: json.id });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }),
  forever(async (n) => {
    const path = `r${round}/f${n}.txt`;
    const text = `${round}-${n} `.repeat(50);
    const { status } = await ask(server, 'PUT', `/v1/agents/writer/files/${path}`, text);
    if (status === 200 || status === 201 || status === 204) acknowledged({ what: 'file', path, text });
    if (n % 5 !== 4) return;
    // Asked is written down first: whether it happened is open until it is answered, and then it is not looked at as a file.
    const gone = await ask(server, 'DELETE', `/v1/agents/writer/files/${path}`).catch((error) => {
      acknowledged({ what: 'unknown file', path });
      throw error;
    });
    if (gone.status === 204) acknowledged({ what: 'deleted file', path });
  }),
  forever(async (n) => {
    const name = `key-${n % 10}`;
    const { status, json } = await ask(server, 'PUT', `/v1/agents/writer/memory/${name}`, { value: `${round}-${n}` });
    if (status === 200 || status === 201)
      acknowledged({ what: 'memory', key: name, value: { value: `${round}-${n}` }, revision: json.revision });
  }),
]);
