/** Reads what a token endpoint answers: RFC 6749, sections 5.1 and 5.2. Nothing of its text reaches a message. */
import { parseJson } from '../../json.ts';
import { EgressError } from '../egress.ts';
import { isHeaderValue } from './secret-field.ts';

export interface AccessToken {
  token: string;
  /** From the answer on; undefined when the service does not say. */
  lifetimeMs: number | undefined;
  /** Takes the place of the one that was sent, which may have died. */
  refreshToken: string | undefined;
}

export interface TokenAnswer {
  status: number;
  body: AsyncIterable<Uint8Array>;
}

const MAX_BYTES = 64 * 1024;
const MAX_TOKEN = 16 * 1024;

/** Slack names the kind of its own tokens here; they are sent as bearer tokens. */
const bearerKinds = new Set(['bearer', 'bot', 'user']);

const knownErrors = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
]);

/** That the service said no, as opposed to not having been heard: asking again at once would not help. */
export class TokenRefused extends EgressError {
  constructor(message: string) {
    super('upstream', message);
  }
}

/** `endpoint` is for messages. Errors: TokenRefused; EgressError `upstream` for what cannot be understood. */
export async function readTokenAnswer(answer: TokenAnswer, endpoint: string): Promise<AccessToken> {
  const fields = jsonObject(await read(answer.body, endpoint));
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
    const { error } = fields ?? {};
    const known = typeof error === 'string' && knownErrors.has(error) ? `: ${error}` : '';
    throw new TokenRefused(`${endpoint} refused the credential (HTTP ${answer.status}${known})`);
  }
  if (answer.status !== 200) throw new EgressError('upstream', `${endpoint} answered HTTP ${answer.status}`);
  if (!fields) throw new EgressError('upstream', `${endpoint} answered with something else than a JSON object`);

  const { access_token: token, token_type: kind, expires_in: expiresIn, refresh_token: refreshToken } = fields;
  if (typeof token !== 'string' || token.length > MAX_TOKEN || !isHeaderValue(token))
    throw new TokenRefused(`${endpoint} gave no usable access_token`);
  if (typeof kind !== 'string' || !bearerKinds.has(kind.toLowerCase()))
    throw new TokenRefused(`${endpoint} gave a token whose token_type is not bearer`);
  const seconds = typeof expiresIn === 'string' ? Number.parseFloat(expiresIn) : expiresIn;
  return {
    token,
    lifetimeMs: typeof seconds === 'number' && seconds >= 0 ? seconds * 1000 : undefined,
    refreshToken: typeof refreshToken === 'string' && refreshToken !== '' ? refreshToken : undefined,
  };
}

async function read(body: AsyncIterable<Uint8Array>, endpoint: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new EgressError('upstream', `${endpoint} answered with more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function jsonObject(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = parseJson(bytes.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
