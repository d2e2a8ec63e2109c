// In the place of source/esm.js: Node.js runs the ECMAScript module as it is, it is only to tell its last value, and what
// TypeScript lets a source say but a module may not: an imported name that is never read may be a type.
import { createEdits } from '../../../runtime/sandbox/isolate/source/edits.js';
import { lastStatement } from '../../../runtime/sandbox/isolate/source/esm.js';
import { walk } from '../../../runtime/sandbox/isolate/source/walk.js';

export { lastStatement };

/** As the isolate's, but `code` is a module; the value of the last expression is its export `resultName`. */
export function writeModule(source, ast, role, typed = false) {
  const edits = createEdits(source);
  const hasDefault = ast.body.some(isDefault);
  const last = lastStatement(ast.body, typed ? source : undefined);
  const hasResult = role === 'main' && !hasDefault && last?.type === 'ExpressionStatement';
  const resultName = hasResult ? freeName(source) : undefined;
  if (hasResult) {
    // Behind the comma, so that a function or class does not get the constant's name.
    edits.replace(last.start, last.start, `export const ${resultName}=(0,`);
    const end = source[last.end - 1] === ';' ? last.end - 1 : last.end;
    edits.replace(end, end, ')');
  }
  if (role === 'main') markMain(ast, edits);
  if (typed) dropUnread(source, ast, edits);
  const { code, shifts } = edits.apply('');
  return { code, kind: 'esm', imports: [], hasDefault, hasResult, resultName, shifts };
}

function isDefault(node) {
  if (node.type === 'ExportDefaultDeclaration') return true;
  if (node.type !== 'ExportNamedDeclaration') return false;
  return node.specifiers.some(({ exported }) => (exported.name ?? exported.value) === 'default');
}

/** A name that the source does not contain; stacks leave it out. */
function freeName(source) {
  let name = '$iiii';
  while (source.includes(name)) name += 'i';
  return name;
}

/** To Node.js the main module is the harness: `import.meta.main` becomes `true`, as long as it was. */
function markMain(ast, edits) {
  walk(ast, (node) => {
    if (node.type !== 'MemberExpression' || node.computed || node.object.type !== 'MetaProperty') return;
    if (node.object.meta.name === 'import' && node.property.name === 'main')
      edits.replace(node.object.start, node.object.end, '({main:true})');
  });
}

function dropUnread(source, ast, edits) {
  let read;
  for (const node of ast.body) {
    if (node.type !== 'ImportDeclaration' || node.specifiers.length === 0) continue;
    read ??= namesRead(ast);
    const kept = node.specifiers.filter(
      ({ type, local }) => type === 'ImportNamespaceSpecifier' || read.has(local.name),
    );
    if (kept.length === node.specifiers.length) continue;
    const text = (specifier) => source.slice(specifier.start, specifier.end);
    const named = kept.filter(({ type }) => type === 'ImportSpecifier').map(text);
    const others = kept.filter(({ type }) => type !== 'ImportSpecifier').map(text);
    const clause = [...others, ...(named.length > 0 ? [`{${named.join(',')}}`] : [])].join(',');
    const lines = source.slice(node.start, node.source.start).replace(/[^\n\r\u2028\u2029]/g, '');
    edits.replace(node.start, node.source.start, `import ${clause}${clause === '' ? '' : ' from '}${lines}`);
  }
}

/** Every name that is read somewhere outside of imports; what only looks like it counts too. */
function namesRead(ast) {
  const names = new Set();
  const skipped = new Set();
  walk(ast, (node) => {
    if (skipped.has(node)) return;
    if (node.type === 'Identifier') names.add(node.name);
    else if (node.type === 'ImportDeclaration')
      for (const { local, imported } of node.specifiers) skip(local, imported);
    else if (node.type === 'MemberExpression' && !node.computed) skip(node.property);
    else if (node.type === 'Property' && !node.computed && !node.shorthand) skip(node.key);
    else if (node.type === 'ExportNamedDeclaration' && node.source)
      for (const { local } of node.specifiers) skip(local);
  });
  return names;

  function skip(...nodes) {
    for (const node of nodes) if (node) skipped.add(node);
  }
}
