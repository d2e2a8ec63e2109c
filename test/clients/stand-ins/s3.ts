/** S3 as its reference demands it: one bucket by its own host name, signature version 4, checksums, XML. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { awsRefusal, type KnownKey } from '../../egress/auth/aws-stand-in.ts';
import type { SeenRequest, StandInAnswer } from '../../egress/stand-in.ts';
import { Fault, type ServiceStandIn, serviceStandIn } from './service.ts';

export interface S3StandIn extends ServiceStandIn {
  objects: Map<string, { bytes: Buffer; type: string }>;
}

const date = 'Thu, 01 Jan 2026 00:00:00 GMT';

export function s3StandIn({ key: known, host }: { key: KnownKey; host: string }): S3StandIn {
  const objects: S3StandIn['objects'] = new Map();

  const service = serviceStandIn([host], (request, { pathname, query }) => {
    const wrong = awsRefusal(request, known, Date.now());
    if (wrong !== undefined) throw failed(403, wrong === 'InvalidAccessKeyId' ? wrong : 'SignatureDoesNotMatch', wrong);
    const key = decodeURIComponent(pathname.slice(1));
    if (key === '') return list(request, query);
    switch (request.method) {
      case 'PUT':
        return put(request, key);
      case 'GET':
      case 'HEAD':
        return get(request, key);
      case 'DELETE':
        objects.delete(key);
        return { status: 204 };
      default:
        throw failed(405, 'MethodNotAllowed', request.method);
    }
  });

  function list({ method }: SeenRequest, query: URLSearchParams): StandInAnswer {
    if (method !== 'GET' || query.get('list-type') !== '2') throw failed(501, 'NotImplemented', `${method} ${query}`);
    const prefix = query.get('prefix') ?? '';
    const isEncoded = query.get('encoding-type') === 'url';
    const name = (key: string) => (isEncoded ? encodeURIComponent(key).replaceAll('%2F', '/') : escaped(key));
    const found = [...objects].filter(([key]) => key.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const contents = found.map(
      ([key, { bytes }]) =>
        `<Contents><Key>${name(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;${md5(bytes)}&quot;</ETag><Size>${bytes.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    );
    return xml(
      `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${host.split('.', 1)}</Name><Prefix>${name(prefix)}</Prefix><KeyCount>${found.length}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`,
    );
  }

  function put({ headers, body }: SeenRequest, key: string): StandInAnswer {
    const checksum = headers['x-amz-checksum-crc32'];
    const actual = Buffer.alloc(4);
    actual.writeUInt32BE(crc32(body));
    if (checksum !== undefined && checksum !== actual.toString('base64')) throw failed(400, 'BadDigest', checksum);
    if (headers['x-amz-copy-source'] !== undefined || /aws-chunked/.test(headers['content-encoding'] ?? ''))
      throw failed(501, 'NotImplemented', 'copies and chunked bodies');
    objects.set(key, { bytes: body, type: headers['content-type'] ?? 'binary/octet-stream' });
    return { headers: { etag: `"${md5(body)}"`, 'x-amz-checksum-crc32': actual.toString('base64') } };
  }

  function get({ method, headers }: SeenRequest, key: string): StandInAnswer {
    const found = objects.get(key);
    if (!found) throw failed(404, 'NoSuchKey', 'The specified key does not exist.');
    const { bytes, type } = found;
    const common = { 'content-type': type, etag: `"${md5(bytes)}"`, 'last-modified': date, 'accept-ranges': 'bytes' };
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    if (from === undefined) {
      const length = String(bytes.length);
      return { headers: { ...common, 'content-length': length }, ...(method === 'HEAD' ? {} : { body: bytes }) };
    }
    const part = bytes.subarray(Number(from), to ? Number(to) + 1 : undefined);
    if (part.length === 0) throw failed(416, 'InvalidRange', headers.range!);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
    return { status: 206, headers: { ...common, 'content-range': range }, body: part };
  }

  return { ...service, objects };
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const xml = (text: string, status = 200): StandInAnswer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n${text}`,
});

const failed = (status: number, code: string, message: string) =>
  new Fault(
    `${status} ${code}: ${message}`,
    xml(`<Error><Code>${code}</Code><Message>${escaped(message)}</Message><RequestId>1</RequestId></Error>`, status),
  );
