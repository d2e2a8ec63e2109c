/**
 * AWS Secrets Manager, by the official client, with the credentials that the client finds: the standard AWS_* variables,
 * shared files, or the role of the machine. A tenant's secrets lie below `cordon/TENANT/`: a path of one tenant cannot name
 * another's, and no tenant can give an ARN.
 */

import type {
  GetSecretValueCommandOutput,
  SecretsManagerClient,
  SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';
import { parseJson } from '../../json.ts';
import type { SecretSource } from '../credential.ts';
import { type SecretBackend, SourceError, type SourceSecret } from './backend.ts';

export interface AwsSecretsManagerOptions {
  /** `eu-central-1`. */
  region: string;
  /** What stands before `cordon/TENANT/` in the names of secrets, without `/` at its end; undefined: nothing. */
  prefix?: string | undefined;
  /** Instead of the region's own, for tests: the operator's, so no rule of addresses holds for it. */
  endpoint?: string;
  /** For one read, with finding credentials and one more attempt. Default 10 seconds. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** AWS keeps 64 KiB at most, which JSON can escape sixfold. */
const MAXIMUM_BYTES = 1024 * 1024;
/** Of a name, by AWS. */
const MAXIMUM_NAME = 512;
/** The version that is in use, as opposed to one that a rotation has not finished, or the one before. */
const STAGE = 'AWSCURRENT';

type Library = typeof import('@aws-sdk/client-secrets-manager');
/** Reads one secret; `signal` ends it. */
type Ask = (name: string, signal: AbortSignal) => Promise<GetSecretValueCommandOutput>;

export function createAwsSecretsManager(
  options: AwsSecretsManagerOptions,
): SecretBackend<Extract<SecretSource, { kind: 'aws_secrets_manager' }>> {
  const { region, prefix, endpoint, timeoutMs = TIMEOUT_MS } = options;
  let opened: Promise<Ask> | undefined;

  // The library takes some 60 ms and 20 MB: with the first secret that is read, not with the start of the service.
  const open = () => {
    opened ??= import('@aws-sdk/client-secrets-manager')
      .then((library) =>
        openClient(library, { region, maxAttempts: 2, ...(endpoint === undefined ? {} : { endpoint }) }),
      )
      .catch((error) => {
        opened = undefined;
        throw error;
      });
    return opened;
  };

  return {
    async read(tenant, source) {
      const name = [...(prefix === undefined ? [] : [prefix]), 'cordon', tenant, source.path].join('/');
      if (name.length > MAXIMUM_NAME)
        throw new SourceError('missing', `with its folder the path is longer than the ${MAXIMUM_NAME} that AWS allows`);
      const ask = await open();
      const signal = AbortSignal.timeout(timeoutMs);
      const late = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      // Finding credentials is not ended by the signal: the role of a machine is asked for at an address that may be silent.
      const answer = await Promise.race([ask(name, signal), late]).catch((error: unknown) => {
        throw refusalOf(error);
      });
      return toSecret(answer, name);
    },
  };
}

function openClient({ SecretsManagerClient, GetSecretValueCommand }: Library, config: SecretsManagerClientConfig): Ask {
  const client: SecretsManagerClient = new SecretsManagerClient(config);
  return (name, signal) => {
    const command = new GetSecretValueCommand({ SecretId: name, VersionStage: STAGE });
    // The client itself would read an answer of any size.
    command.middlewareStack.add(
      (next) => async (args) => {
        const answered = await next(args);
        const response = answered.response as { statusCode: number; body?: unknown };
        response.body = await readBounded(response, signal);
        return answered;
      },
      { step: 'deserialize', priority: 'low', name: 'boundAnswer' },
    );
    return client.send(command, { abortSignal: signal });
  };
}

async function readBounded(
  { statusCode, body }: { statusCode: number; body?: unknown },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const stream = body as (AsyncIterable<Uint8Array> & { destroy(): void }) | undefined;
  if (stream === undefined) return new Uint8Array();
  const stop = () => stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (statusCode >= 300 && statusCode < 400) throw new SourceError('unavailable', 'it answered with a redirect');
    let bytes = 0;
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) {
      bytes += chunk.length;
      if (bytes > MAXIMUM_BYTES) throw new SourceError('unavailable', 'its answer is too large');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError('unavailable', 'its answer broke off, or is not JSON');
  } finally {
    signal.removeEventListener('abort', stop);
    stream.destroy();
  }
}

function toSecret(answer: GetSecretValueCommandOutput, name: string): SourceSecret {
  const { Name, SecretString, VersionId, VersionStages, CreatedDate } = answer;
  if (Name !== name || !VersionId || !VersionStages?.includes(STAGE) || !(CreatedDate instanceof Date))
    throw new SourceError('unavailable', 'its answer is not that of AWS Secrets Manager for this path');
  // Of the version, not LastChangedDate of the secret: a new tag would make that one young.
  const createdMs = CreatedDate.getTime();
  // Whoever makes a secret anew may name its version as the former one: only with its time a version is one secret.
  return { fields: fieldsOf(SecretString), version: `${VersionId} ${createdMs}`, createdMs };
}

function fieldsOf(text: string | undefined): Record<string, unknown> {
  if (text === undefined) throw new SourceError('missing', 'the secret at this path is binary: it must be JSON');
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    // Without the parser's message, which repeats the text.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SourceError('missing', 'the secret at this path is no JSON object with fields, such as {"token": "..."}');
  return value as Record<string, unknown>;
}

const missing: Record<string, string> = {
  // Also when no version has the stage.
  ResourceNotFoundException: 'there is no secret at this path',
  InvalidRequestException: 'it does not give out the secret at this path, which may be marked for deletion',
};

const unavailable: Record<string, string> = {
  AccessDeniedException: 'it does not let Cordon read this path',
  DecryptionFailure: 'it cannot decrypt the secret with its KMS key',
  SyntaxError: 'its answer broke off, or is not JSON',
  ...Object.fromEntries(
    ['CredentialsProviderError', 'TokenProviderError'].map((name) => [
      name,
      'Cordon has no AWS credentials: neither the AWS_* variables nor a role of the machine gives any',
    ]),
  ),
  ...Object.fromEntries(
    [
      'UnrecognizedClientException',
      'InvalidSignatureException',
      'IncompleteSignatureException',
      'ExpiredTokenException',
      'InvalidClientTokenId',
      'MissingAuthenticationTokenException',
    ].map((name) => [name, 'it refuses the AWS credentials of Cordon']),
  ),
};

/** By the error's name: what AWS says besides has account numbers and ARNs in it. */
function refusalOf(error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const { name, code, $metadata } = error as Error & { code?: unknown; $metadata?: { httpStatusCode?: number } };
  if (Object.hasOwn(missing, name)) return new SourceError('missing', missing[name] as string);
  if (Object.hasOwn(unavailable, name)) return new SourceError('unavailable', unavailable[name] as string);
  const status = $metadata?.httpStatusCode;
  if (status !== undefined) return new SourceError('unavailable', `it answered with status ${status}`);
  return new SourceError('unavailable', `it could not be reached (${typeof code === 'string' ? code : name})`);
}
