// CommonJS files become one function text with Node's five parameters.

import { createEdits } from './edits.js';
import { lastStatement } from './esm.js';
import { walk } from './walk.js';

/** Makes the function text of a parsed script; a main program also answers the value of its last expression. */
export function writeScript(source, ast, role) {
  const edits = createEdits(source);
  let c = '$import';
  while (source.includes(c)) c += '$';
  walk(ast, (node) => {
    if (node.type === 'ImportExpression') edits.replace(node.start, node.start + 6, c);
  });
  const last = lastStatement(ast.body);
  const hasResult = role === 'main' && last?.type === 'ExpressionStatement';
  if (hasResult) edits.replace(last.start, last.start, 'return ');
  const { code, shifts } = edits.apply(`(function(${c},exports,require,module,__filename,__dirname){`);
  return { code: `${code}\n})`, kind: 'cjs', imports: [], hasDefault: false, hasResult, shifts };
}
