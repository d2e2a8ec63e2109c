import { gitHubStandIn } from '../stand-ins/github.ts';
import type { ClientCase } from './client-case.ts';

const token = 'github_pat_6d1c9e-github-token';

export const github: ClientCase = {
  client: '@octokit/rest',
  service: 'github',
  made: "new Octokit({ auth: 'cordon' })",
  secret: { token },
  hidden: token,
  grants: [
    { operations: ['users.getAuthenticated'] },
    {
      operations: [
        ...['repos.get', 'repos.getContent', 'repos.createOrUpdateFileContents', 'git.getRef'],
        ...['issues.get', 'issues.listForRepo', 'issues.create', 'issues.createComment'],
      ],
      constraints: { owner: { equals: 'example' }, repo: { equals: 'reports' } },
    },
  ],
  standIn: () => gitHubStandIn({ token, repository: 'example/reports', issues: ['Late'] }),
  calls: {
    'users.getAuthenticated': { gate: ['users.getAuthenticated'], gives: 'reporter' },
    'repos.get': { gate: ['repos.get'], gives: 'example/reports' },
    'repos.createOrUpdateFileContents': { gate: ['repos.createOrUpdateFileContents'], gives: 201 },
    'repos.getContent': { gate: ['repos.getContent'], gives: '# Week 1\n' },
    'issues.create': { gate: ['issues.create'], gives: 2 },
    'issues.createComment': { gate: ['issues.createComment'], gives: 201 },
    'issues.listForRepo, paged': {
      gate: ['issues.listForRepo', 'issues.listForRepo'],
      gives: ['Late', 'Numbers differ'],
    },
    'git.getRef': { gate: ['git.getRef'], gives: 'refs/heads/main' },
    'what the service refuses': { gate: ['issues.get'], fails: /Not Found/ },
    'repos.delete': { gate: ['repos.delete'], refused: 'no_grant' },
    'issues.create elsewhere': { gate: ['issues.create'], refused: 'constraint' },
  },
};
