/** Token endpoints and MCP servers by the way that every call takes. */
import { afterEach, describe, expect, it } from 'vitest';
import { createMcpSupport } from '../../../runtime/connector/mcp.ts';
import { createAuthenticator } from '../../../runtime/egress/auth/authenticate.ts';
import { createUpstream, type Upstream } from '../../../runtime/egress/upstream.ts';
import { startMcpServer } from '../../connector/mcp-server.ts';
import { startBait } from '../stand-in.ts';
import { callOf, connectorWith, handClock, headerOf, leaseOf } from './call.ts';
import { startTokenStandIn } from './token-stand-in.ts';

const toClose: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of toClose.splice(0).reverse()) await one.close();
});
const closing = <T extends { close(): Promise<void> }>(one: T): T => {
  toClose.push(one);
  return one;
};

const toLoopback = () => closing(createUpstream({ lookup: async () => ['127.0.0.1'] }));
const secret = { clientId: 'app', clientSecret: 'hunter2-secret' };
const connectorTo = (tokenUrl: string) => connectorWith({ type: 'oauth2_client_credentials', tokenUrl });
const authenticatorOver = (upstream: Upstream) => createAuthenticator({ clock: handClock(), send: upstream.send });

describe('the way to a token endpoint', () => {
  it('is the one that the connector says', async () => {
    const endpoint = closing(await startTokenStandIn({ id: 'app', secret: 'hunter2-secret' }, handClock()));
    const connector = { ...connectorTo(endpoint.tokenUrl), connectTo: endpoint.connectTo };
    const authenticator = authenticatorOver(toLoopback());
    const signed = await authenticator.authenticate(callOf(connector, leaseOf(secret)));
    expect(headerOf(signed.headers, 'authorization')).toBe('Bearer token-1-of-app');
    expect(endpoint.requests[0]).toMatchObject({ servername: 'login.example.com', method: 'POST' });
  });

  it('never leads to an address that is not public', async () => {
    const bait = closing(await startBait());
    const authenticator = authenticatorOver(toLoopback());
    for (const host of ['login.example.com', 'localhost', '127.0.0.1', '[::1]', '2130706433']) {
      const connector = connectorTo(`https://${host}:${bait.port}/token`);
      const refused = await authenticator.authenticate(callOf(connector, leaseOf(secret))).catch((error) => error);
      expect(refused.reason, host).toBe('address_refused');
      expect(String(refused)).not.toContain('hunter2');
    }
    expect(bait.hits).toBe(0);
  });
});

describe('the way to an MCP server', () => {
  it.each(['stateless', 'session'] as const)('%s, with answers as streams', async (era) => {
    const tools = [{ name: 'get_weather' }, { name: 'send_email' }];
    const server = closing(await startMcpServer({ era, form: 'stream', tools, pageSize: 1 }));
    const mcp = createMcpSupport({ send: toLoopback().send });
    const found = await mcp.readTools('default', { url: server.url }, server.connectTo);
    expect(found.operations.filter(({ rpc }) => rpc?.tool).map(({ name }) => name)).toEqual([
      'get_weather',
      'send_email',
    ]);
    expect(server.sessions).toBe(0);
  });

  it('never leads to an address that is not public', async () => {
    const bait = closing(await startBait());
    const mcp = createMcpSupport({ send: toLoopback().send });
    for (const host of ['mcp.example.com', 'localhost', '127.0.0.1']) {
      const url = `https://${host}:${bait.port}/mcp`;
      await expect(mcp.readTools('default', { url })).rejects.toMatchObject({ code: 'validation_failed' });
    }
    expect(bait.hits).toBe(0);
  });
});
