import jsforce from 'jsforce';
import { record } from './record.ts';

const instanceUrl = 'https://mydomain.my.salesforce.com';
const salesforce = new jsforce.Connection({ instanceUrl, accessToken: 'cordon', version: '67.0' });

export default await record(async (call) => {
  const id = await call('sobject.create', async () => {
    const made = await salesforce.sobject('Account').create({ Name: 'Acme' });
    return made.id!;
  });
  await call('sobject.retrieve', async () => (await salesforce.sobject('Account').retrieve(id)).Name);
  await call(
    'sobject.update',
    async () => (await salesforce.sobject('Account').update({ Id: id, Industry: 'Tools' })).success,
  );
  await call('sobject.describe', async () =>
    (await salesforce.sobject('Account').describe()).fields.map(({ name }) => name),
  );
  await call('query', async () => {
    const { records } = await salesforce.query('SELECT Id, Name, Industry FROM Account LIMIT 10');
    return records.map(({ Name, Industry }) => [Name, Industry]);
  });
  await call('limits', async () => (await salesforce.limits()).DailyApiRequests?.Max);
  await call('sobject.create of several', async () => {
    const made = await salesforce.sobject('Contact').create([{ LastName: 'Lovelace' }, { LastName: 'Hopper' }]);
    return made.map(({ success }) => success);
  });
  await call('bulk2.loadAndWaitForResults', async () => {
    const input = [{ LastName: 'Hamilton' }];
    const results = await salesforce.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'insert', input });
    return results.successfulResults.length;
  });
  await call('what the service refuses', () => salesforce.query('SELECT Colour FROM Account LIMIT 10'));
  await call('sobject.destroy', () => salesforce.sobject('Account').destroy(id));
  await call('query of another object', () => salesforce.query('SELECT Id FROM Contact'));
});
