import { describe, expect, test } from 'vitest';
import { openArena } from './arena.ts';

describe('Python: fresh entropy', () => {
  test('two runs of one agent, in one rewound interpreter, draw nothing alike; text hashes are the note', async () => {
    const arena = await openArena({ honest: 'python' });
    try {
      expect((await arena.call('POST', '/v1/agents', { id: 'drawer' })).status).toBe(201);
      const drawn: string[] = [];
      const RUNS = 6;
      for (let n = 0; n < RUNS; n++) {
        const { json } = await arena.call('POST', '/v1/runs', {
          agent: 'drawer',
          language: 'python',
          code: `
import os, random, secrets, ssl, tempfile, time, uuid
from random import SystemRandom, Random
fd, name = tempfile.mkstemp()
[str(random.random()), os.urandom(16).hex(), secrets.token_hex(16), str(uuid.uuid4()), str(uuid.uuid1()), name, str(Random().random()), str(SystemRandom().random()),
 tempfile.mkdtemp(), str(random.getrandbits(128)), ''.join(map(str, random.sample(range(10**6), 4))), ssl.RAND_bytes(16).hex() if hasattr(ssl, 'RAND_bytes') else os.urandom(9).hex(),
 os.getrandom(16).hex() if hasattr(os, 'getrandom') else os.urandom(8).hex(), open('/dev/urandom', 'rb').read(16).hex()]`,
        });
        expect(json.status, JSON.stringify(json.error)).toBe('succeeded');
        drawn.push(...json.result);
      }
      expect(new Set(drawn).size).toBe(14 * RUNS);
    } finally {
      await arena.close();
    }
  }, 60_000);
});
