/** `/docs`: one page that reads /openapi.json and lays it out. Nothing is loaded from elsewhere. */
import { createHash } from 'node:crypto';
import { sketchScript } from './docs-sketch.ts';

const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; text-transform: capitalize; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; }
summary { cursor: pointer; padding: .5rem .8rem; } details > div { padding: 0 .8rem .8rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { background: var(--soft); padding: .6rem; overflow: auto; border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); }
.method { display: inline-block; min-width: 4.2rem; font-weight: 700; } .what { opacity: .75; margin-left: .8rem; }
`;

// Text goes in through textContent only: the document is data, not markup.
const script = `${sketchScript}const make = (tag, text, ...children) => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
};
const table = (head, rows) => make('table', '', make('tr', '', ...head.map((text) => make('th', text))),
  ...rows.map((row) => make('tr', '', ...row.map((cell, i) => make('td', '', make(i ? 'span' : 'code', cell))))));
const block = (schema, all) => make('pre', noted(sketch(schema, all), notes(resolved(schema, all), all)));
const json = (content) => Object.entries(content ?? {})[0] ?? [];
const route = (method, path, operation, all) => {
  const body = make('div', '');
  if (operation.description) body.append(make('p', operation.description));
  const parameters = operation.parameters ?? [];
  if (parameters.length) body.append(make('h4', 'Parameters'), table(['name', 'in', 'type', ''], parameters.map((p) => {
    const known = resolved(p.schema, all);
    const said = notes({ ...known, description: p.description ?? known.description }, all);
    return [p.name + (p.required ? '' : '?'), p.in, sketch(p.schema, all), said];
  })));
  const [type, content] = json(operation.requestBody?.content);
  if (type) body.append(make('h4', 'Body: ' + type), block(content.schema, all));
  body.append(make('h4', 'Answers'));
  for (const [status, response] of Object.entries(operation.responses)) {
    const [mediaType, answer] = json(response.content);
    body.append(make('p', status + '  ' + response.description + (mediaType ? '  (' + mediaType + ')' : '')));
    if (answer?.schema && status !== 'default' && /json/.test(mediaType)) body.append(block(answer.schema, all));
  }
  const method_ = make('span', method.toUpperCase());
  method_.className = 'method';
  const what = make('span', operation.summary ?? '');
  what.className = 'what';
  return make('details', '', make('summary', '', method_, make('code', path), what), body);
};
fetch('openapi.json').then((answer) => answer.json()).then((api) => {
  const main = document.querySelector('main');
  main.replaceChildren(make('h1', api.info.title + ' ' + api.info.version), make('p', api.info.description));
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) for (const [method, operation] of Object.entries(methods)) {
    const tag = operation.tags?.[0] ?? 'other';
    if (!groups.has(tag)) groups.set(tag, []);
    groups.get(tag).push(route(method, path, operation, api.components?.schemas ?? {}));
  }
  for (const [tag, routes] of groups) main.append(make('h2', tag), ...routes);
}).catch(() => { document.querySelector('main').textContent = 'openapi.json could not be read.'; });
`;

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Only this script and this style, and only this origin's document. */
export const docsPolicy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export const docsPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Cordon</title>
<style>${style}</style></head>
<body><main>Reading <a href="openapi.json">openapi.json</a></main><script type="module">${script}</script></body></html>
`;
