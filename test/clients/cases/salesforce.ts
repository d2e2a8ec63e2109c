import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'vitest';
import { salesforceStandIn } from '../stand-ins/salesforce.ts';
import { assertionRefusal, withTokenEndpoint } from '../stand-ins/token-endpoint.ts';
import type { ClientCase } from './client-case.ts';

const token = '00D1x-7a9e3c-salesforce-token';
const [issuer, subject] = ['3MVG9consumerkey', 'reporter@example.com'];
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const host = 'mydomain.my.salesforce.com';

export const salesforce: ClientCase = {
  client: 'jsforce',
  service: 'salesforce',
  made: "new Connection({ instanceUrl: 'https://mydomain.my.salesforce.com', accessToken: 'cordon' })",
  hosts: [host],
  secret: { issuer, subject, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string },
  hidden: token,
  grants: [
    {
      operations: ['records.create', 'records.update', 'records.get'],
      constraints: { sobject: { equals: 'Account' } },
    },
    { operations: ['sobjects.describe', 'limits.get', 'records.createMany'] },
    { operations: ['jobs.ingest.*:read', 'jobs.ingest.*:write'] },
    {
      operations: ['jobs.ingest.create'],
      constraints: { object: { equals: 'Contact' }, operation: { equals: 'insert' } },
    },
    { operations: ['query'], constraints: { q: { pattern: 'SELECT [A-Za-z, ]+ FROM Account LIMIT [0-9]+' } } },
  ],
  standIn: () =>
    withTokenEndpoint(salesforceStandIn({ token, host }), {
      host: 'login.salesforce.com',
      path: '/services/oauth2/token',
      token,
      refusal: (form) =>
        assertionRefusal(form, { publicKey, issuer, subject, audience: 'https://login.salesforce.com', lifetime: 180 }),
    }),
  calls: {
    'sobject.create': { gate: ['records.create'], gives: expect.stringMatching(/^001[0-9A-Z]{15}$/i) },
    'sobject.retrieve': { gate: ['records.get'], gives: 'Acme' },
    'sobject.update': { gate: ['records.update'], gives: true },
    'sobject.describe': { gate: ['sobjects.describe'], gives: ['Id', 'Name', 'Industry'] },
    query: { gate: ['query'], gives: [['Acme', 'Tools']] },
    limits: { gate: ['limits.get'], gives: 15_000 },
    'sobject.create of several': { gate: ['records.createMany'], gives: [true, true] },
    'bulk2.loadAndWaitForResults': {
      gate: [
        'jobs.ingest.create',
        'jobs.ingest.upload',
        'jobs.ingest.close',
        'jobs.ingest.get',
        'jobs.ingest.successfulResults',
        'jobs.ingest.failedResults',
        'jobs.ingest.unprocessedRecords',
      ],
      gives: 1,
    },
    'what the service refuses': { gate: ['query'], fails: /No such column 'Colour'/ },
    'sobject.destroy': { gate: ['records.delete'], refused: 'no_grant' },
    'query of another object': { gate: ['query'], refused: 'constraint' },
  },
};
