/** A customer database on loopback, the service with a connector to it, and agents with grants: what tests of egress begin with. */

import { type Service, startService } from '../api/service.ts';
import { type SeenRequest, type StandIn, type StandInAnswer, startStandIn } from '../egress/stand-in.ts';

/** Nowhere else than in the vault and at the service may this be found. */
export const crmToken = 'crm-secret-7f3e9a1d5b20c846';
export const crmHost = 'crm.example.com';

export const crmOperations = [
  { name: 'contacts.list', method: 'GET', path: '/v1/contacts', effect: 'read' },
  { name: 'contacts.get', method: 'GET', path: '/v1/contacts/{contact}', effect: 'read' },
  { name: 'contacts.create', method: 'POST', path: '/v1/contacts', effect: 'write' },
  {
    name: 'contacts.delete',
    method: 'DELETE',
    path: '/v1/contacts/{contact}',
    effect: 'delete',
    danger: 'the record is gone',
  },
  {
    name: 'messages.post',
    method: 'POST',
    path: '/v1/messages',
    effect: 'send',
    danger: 'people read it',
    parameters: [{ name: 'channel', in: 'body', required: true }],
  },
];

interface AgentOptions {
  draft?: boolean;
  secret?: boolean;
  quotas?: Record<string, number>;
}

export interface Crm {
  service: Service;
  standIn: StandIn;
  /** Creates an agent with these grants, activated unless `draft`. */
  agent(id: string, grants: Record<string, unknown>[], options?: AgentOptions): Promise<void>;
  /** Accepts what the pre-flight finds and activates. */
  activate(id: string): Promise<void>;
  /** The result of a program, or its error. */
  run(agent: string, code: string, more?: Record<string, unknown>): Promise<any>;
  close(): Promise<void>;
}

/** What the customer database answers by itself. */
function crmAnswer(request: SeenRequest): StandInAnswer {
  if (request.headers.authorization !== `Bearer ${crmToken}`) return { status: 401, body: { error: 'not authorized' } };
  const path = request.path.split('?')[0] ?? '';
  if (path === '/v1/contacts' && request.method === 'GET') return { body: { contacts: [{ id: 'c1', name: 'Ada' }] } };
  if (path === '/v1/contacts') return { status: 201, body: { id: 'c2', ...request.json() } };
  if (path === '/v1/messages') return { body: { ok: true, ...request.json() } };
  if (path.startsWith('/v1/contacts/')) return { body: { id: path.split('/').at(-1) } };
  return { status: 404, body: { error: 'no such thing' } };
}

/** `handler` answers first; undefined leaves it to the customer database. */
export async function startCrm(
  handler: (request: SeenRequest) => StandInAnswer | undefined = () => undefined,
  env: Record<string, string> = {},
): Promise<Crm> {
  const standIn = await startStandIn({
    names: [crmHost],
    handler: (request) => handler(request) ?? crmAnswer(request),
  });
  const service = await startService(env);
  const expectStatus = async (wanted: number, method: string, path: string, body?: unknown) => {
    const reply = await service.call(method, path, body === undefined ? {} : { body });
    if (reply.status !== wanted) throw new Error(`${method} ${path} answered ${reply.status}: ${reply.text}`);
    return reply.json;
  };
  await expectStatus(201, 'POST', '/v1/connectors', {
    id: 'crm',
    hosts: [crmHost],
    auth: { type: 'bearer' },
    operations: crmOperations,
    connectTo: standIn.connectTo,
  });

  const crm: Crm = {
    service,
    standIn,
    async agent(id, grants, { draft = false, secret = true, quotas = {} } = {}) {
      await expectStatus(201, 'POST', '/v1/agents', { id, quotas });
      if (secret)
        await expectStatus(201, 'POST', '/v1/credentials', {
          connector: 'crm',
          agent: id,
          secret: { token: crmToken },
        });
      for (const grant of grants)
        await expectStatus(201, 'POST', `/v1/agents/${id}/grants`, { connector: 'crm', ...grant });
      if (!draft) await crm.activate(id);
    },
    async activate(id) {
      const { findings } = await expectStatus(200, 'GET', `/v1/agents/${id}/preflight`);
      const errors = new Set(findings.filter((one: any) => one.severity === 'error').map((one: any) => one.check));
      for (const check of errors)
        await expectStatus(201, 'POST', `/v1/agents/${id}/waivers`, { check, reason: 'a test of the gate' });
      await expectStatus(200, 'POST', `/v1/agents/${id}/activate`, {});
    },
    async run(agent, code, more = {}) {
      const { json } = await service.run(code, { agent, ...more });
      return json;
    },
    async close() {
      await service.close();
      await standIn.close();
    },
  };
  return crm;
}

/** The events of a run that tell of calls. */
export async function callsOf(service: Service, run: string): Promise<Record<string, unknown>[]> {
  const { text } = await service.call('GET', `/v1/runs/${run}/events`);
  return [...text.matchAll(/^data: (.*)$/gm)]
    .map(([, data]) => JSON.parse(data as string))
    .filter(({ type }) => type === 'egress_call');
}
