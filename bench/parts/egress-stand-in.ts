/**
 * A process of its own that stands in for a service, over TLS: `egress-stand-in.ts FOLDER`. `/v1/20/contacts` answers 20 ms
 * after the request is complete. Answers what egress.ts asks.
 */
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { createRunCa } from '../../runtime/egress/proxy/run-ca.ts';
import { answerQuestions } from '../questions.ts';
import { ANSWER_BYTES, address, type Protocol, type StandInQuestions, token } from './egress-calls.ts';

const DAY_MS = 24 * 3_600_000;
/** Nobody pauses a benchmark for as long. */
const KEEP_ALIVE_MS = 600_000;

const ca = await createRunCa({ nowMs: Date.now(), wallMs: DAY_MS });
const caFile = join(process.argv[2] as string, 'ca.pem');
writeFileSync(caFile, ca.certPem);
const tls: Pick<ServerOptions, 'SNICallback'> = { SNICallback: (name, done) => done(null, ca.leafFor(name)) };
const contacts = answerOf(ANSWER_BYTES);

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/** A wrong request is told so: nothing is measured with it. */
function serve(request: Request, response: Response): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const serviceMs = Number(/^\/v1\/(\d+)\/contacts(?:\?|$)/.exec(request.url ?? '')?.[1]);
    if (request.headers.authorization !== `Bearer ${token}`) answer(response, 401);
    else if (Number.isNaN(serviceMs)) answer(response, 404);
    else if (request.method === 'POST' && JSON.parse(Buffer.concat(chunks).toString()).list !== 'team')
      answer(response, 400);
    else if (serviceMs === 0) answer(response, 200);
    else setTimeout(() => answer(response, 200), serviceMs);
  });
}

function answer(response: Response, status: number): void {
  const headers = { 'content-type': 'application/json', 'content-length': contacts.length };
  (response as ServerResponse).writeHead(status, headers).end(contacts);
}

/** JSON of about so many bytes. */
function answerOf(bytes: number): Buffer {
  const items: object[] = [];
  for (let at = 0; JSON.stringify({ items }).length < bytes; at++)
    items.push({ id: `contact-${at}`, name: `Name ${at}`, email: `name.${at}@example.com`, isActive: at % 3 > 0 });
  return Buffer.from(JSON.stringify({ items }));
}

const port = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, address, () => resolve((server.address() as AddressInfo).port)));
const ports: Record<Protocol, number> = {
  // What a service offers that speaks both: the client takes HTTP/2.
  'HTTP/2': await port(createSecureServer({ ...tls, allowHTTP1: true }, serve)),
  'HTTP/1.1': await port(createServer({ ...tls, keepAliveTimeout: KEEP_ALIVE_MS }, serve)),
};

answerQuestions<StandInQuestions>({ where: async () => ({ ports, caFile }) });
