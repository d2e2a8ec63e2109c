/** Credentials of a tenant together: lists, and what goes with an agent or a tenant. */
import { encodeCursor, type Page, type PageRequest, readPage } from '../store/page.ts';
import type { Key, Store } from '../store/store.ts';
import type { Credential } from './credential.ts';
import { type CredentialRecord, deleteRecord, readRecord } from './credential-records.ts';

export interface CredentialQuery extends PageRequest {
  connector?: string | undefined;
  agent?: string | undefined;
}

/** Entries that one page looks at. */
const SCAN = 2000;
const BATCH = 500;

/** Newest first. A page can be short of items although more follow. */
export async function listCredentials(
  store: Store,
  tenant: string,
  { connector, agent, limit, cursor }: CredentialQuery,
  show: (id: string, record: CredentialRecord) => Credential,
): Promise<Page<Credential>> {
  const items: Credential[] = [];
  const size = connector === undefined && agent === undefined ? limit : 200;
  let next = cursor;
  for (let read = 0; read < SCAN; ) {
    const page = await readPage<CredentialRecord>(store, ['credential', tenant], ['string'], {
      limit: size,
      cursor: next,
    });
    for (const [index, { key, value }] of page.entries.entries()) {
      if (connector !== undefined && value.connector !== connector) continue;
      if (agent !== undefined && !('agent' in value.holder && value.holder.agent === agent)) continue;
      items.push(show(key[2] as string, value));
      const isLast = index === page.entries.length - 1 && page.nextCursor === undefined;
      if (items.length === limit) return { items, ...(isLast ? {} : { nextCursor: encodeCursor(key.slice(2)) }) };
    }
    read += page.entries.length;
    next = page.nextCursor;
    if (next === undefined) return { items };
  }
  return { items, ...(next === undefined ? {} : { nextCursor: next }) };
}

/** Removes those that are meant, in pieces that do not hold up the event loop. */
export async function removeCredentials(
  store: Store,
  tenant: string,
  isMeant: (record: CredentialRecord) => boolean,
): Promise<void> {
  for (let after: Key | undefined; ; ) {
    const options = { prefix: ['credential', tenant], limit: BATCH, ...(after ? { after } : {}) };
    const found = await store.range<CredentialRecord>(options);
    const meant = found.filter(({ value }) => isMeant(value));
    if (meant.length > 0)
      await store.transaction((tx) => {
        for (const { key } of meant) {
          const id = key[2] as string;
          const record = readRecord(tx, tenant, id);
          if (record) deleteRecord(tx, tenant, id, record);
        }
      });
    if (found.length < BATCH) return;
    after = found.at(-1)?.key;
  }
}
