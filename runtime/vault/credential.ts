/** The domain of credentials: what is held for a connector, in whose name, and how a run borrows it. */

/** Secret values by field, as `secretFields` of the connector's scheme names them. */
export type Secret = Readonly<Record<string, string>>;

/** A person, as a registered issuer names them. */
export type User = {
  issuer: string;
  subject: string;
};

/** Whose credential it is: an agent's own service account, or a user's. */
export type Holder = { agent: string } | { user: User };

export type SecretSource =
  | { kind: 'embedded' }
  /** KV version 2 of HashiCorp Vault or OpenBao. */
  | { kind: 'hashicorp'; path: string }
  /** AWS Secrets Manager. */
  | { kind: 'aws_secrets_manager'; path: string };

/** When a credential should get a new secret, and who is told. */
export interface Rotation {
  /** After the last one. For a secret from a source: how often it is read again at the least. */
  everyMs: number;
  /** `https` URL that gets a POST when it is due, and every hour until there is a new secret. */
  webhook?: string;
}

/** A credential as answers show it: never its secret. */
export interface Credential {
  id: string;
  tenant: string;
  connector: string;
  holder: Holder;
  source: SecretSource;
  /** Rises with each new secret. */
  version: number;
  createdAt: string;
  /** When the current secret was set. */
  rotatedAt: string;
  /** Older than the operator's warning age. */
  isOld: boolean;
  rotation?: Rotation;
}

/** One run's use of one credential. */
export interface CredentialLease {
  readonly credentialId: string;
  readonly version: number;
  readonly secret: Secret;
  /** Aborts when the credential is deleted or gets a new secret: calls under way end at once. */
  readonly revoked: AbortSignal;
  release(): void;
}

export interface LeaseRequest {
  tenant: string;
  agent: string;
  connector: string;
  /** Absent: the agent's own. Present: this user's; that of the agent never stands in for it. */
  user?: User;
  /**
   * `secretAudience` of the connector as the caller knows it: it may have been replaced since, and its secret be one for
   * other hosts now. Refused unless the secret was set for all of it.
   */
  audience?: string[];
}

/** Why no lease could be had. `message` is shown to guests: no secret, no path of the host. */
export class CredentialRefused extends Error {
  readonly reason: 'credential_missing' | 'credential_expired';
  constructor(reason: CredentialRefused['reason'], message: string) {
    super(message);
    this.name = 'CredentialRefused';
    this.reason = reason;
  }
}
