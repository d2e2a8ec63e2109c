/** Every official client with its stand-in, connector, credential and agent, in one service. */
import { type Service, startService } from '../api/service.ts';
import { type StandIn, startStandIn } from '../egress/stand-in.ts';
import type { ClientCase } from './cases/client-case.ts';
import type { ServiceStandIn } from './stand-ins/service.ts';

export interface ClientScene {
  service: Service;
  /** By the name of the service: the agent has the same. */
  standIns: Map<string, { service: ServiceStandIn; server: StandIn }>;
  close(): Promise<void>;
}

export async function startClients(cases: ClientCase[], env: Record<string, string> = {}): Promise<ClientScene> {
  const service = await startService(env);
  const standIns: ClientScene['standIns'] = new Map();
  const ask = async (status: number, method: string, path: string, body?: unknown) => {
    const reply = await service.call(method, path, body === undefined ? {} : { body });
    if (reply.status !== status) throw new Error(`${method} ${path} answered ${reply.status}: ${reply.text}`);
    return reply.json;
  };

  for (const { service: name, hosts, auth, secret, grants, standIn } of cases) {
    const stood = standIn();
    const server = await startStandIn({ names: stood.names, handler: stood.handler });
    standIns.set(name, { service: stood, server });
    const { connectTo } = server;
    await ask(201, 'POST', '/v1/connectors', {
      ...{ id: name, catalog: name, connectTo },
      ...(hosts ? { hosts } : {}),
      ...(auth ? { auth } : {}),
    });
    await ask(201, 'POST', '/v1/agents', { id: name });
    await ask(201, 'POST', '/v1/credentials', { connector: name, agent: name, secret });
    for (const grant of grants) await ask(201, 'POST', `/v1/agents/${name}/grants`, { connector: name, ...grant });
    const { findings } = await ask(200, 'GET', `/v1/agents/${name}/preflight`);
    const errors = new Set(findings.filter((one: any) => one.severity === 'error').map((one: any) => one.check));
    for (const check of errors)
      await ask(201, 'POST', `/v1/agents/${name}/waivers`, { check, reason: 'a test of clients' });
    await ask(200, 'POST', `/v1/agents/${name}/activate`, {});
  }

  return {
    service,
    standIns,
    async close() {
      await service.close();
      for (const { server } of standIns.values()) await server.close();
    },
  };
}
