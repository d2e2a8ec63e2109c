/** Where secrets can be kept instead of in Cordon. */
import type { SecretSource } from '../credential.ts';

/** A secret as its source has it, unchecked. */
export interface SourceSecret {
  fields: Record<string, unknown>;
  /** Differs for each new secret. */
  version: string;
  /** When the source got it, as the source says. */
  createdMs: number;
}

export interface SecretBackend<Source extends SecretSource = SecretSource> {
  /** Errors: SourceError. */
  read(tenant: string, source: Source): Promise<SourceSecret>;
}

/** The backends of this installation: one that is absent is not set up. */
export type Backends = {
  [Kind in Exclude<SecretSource['kind'], 'embedded'>]?: SecretBackend<Extract<SecretSource, { kind: Kind }>>;
};

/** The setting without which a backend is absent. */
export const settingOf: Record<keyof Backends, string> = {
  hashicorp: 'CORDON_VAULT_ADDR',
  aws_secrets_manager: 'CORDON_AWS_REGION',
};

/** A source that has no such secret, or could not be asked. `message` is for admins and logs: no secret, no token. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly kind: 'missing' | 'unavailable';
  constructor(kind: SourceError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}
