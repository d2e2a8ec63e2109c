/** Rotation: sources are read again, and webhooks told of secrets whose time has come. */
import { type Clock, isoTime } from '../clock.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { SourceError } from './backends/backend.ts';
import { type CredentialRecord, putRecord, readRecord, recordKey } from './credential-records.ts';
import type { SecretReader } from './read-secret.ts';

/** Until a webhook is told again, and a log line written again, while there is no new secret. */
const AGAIN_MS = 3_600_000;
/** Looked at in one round: a minute is enough for them. */
const BATCH = 50;

export interface RotationDeps {
  store: Store;
  clock: Clock;
  log: Log;
  reader: Pick<SecretReader, 'fetch' | 'note'>;
  /** POSTs JSON to a tenant's URL, over its connections and under the same rule of addresses as any egress. */
  postWebhook(tenant: string, url: string, body: string): Promise<void>;
}

/** One round over what is due. Never fails for one credential. */
export async function rotateDue({ store, clock, log, reader, postWebhook }: RotationDeps): Promise<void> {
  const now = clock.now();
  const entries = await store.range({ prefix: ['credential-due'], limit: BATCH });
  const due = entries.map(({ key }) => key).filter((key) => (key[1] as number) <= now);
  await Promise.all(due.map(([, , tenant, id]) => look(String(tenant), String(id))));

  async function look(tenant: string, id: string): Promise<void> {
    const found = await store.get<CredentialRecord>(recordKey(tenant, id));
    if (found?.value.rotation === undefined) return;
    const record = await readAgain(tenant, id, found.value);
    if (record?.rotation === undefined || (record.dueMs ?? 0) > now) return;
    const { connector, holder, rotatedMs, version, rotation } = record;
    // Before it is told: a crash costs one telling, not a stream of them.
    const claimed = await store.transaction((tx) => {
      const current = readRecord(tx, tenant, id);
      if (current?.dueMs !== record.dueMs || current?.version !== version) return false;
      putRecord(tx, tenant, id, { ...current, dueMs: now + AGAIN_MS }, current);
      return true;
    });
    if (!claimed) return;
    log.warn({ tenant, credential: id, connector }, 'a credential is due for a new secret');
    if (rotation.webhook === undefined) return;
    const told = {
      type: 'credential_due',
      credential: id,
      connector,
      ...holder,
      version,
      rotatedAt: isoTime(rotatedMs),
      dueAt: isoTime(rotatedMs + rotation.everyMs),
    };
    await postWebhook(tenant, rotation.webhook, JSON.stringify(told)).catch((error: unknown) =>
      log.warn({ tenant, credential: id, reason: (error as Error).name }, 'a rotation webhook could not be told'),
    );
  }

  async function readAgain(
    tenant: string,
    id: string,
    record: CredentialRecord,
  ): Promise<CredentialRecord | undefined> {
    if (record.source.kind === 'embedded') return record;
    try {
      return await reader.note(tenant, id, record, await reader.fetch(tenant, record.source));
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      log.warn({ tenant, credential: id, reason: error.message }, 'a source of a secret could not be read');
      return record;
    }
  }
}
