import { through } from '../../runtime/egress/byte-stream.ts';
import { createScrubber } from '../../runtime/egress/scrub.ts';

/** What is left of a body that comes in these chunks. */
export async function scrubbed(secrets: string[], chunks: Iterable<Uint8Array>): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const source = (async function* () {
    yield* chunks;
  })();
  for await (const chunk of through(source, createScrubber(secrets).stage())) out.push(chunk);
  return Buffer.concat(out);
}
