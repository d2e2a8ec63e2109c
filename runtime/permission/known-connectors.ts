import type { Connector } from '../connector/connector.ts';
import { CordonError } from '../errors.ts';

export interface ConnectorGetter {
  /** Errors: CordonError `not_found`. */
  get(tenant: string, id: string): Promise<Connector>;
}

/** Those of the connectors that exist, by id. */
export async function knownConnectors(
  connectors: ConnectorGetter,
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
