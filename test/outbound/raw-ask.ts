/** Requests straight to the host's operation, past every check of the guest's own library. */
import type { Crm } from './crm.ts';

export interface RawRequest {
  url: string;
  method?: string;
  headers?: [string, string][];
  body?: string;
}

/** The status of each, or the name of its error. */
export async function askRaw(crm: Crm, agent: string, requests: RawRequest[]): Promise<(number | string)[]> {
  const code = `
from cordon import input
from _cordon import door
told = []
for one in input:
    try:
        args = {'url': one['url'], 'method': one.get('method', 'GET'), 'headers': one.get('headers', [])}
        answer = door.ask('fetch', args, one.get('body', '').encode())[0]
        told.append(answer['status'])
        if 'body' in answer: door.ask('fetch.cancel', {'body': answer['body']})
    except Exception as error:
        told.append(type(error).__name__)
told`;
  const record = await crm.run(agent, code, { language: 'python', input: requests, limits: { wallMs: 120_000 } });
  if (record.error) throw new Error(`${record.error.name}: ${record.error.message}`);
  return record.result;
}

export const denied = (count: number): string[] => Array(count).fill('EgressDenied');
