/** Programs that call services as the clients of their language do. */
import type { Language } from '../../../runtime/sandbox/driver.ts';

const pythonCalls = (send: string) => `
import os, sys, urllib.request, urllib.error
def call(url, body=None):
    ${send}
print(call('https://api.example.com/v1/things?a=b'))
print(call('https://slack.com/api/chat.postMessage', b'{"channel":"C1"}'))
`;
const nodeCalls = (call: string) => `${call}
console.log(await call('https://api.example.com/v1/things?a=b'));
console.log(await call('https://slack.com/api/chat.postMessage', '{"channel":"C1"}'));
`;
/** Each calls what is granted, then what is not, and prints body and status of both. */
export const calls: [client: string, language: Language, code: string][] = [
  [
    'curl',
    'shell',
    `curl -sS -w ' %{http_code}\\n' 'https://api.example.com/v1/things?a=b'
curl -sS -w ' %{http_code}\\n' -H 'Content-Type: application/json' -d '{"channel":"C1"}' https://slack.com/api/chat.postMessage`,
  ],
  [
    "Python's urllib",
    'python',
    pythonCalls(`try:
        with urllib.request.urlopen(urllib.request.Request(url, body)) as response: return response.read().decode(), response.status
    except urllib.error.HTTPError as error: return error.read().decode(), error.code, str(error)`),
  ],
  [
    'requests',
    'python',
    pythonCalls(`import requests
    response = requests.request('POST' if body else 'GET', url, data=body)
    return response.text, response.status_code`),
  ],
  [
    "Node's fetch",
    'javascript',
    nodeCalls(`const call = async (url, body) => {
  const response = await fetch(url, body ? { method: 'POST', body } : {});
  return await response.text() + ' ' + response.status;
};`),
  ],
  [
    "Node's https, with an agent of its own",
    'typescript',
    nodeCalls(`import { Agent, request } from 'node:https';
const agent = new Agent({ keepAlive: false });
const call = (url: string, body?: string) => new Promise((done, fail) => {
  request(url, { agent, method: body ? 'POST' : 'GET' }, async (response) => {
    let text = '';
    for await (const part of response) text += part;
    done(text + ' ' + response.statusCode);
  }).on('error', fail).end(body);
});`),
  ],
];
