import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { record } from './record.ts';

const credentials = { accessKeyId: 'cordon', secretAccessKey: 'cordon' };
const s3 = new S3Client({ region: 'eu-central-1', credentials });
const Bucket = 'example-reports';
const Key = 'public/week 1 (draft)+é.csv';

export default await record(async (call) => {
  await call('PutObject', async () => {
    const { $metadata } = await s3.send(
      new PutObjectCommand({ Bucket, Key, Body: 'a,b\n1,2\n', ContentType: 'text/csv' }),
    );
    return $metadata.httpStatusCode;
  });
  await call('HeadObject', async () => (await s3.send(new HeadObjectCommand({ Bucket, Key }))).ContentLength);
  await call('GetObject', async () => (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString());
  await call('GetObject, a range', async () =>
    (await s3.send(new GetObjectCommand({ Bucket, Key, Range: 'bytes=4-6' }))).Body?.transformToString(),
  );
  await call('ListObjectsV2', async () => {
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'public/' }));
    return Contents?.map((one) => one.Key);
  });
  await call('what the service refuses', () => s3.send(new GetObjectCommand({ Bucket, Key: 'public/none' })));
  await call('DeleteObject', () => s3.send(new DeleteObjectCommand({ Bucket, Key })));
  await call('GetObject elsewhere', () => s3.send(new GetObjectCommand({ Bucket, Key: 'private/salaries.csv' })));
});
