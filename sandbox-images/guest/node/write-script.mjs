// In the place of source/cjs.js: Node.js wraps a CommonJS file itself; a main program is to return its last value.
import { createEdits } from '../../../runtime/sandbox/isolate/source/edits.js';
import { lastStatement } from '../../../runtime/sandbox/isolate/source/esm.js';

/** As the isolate's, but `code` is the body of the function. */
export function writeScript(source, ast, role) {
  const edits = createEdits(source);
  const last = lastStatement(ast.body);
  const hasResult = role === 'main' && last?.type === 'ExpressionStatement';
  if (hasResult) edits.replace(last.start, last.start, 'return ');
  const { code, shifts } = edits.apply('');
  return { code, kind: 'cjs', imports: [], hasDefault: false, hasResult, shifts };
}
