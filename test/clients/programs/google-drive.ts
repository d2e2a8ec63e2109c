import { auth, drive as driveOf } from '@googleapis/drive';
import { record } from './record.ts';

const client = new auth.OAuth2();
client.setCredentials({ access_token: 'cordon' });
const drive = driveOf({ version: 'v3', auth: client });

export default await record(async (call) => {
  await call('about.get', async () => (await drive.about.get({ fields: 'user' })).data.user?.displayName);
  const id = await call('files.create, with content', async () => {
    const requestBody = { name: 'report.txt', parents: ['folder1'] };
    const { data } = await drive.files.create({ requestBody, media: { mimeType: 'text/plain', body: 'hello' } });
    return data.id!;
  });
  await call('files.list', async () => {
    const { data } = await drive.files.list({ q: "'folder1' in parents", pageSize: 10, fields: 'files(id,name)' });
    return data.files?.map(({ name }) => name);
  });
  await call('files.get', async () => (await drive.files.get({ fileId: id })).data.name);
  await call('files.get, the content', async () => (await drive.files.get({ fileId: id, alt: 'media' })).data);
  await call('files.update', async () => {
    const requestBody = { name: 'report 1.txt' };
    return (await drive.files.update({ fileId: id, requestBody, addParents: 'folder2' })).data.name;
  });
  await call('files.update, with content', async () => {
    const media = { mimeType: 'text/plain', body: 'hello again' };
    return (await drive.files.update({ fileId: id, media })).data.size;
  });
  await call('permissions.create', async () => {
    const requestBody = { type: 'user', role: 'reader', emailAddress: 'ada@example.com' };
    return (await drive.permissions.create({ fileId: id, requestBody })).data.role;
  });
  await call('what the service refuses', () => drive.files.get({ fileId: 'none' }));
  await call('files.delete', () => drive.files.delete({ fileId: id }));
  await call('permissions.create for anyone', () =>
    drive.permissions.create({ fileId: id, requestBody: { type: 'anyone', role: 'reader' } }),
  );
});
