/** One request to a stand-in without a network. */
import type { SeenRequest } from '../egress/stand-in.ts';
import type { ServiceStandIn } from './stand-ins/service.ts';

/** `line`: method and path. `content`: bytes or text as they are, anything else as JSON. */
export function call(
  { handler }: ServiceStandIn,
  line: string,
  headers: Record<string, string> = { authorization: 'Bearer right' },
  content?: unknown,
): any {
  const [method = '', path = ''] = line.split(' ');
  const isText = typeof content === 'string' || content === undefined;
  const body = Buffer.isBuffer(content) ? content : Buffer.from(isText ? (content ?? '') : JSON.stringify(content));
  const seen: SeenRequest = {
    method,
    path,
    headers,
    rawHeaders: Object.entries(headers),
    body,
    json: () => JSON.parse(body.toString()),
    httpVersion: '1.1',
    servername: undefined,
    connection: 1,
  };
  const { status = 200, body: answer } = handler(seen);
  return { status, body: answer };
}
