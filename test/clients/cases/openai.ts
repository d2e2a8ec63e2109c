import { openAiStandIn } from '../stand-ins/openai.ts';
import type { ClientCase } from './client-case.ts';

const token = 'sk-9c3a7b-openai-token';

export const openai: ClientCase = {
  client: 'openai',
  service: 'openai',
  made: "new OpenAI({ apiKey: 'cordon' })",
  secret: { token },
  hidden: token,
  grants: [
    { operations: ['models.*:read', 'files.*:read', 'files.create', 'responses.create', 'embeddings.create'] },
    { operations: ['chat.completions.create'], constraints: { model: { equals: 'gpt-5-mini' } } },
  ],
  standIn: () => openAiStandIn({ token }),
  calls: {
    'models.list': { gate: ['models.list'], gives: 5 },
    'chat.completions.create': { gate: ['chat.completions.create'], gives: 'Hello there' },
    'chat.completions.create, streamed': { gate: ['chat.completions.create'], gives: ['Hello', ' there'] },
    'responses.create': { gate: ['responses.create'], gives: 'Hello there' },
    'embeddings.create': {
      gate: ['embeddings.create'],
      gives: [
        [0.25, -0.5, 1],
        [0.25, -0.5, 1],
      ],
    },
    'files.create': { gate: ['files.create'], gives: 'file-1' },
    'files.content': { gate: ['files.content'], gives: '{"a":1}\n' },
    'what the service refuses': { gate: ['models.retrieve'], fails: /no model gpt-1/ },
    'files.delete': { gate: ['files.delete'], refused: 'no_grant' },
    'chat.completions.create with another model': { gate: ['chat.completions.create'], refused: 'constraint' },
  },
};
