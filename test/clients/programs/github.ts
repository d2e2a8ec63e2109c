import { Octokit } from '@octokit/rest';
import { record } from './record.ts';

const { rest, paginate } = new Octokit({ auth: 'cordon' });
const repository = { owner: 'example', repo: 'reports' };

export default await record(async (call) => {
  await call('users.getAuthenticated', async () => (await rest.users.getAuthenticated()).data.login);
  await call('repos.get', async () => (await rest.repos.get(repository)).data.full_name);
  await call('repos.createOrUpdateFileContents', async () => {
    const content = Buffer.from('# Week 1\n').toString('base64');
    const path = 'weeks/week 1.md';
    return (await rest.repos.createOrUpdateFileContents({ ...repository, path, message: 'Add', content })).status;
  });
  await call('repos.getContent', async () => {
    const { data } = await rest.repos.getContent({ ...repository, path: 'weeks/week 1.md' });
    return 'content' in data ? Buffer.from(data.content, 'base64').toString() : data;
  });
  const issue = await call('issues.create', async () => {
    const { data } = await rest.issues.create({ ...repository, title: 'Numbers differ', labels: ['data'] });
    return data.number;
  });
  await call('issues.createComment', async () => {
    const body = 'Since Monday.';
    return (await rest.issues.createComment({ ...repository, issue_number: issue, body })).status;
  });
  await call('issues.listForRepo, paged', async () => {
    const issues = await paginate(rest.issues.listForRepo, { ...repository, state: 'open', per_page: 1 });
    return issues.map(({ title }) => title);
  });
  await call('git.getRef', async () => (await rest.git.getRef({ ...repository, ref: 'heads/main' })).data.ref);
  await call('what the service refuses', () => rest.issues.get({ ...repository, issue_number: 99 }));
  await call('repos.delete', () => rest.repos.delete(repository));
  await call('issues.create elsewhere', () =>
    rest.issues.create({ ...repository, repo: 'payroll', title: 'Numbers differ' }),
  );
});
