/** Who gets to see the secret of a connector: kept with the secret, so that it never follows a connector elsewhere. */
import type { Connector } from './connector.ts';

/** The scheme, and every origin that a secret is sent to. A later audience is harmless when all of it was in the kept one. */
export function secretAudience({ auth, origins }: Pick<Connector, 'auth' | 'origins'>): string[] {
  const token = 'tokenUrl' in auth ? [`token ${new URL(auth.tokenUrl).origin}`] : [];
  return [`scheme ${auth.type}`, ...token, ...origins].sort();
}
