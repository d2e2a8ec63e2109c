import { slackStandIn } from '../stand-ins/slack.ts';
import type { ClientCase } from './client-case.ts';

const token = 'xoxb-4d8e1f-slack-token';
const channel = 'C0123456789';

export const slack: ClientCase = {
  client: '@slack/web-api',
  service: 'slack',
  made: "new WebClient('cordon', { retryConfig: { retries: 0 } })",
  secret: { token },
  hidden: token,
  grants: [
    { operations: ['auth.test', 'conversations.*:read', 'users.*:read', 'reactions.add', 'files.uploadContent'] },
    { operations: ['files.getUploadURLExternal'] },
    { operations: ['files.completeUploadExternal'], constraints: { channel_id: { equals: channel } } },
    { operations: ['chat.postMessage'], constraints: { channel: { equals: channel } } },
  ],
  standIn: () => slackStandIn({ token }),
  calls: {
    'auth.test': { gate: ['auth.test'], gives: 'Example' },
    'conversations.list, paged': {
      gate: ['conversations.list', 'conversations.list'],
      gives: ['general', 'sales'],
    },
    'chat.postMessage': { gate: ['chat.postMessage'], gives: '1700000001.000100' },
    'reactions.add': { gate: ['reactions.add'] },
    'conversations.history': { gate: ['conversations.history'], gives: ['Grüße & more'] },
    'users.info': { gate: ['users.info'], gives: 'ada' },
    filesUploadV2: { gate: ['files.getUploadURLExternal', 'files.uploadContent', 'files.completeUploadExternal'] },
    'what the service refuses': { gate: ['users.info'], fails: /user_not_found/ },
    'chat.delete': { gate: ['chat.delete'], refused: 'no_grant' },
    'chat.postMessage elsewhere': { gate: ['chat.postMessage'], refused: 'constraint' },
  },
};
