import type { Connector } from '../connector/connector.ts';
import type { Connectors } from '../connector/connectors.ts';
import { CordonError } from '../errors.ts';

/** Those of the connectors that exist, by id. */
export async function knownConnectors(
  connectors: Pick<Connectors, 'get'>,
  tenant: string,
  ids: Iterable<string>,
): Promise<Map<string, Connector>> {
  const found = new Map<string, Connector>();
  for (const id of new Set(ids)) {
    const connector = await connectors.get(tenant, id).catch((error: unknown) => {
      if (error instanceof CordonError && error.code === 'not_found') return undefined;
      throw error;
    });
    if (connector) found.set(id, connector);
  }
  return found;
}
