import { generateKeyPairSync } from 'node:crypto';
import { driveStandIn } from '../stand-ins/google-drive.ts';
import { assertionRefusal, withTokenEndpoint } from '../stand-ins/token-endpoint.ts';
import type { ClientCase } from './client-case.ts';

const token = 'ya29.5e2d8c-drive-token';
const issuer = 'reporter@project.iam.gserviceaccount.com';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

export const googleDrive: ClientCase = {
  client: '@googleapis/drive',
  service: 'google-drive',
  made: "const client = new auth.OAuth2(); client.setCredentials({ access_token: 'cordon' })",
  secret: { issuer, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string },
  hidden: token,
  grants: [
    { operations: ['about.get', 'files.*:read', 'files.create*', 'files.update*'] },
    { operations: ['permissions.create'], constraints: { type: { equals: 'user' }, role: { equals: 'reader' } } },
  ],
  standIn: () =>
    withTokenEndpoint(driveStandIn({ token }), {
      host: 'oauth2.googleapis.com',
      path: '/token',
      token,
      refusal: (form) =>
        assertionRefusal(form, {
          publicKey,
          issuer,
          audience: 'https://oauth2.googleapis.com/token',
          scope: 'https://www.googleapis.com/auth/drive',
          lifetime: 3600,
        }),
    }),
  calls: {
    'about.get': { gate: ['about.get'], gives: 'Reader' },
    'files.create, with content': { gate: ['files.create.upload'], gives: '1File0000000000000000000000000001' },
    'files.list': { gate: ['files.list'], gives: ['report.txt'] },
    'files.get': { gate: ['files.get'], gives: 'report.txt' },
    'files.get, the content': { gate: ['files.getContent'], gives: 'hello' },
    'files.update': { gate: ['files.update'], gives: 'report 1.txt' },
    'files.update, with content': { gate: ['files.update.upload'], gives: '11' },
    'permissions.create': { gate: ['permissions.create'], gives: 'reader' },
    'what the service refuses': { gate: ['files.get'], fails: /File not found: none/ },
    'files.delete': { gate: ['files.delete'], refused: 'no_grant' },
    'permissions.create for anyone': { gate: ['permissions.create'], refused: 'constraint' },
  },
};
