import { anthropic } from './anthropic.ts';
import type { ClientCase } from './client-case.ts';
import { github } from './github.ts';
import { googleDrive } from './google-drive.ts';
import { microsoft365 } from './microsoft-365.ts';
import { notion } from './notion.ts';
import { openai } from './openai.ts';
import { pinecone } from './pinecone.ts';
import { s3 } from './s3.ts';
import { salesforce } from './salesforce.ts';
import { slack } from './slack.ts';

export const clientCases: ClientCase[] = [
  ...[slack, googleDrive, salesforce, openai, anthropic],
  ...[notion, github, microsoft365, pinecone, s3],
];
