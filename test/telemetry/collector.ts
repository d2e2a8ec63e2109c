import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ExportedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status: { code?: number };
}

export interface Collector {
  readonly received: { service: string; spans: ExportedSpan[] }[];
  /** All that came, as it came. */
  readonly text: string;
  close(): void;
}

/** A collector on loopback that speaks OTLP over HTTP as JSON; the variables of this process point to it from then on. */
export async function startCollector(): Promise<Collector> {
  const received: Collector['received'] = [];
  let text = '';
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    text += body;
    if (request.url === '/v1/traces') {
      for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
        const name = resource.attributes.find((entry: { key: string }) => entry.key === 'service.name');
        received.push({
          service: name.value.stringValue,
          spans: scopeSpans.flatMap((scope: { spans: ExportedSpan[] }) => scope.spans),
        });
      }
    } else received.push({ service: `unexpected ${request.url}`, spans: [] });
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.OTEL_EXPORTER_OTLP_PROTOCOL = 'http/json';
  return {
    received,
    get text() {
      return text;
    },
    close: () => void server.close(),
  };
}
