import { s3StandIn } from '../stand-ins/s3.ts';
import type { ClientCase } from './client-case.ts';

const key = { accessKeyId: 'AKIA4REPORTERKEY0001', secretAccessKey: 'u8Zq-2b9f4c-aws-secret-access-key' };
const host = 'example-reports.s3.eu-central-1.amazonaws.com';

export const s3: ClientCase = {
  client: '@aws-sdk/client-s3',
  service: 's3',
  made: "new S3Client({ region, credentials: { accessKeyId: 'cordon', secretAccessKey: 'cordon' } })",
  hosts: [host],
  auth: { type: 'aws_sigv4', region: 'eu-central-1', service: 's3' },
  secret: key,
  hidden: key.secretAccessKey,
  grants: [
    { operations: ['GetObject', 'HeadObject', 'PutObject'], constraints: { Key: { pattern: 'public/.*' } } },
    { operations: ['ListObjectsV2'], constraints: { prefix: { pattern: 'public/.*' } } },
  ],
  standIn: () => s3StandIn({ key, host }),
  calls: {
    PutObject: { gate: ['PutObject'], gives: 200 },
    HeadObject: { gate: ['HeadObject'], gives: 8 },
    GetObject: { gate: ['GetObject'], gives: 'a,b\n1,2\n' },
    'GetObject, a range': { gate: ['GetObject'], gives: '1,2' },
    ListObjectsV2: { gate: ['ListObjectsV2'], gives: ['public/week 1 (draft)+é.csv'] },
    'what the service refuses': { gate: ['GetObject'], fails: /The specified key does not exist/ },
    DeleteObject: { gate: ['DeleteObject'], refused: 'no_grant' },
    'GetObject elsewhere': { gate: ['GetObject'], refused: 'constraint' },
  },
};
