/**
 * Trouble with containers, over the whole service and a real engine of the test's own: each run ends with a typed cause,
 * nothing leaks, the service recovers by itself.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { noMounts, noOwnEngine, type OwnEngine, openOwnEngine } from '../sandbox/container/trouble-engine.ts';
import { crashes } from './containers-crash.ts';
import { engineTrouble } from './containers-engine.ts';
import { foreignHands } from './containers-foreign.ts';
import { fullEngineDisk, fullServiceDisk, mountDisk } from './containers-full.ts';
import { many } from './containers-many.ts';
import { endsCleanly, startWithEngine, type Trouble, tidy } from './containers-service.ts';
import type { Server } from './server.ts';

const skipped = noOwnEngine === undefined ? '' : ` (skipped: ${noOwnEngine})`;

describe.skipIf(skipped !== '')(`trouble with containers${skipped}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-trouble-'));
  const dataDir = join(folder, 'data');
  let engine: OwnEngine;
  let server: Server;
  let engineDisk: string | undefined;
  const trouble = (): Trouble => ({ engine, server, dataDir, folder });

  beforeAll(async () => {
    if (noMounts === undefined) engineDisk = mountDisk(folder, 'engine', 1500);
    engine = await openOwnEngine(engineDisk);
    await engine.loadImage();
    server = await startWithEngine(dataDir, engine);
  }, 120_000);
  afterAll(async () => {
    await tidy(dataDir, server);
    await engine?.close();
    await tidy(folder);
  });

  engineTrouble(trouble);
  foreignHands(trouble);
  many(trouble);
  fullEngineDisk(() => ({ ...trouble(), engineDisk }));
  test('the service ends and leaves nothing', () => endsCleanly(trouble()), 40_000);

  // With services of their own.
  fullServiceDisk(trouble);
  crashes(trouble);
});
