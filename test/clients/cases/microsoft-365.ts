import { graphStandIn } from '../stand-ins/microsoft-365.ts';
import { withTokenEndpoint } from '../stand-ins/token-endpoint.ts';
import type { ClientCase } from './client-case.ts';

const token = 'eyJ0.8f4b2a.graph-token';
const [clientId, clientSecret] = ['11111111-2222-3333-4444-555555555555', 'entra~3c7d9e-secret'];
const path = '/contoso.onmicrosoft.com/oauth2/v2.0/token';
const user = 'support@contoso.com';
const scope = 'https://graph.microsoft.com/.default';

export const microsoft365: ClientCase = {
  client: '@microsoft/microsoft-graph-client',
  service: 'microsoft-365',
  made: "Client.init({ authProvider: (done) => done(null, 'cordon') })",
  auth: {
    type: 'oauth2_client_credentials',
    tokenUrl: `https://login.microsoftonline.com${path}`,
    scope,
    clientAuth: 'body',
  },
  secret: { clientId, clientSecret },
  hidden: token,
  grants: [
    { operations: ['users.get', 'users.messages.list', 'users.sendMail'], constraints: { userId: { equals: user } } },
    { operations: ['sites.drive.byPath.put', 'sites.drive.byPath.content', 'sites.lists.items.create'] },
    { operations: ['teams.messages.send'], constraints: { channelId: { equals: '19:abc@thread.tacv2' } } },
  ],
  standIn: () =>
    withTokenEndpoint(graphStandIn({ token, user, mails: ['One', 'Two'], lists: ['Tasks'] }), {
      host: 'login.microsoftonline.com',
      path,
      token,
      refusal(form) {
        if (form.get('grant_type') !== 'client_credentials') return 'grant_type';
        if (form.get('client_id') !== clientId || form.get('client_secret') !== clientSecret) return 'client';
        return form.get('scope') === scope ? undefined : 'scope';
      },
    }),
  calls: {
    'a user': { gate: ['users.get'], gives: 'Support' },
    'messages, paged': { gate: ['users.messages.list', 'users.messages.list'], gives: ['One', 'Two'] },
    'a mail': { gate: ['users.sendMail'] },
    'an upload by path': { gate: ['sites.drive.byPath.put'], gives: 'week 1.csv' },
    'a download': { gate: ['sites.drive.byPath.content'], gives: 'a,b\n1,2\n' },
    'a row of a list': { gate: ['sites.lists.items.create'], gives: 'Check' },
    'a message in a channel': { gate: ['teams.messages.send'], gives: 'hello' },
    'what the service refuses': { gate: ['sites.lists.items.create'], fails: /The specified list was not found/ },
    'users.delete': { gate: ['users.delete'], refused: 'no_grant' },
    'a mail of another person': { gate: ['users.sendMail'], refused: 'constraint' },
  },
};
