import { anthropicStandIn } from '../stand-ins/anthropic.ts';
import type { ClientCase } from './client-case.ts';

const value = 'sk-ant-2f8b5d-anthropic-key';

export const anthropic: ClientCase = {
  client: '@anthropic-ai/sdk',
  service: 'anthropic',
  made: "new Anthropic({ apiKey: 'cordon' })",
  secret: { value },
  hidden: value,
  grants: [
    { operations: ['messages.create'], constraints: { model: { equals: 'claude-haiku-4-5' } } },
    { operations: ['messages.countTokens', 'messages.batches.create', 'messages.batches.*:read', 'models.*:read'] },
  ],
  standIn: () => anthropicStandIn({ token: value }),
  calls: {
    'messages.create': { gate: ['messages.create'], gives: ['Hello there'] },
    'messages.stream': { gate: ['messages.create'], gives: [['Hello', ' there'], 'end_turn'] },
    'messages.countTokens': { gate: ['messages.countTokens'], gives: 9 },
    'models.list': { gate: ['models.list', 'models.list'], gives: ['claude-haiku-4-5', 'claude-opus-4-5'] },
    'messages.batches.create': { gate: ['messages.batches.create'], gives: 'msgbatch_1' },
    'messages.batches.retrieve': { gate: ['messages.batches.retrieve'], gives: 'ended' },
    'messages.batches.results': {
      gate: ['messages.batches.retrieve', 'messages.batches.results'],
      gives: ['one succeeded'],
    },
    'what the service refuses': { gate: ['models.retrieve'], fails: /model: claude-0/ },
    'messages.batches.delete': { gate: ['messages.batches.delete'], refused: 'no_grant' },
    'messages.create with another model': { gate: ['messages.create'], refused: 'constraint' },
  },
};
