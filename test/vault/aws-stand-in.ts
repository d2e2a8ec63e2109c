/**
 * AWS Secrets Manager as its documentation describes it: JSON 1.1 over HTTP, one operation (GetSecretValue), requests signed
 * by Signature Version 4, which is worked out here anew.
 */
import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export const keys = { id: 'AKIACORDONTESTKEY001', secret: 'made-up-signing-key-of-the-stand-in' };
export const region = 'eu-central-1';
/** What AWS puts in its messages, and Cordon must not. */
export const account = '123456789012';

interface Version {
  text?: string;
  binary?: string;
  versionId: string;
  createdSeconds: number;
  stages: string[];
}

export async function startAws() {
  const secrets = new Map<string, { versions: Version[]; deleted?: true }>();
  const seen: { name: unknown; stage: unknown; target: unknown; type: unknown; fault: string | undefined }[] = [];
  /** Answers first, when it is set. */
  let instead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  let made = 0;

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { 'x-amz-target': target, 'content-type': type } = request.headers;
    const { SecretId: name, VersionStage: stage = 'AWSCURRENT', ...rest } = JSON.parse(body);
    const fault = faultOf(request, body) ?? (Object.keys(rest).length > 0 ? 'more was asked' : undefined);
    seen.push({ name, stage, target, type, fault });
    if (instead !== undefined) return instead(request, response);
    const answer = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(value));
    const refuse = (kind: string, message: string) => answer(400, { __type: kind, message, Message: message });
    if (request.method !== 'POST' || request.url !== '/' || target !== 'secretsmanager.GetSecretValue')
      return refuse('UnknownOperationException', 'x');
    if (fault !== undefined) return refuse('InvalidSignatureException', `${fault} ${account}`);
    const held = secrets.get(name);
    const found = held?.versions.find(({ stages }) => stages.includes(stage));
    if (held?.deleted) return refuse('InvalidRequestException', 'the secret is marked for deletion');
    if (found === undefined)
      return refuse('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    return answer(200, answerOf(name, found));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secrets,
    seen,
    /** A new version, which is current from now on. */
    put(name: string, value: unknown, createdAt: string, more: Partial<Version> = {}) {
      const versions = secrets.get(name)?.versions ?? [];
      for (const one of versions) one.stages = one.stages.includes('AWSCURRENT') ? ['AWSPREVIOUS'] : [];
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      const versionId = `00000000-0000-4000-8000-${String(++made).padStart(12, '0')}`;
      const createdSeconds = Date.parse(createdAt) / 1000;
      versions.push({ text, versionId, createdSeconds, stages: ['AWSCURRENT'], ...more });
      secrets.set(name, { versions });
    },
    answerInstead(answer: typeof instead) {
      instead = answer;
    },
  };
}

export function answerOf(name: string, { text, binary, versionId, createdSeconds, stages }: Version) {
  return {
    ARN: `arn:aws:secretsmanager:${region}:${account}:secret:${name}-AbCdEf`,
    Name: name,
    VersionId: versionId,
    ...(binary === undefined ? { SecretString: text } : { SecretBinary: binary }),
    VersionStages: stages,
    CreatedDate: createdSeconds,
  };
}

const shape =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;

/** What is wrong with the signature of a request, by the steps of Signature Version 4. */
function faultOf({ headers, method, url }: IncomingMessage, body: string): string | undefined {
  const parts = shape.exec(headers.authorization ?? '');
  if (parts === null) return 'the header has another shape';
  const [, id, day, place, service, names, signature] = parts as unknown as string[];
  const time = String(headers['x-amz-date']);
  if (id !== keys.id || place !== region || service !== 'secretsmanager' || !time.startsWith(String(day)))
    return 'the scope is another one';
  const signed = String(names).split(';');
  for (const needed of ['host', 'x-amz-date', 'x-amz-target'])
    if (!signed.includes(needed)) return `${needed} is not signed`;
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  const canonical = [
    ...[method, url, ''],
    ...signed.map((name) => `${name}:${String(headers[name]).trim()}`),
    ...['', names, digest(body)],
  ].join('\n');
  const scope = [day, place, service, 'aws4_request'];
  const key = scope.reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(String(part)).digest(),
    `AWS4${keys.secret}`,
  );
  const text = ['AWS4-HMAC-SHA256', time, scope.join('/'), digest(canonical)].join('\n');
  return createHmac('sha256', key).update(text).digest('hex') === signature
    ? undefined
    : 'the signature is another one';
}
