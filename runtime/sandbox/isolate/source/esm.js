// ECMAScript modules become one function text. Its parameter answers for import(), import.meta and links:
//   c(specifier) dynamic import, c.meta, c.e({name: getter}) exports, c.i(n) namespace of the n-th import,
//   c.b(n, names) a builtin's namespace, c.n(n, names) names that must exist, c.s(n) `export * from`.
import { analyze } from 'eslint-scope';
import { isBuiltin } from './builtins.js';
import { createEdits, placesIn } from './edits.js';
import { walk } from './walk.js';

/**
 * Makes the function text of a parsed module. `role` main: the last expression statement is returned when there is no
 * default export. `typed`: it was TypeScript, where an imported name that is never read may be a type. Modules that can be part of a cycle become generators: their first step declares, their second runs.
 */
export function writeModule(source, ast, role, typed = false) {
  const edits = createEdits(source);
  const c = freeName(source);
  const imports = [];
  const places = []; // of each import's specifier
  const placeOf = placesIn(source);
  const addImport = ({ value, start }) => {
    places.push(placeOf(start));
    return imports.push(value) - 1;
  };
  const live = new Map(); // local name -> text that reads it in the module it comes from
  const exports = new Map(); // exported name -> local name
  const getters = [];
  const required = []; // [import, [local, imported][]]
  let head = '';
  let hasDefault = false;
  const addGetter = (name, text) => {
    if (name === 'default') hasDefault = true;
    getters.push(`${JSON.stringify(name)}:()=>${text}`);
  };

  for (const node of ast.body) {
    if (node.type === 'ImportDeclaration') {
      const index = addImport(node.source);
      head += importHead(c, node, index, live, required);
      edits.blank(node.start, node.end, ';');
    } else if (node.type === 'ExportAllDeclaration') {
      const index = addImport(node.source);
      if (node.exported) addGetter(nameOf(node.exported), `${c}.i(${index})`);
      else head += `${c}.s(${index});`;
      edits.blank(node.start, node.end, ';');
    } else if (node.type === 'ExportNamedDeclaration') {
      exportNamed(node);
    } else if (node.type === 'ExportDefaultDeclaration') {
      hasDefault = true;
      exportDefault(node);
    }
  }
  for (const [name, local] of exports) addGetter(name, live.get(local) ?? local);

  let isAsync = false;
  let asks = false;
  walk(ast, (node, inFunction) => {
    if (node.type === 'ImportExpression') {
      asks = true;
      edits.replace(node.start, node.start + 6, c);
    } else if (node.type === 'MetaProperty' && node.meta.name === 'import') {
      asks = true;
      edits.replace(node.start, node.end, `${c}.meta`);
    } else if (inFunction) return;
    else if (node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node.await)) isAsync = true;
    else if (node.type === 'VariableDeclaration' && node.kind === 'await using') isAsync = true;
  });
  const read = live.size > 0 ? linkReferences(ast, live, edits) : new Set();
  for (const local of exports.values()) read.add(local);
  for (const [index, locals] of required) {
    const names = [...locals].filter(([local]) => !typed || read.has(local)).map(([, name]) => name);
    if (names.length > 0) head += `${c}.n(${index},${JSON.stringify(names)});`;
  }

  const last = lastStatement(ast.body, typed ? source : undefined);
  const hasResult = role === 'main' && !hasDefault && last?.type === 'ExpressionStatement';
  if (hasResult) edits.replace(last.start, last.start, 'return ');
  if (getters.length > 0) head += `${c}.e({__proto__:null,${getters.join(',')}});`;
  const staged = role === 'module' || imports.some((specifier) => !isBuiltin(specifier));
  // The parameter is left out where nothing asks: such a program runs without the module runtime.
  const parameter = staged || asks || head !== '' ? c : '';
  const prefix = `(${isAsync ? 'async ' : ''}function${staged ? '*' : ''}(${parameter}){"use strict";${head}${staged ? 'yield;' : ''}`;
  const { code, shifts } = edits.apply(prefix);
  return {
    code: `${code}\n})${isStill(source) ? '//still' : ''}`,
    kind: 'esm',
    imports,
    ...(places.length > 0 && { places }),
    hasDefault,
    hasResult,
    shifts,
  };

  function exportNamed(node) {
    if (node.source) {
      const index = addImport(node.source);
      const names = node.specifiers.map((specifier) => nameOf(specifier.local));
      if (names.length > 0) head += `${c}.n(${index},${JSON.stringify(names)});`;
      for (const specifier of node.specifiers) {
        addGetter(nameOf(specifier.exported), `${c}.i(${index})${access(nameOf(specifier.local))}`);
      }
      edits.blank(node.start, node.end, ';');
    } else if (node.declaration) {
      edits.blank(node.start, node.declaration.start);
      for (const name of declaredNames(node.declaration)) exports.set(name, name);
    } else {
      for (const specifier of node.specifiers) exports.set(nameOf(specifier.exported), nameOf(specifier.local));
      edits.blank(node.start, node.end, ';');
    }
  }

  function exportDefault(node) {
    const { declaration } = node;
    const isDeclaration = declaration.type === 'FunctionDeclaration' || declaration.type === 'ClassDeclaration';
    const local = isDeclaration && declaration.id ? declaration.id.name : `${c}d`;
    addGetter('default', local);
    // Not up to the declaration: a parenthesis before it belongs to the expression.
    const [words] = /^export(?:\s|\/\*[\s\S]*?\*\/|\/\/.*)*?default/.exec(source.slice(node.start));
    const end = node.start + words.length;
    const gap = words.replace(/[^\n\r\u2028\u2029]/g, ' ');
    if (isDeclaration && declaration.id) {
      edits.blank(node.start, end);
    } else if (declaration.type === 'FunctionDeclaration') {
      // Hoisted like any function declaration, so it needs a name; `c.d` then calls it "default".
      edits.blank(node.start, end);
      const paren = source.indexOf('(', declaration.start);
      edits.replace(paren, paren, ` ${local}`);
      head += `${c}.d(${local});`;
    } else {
      const binding = `const ${local}=`;
      const fits = gap.length >= binding.length && !/[\n\r\u2028\u2029]/.test(gap);
      edits.replace(node.start, end, fits ? binding + gap.slice(binding.length) : `${gap}${binding}`);
      if (declaration.type === 'ClassDeclaration' || /^(Arrow)?Function/.test(declaration.type)) {
        edits.replace(node.end, node.end, `;${c}.d(${local});`);
      }
    }
  }
}

/** A parameter name as long as the word `import`, so that `import(` keeps its columns, and not used by the guest. */
function freeName(source) {
  for (let n = 0; ; n++) {
    const name = `$${n.toString(36).padStart(5, 'i')}`;
    if (!source.includes(name)) return name;
  }
}

function importHead(c, node, index, live, links) {
  const builtin = isBuiltin(node.source.value);
  const named = [];
  const required = [];
  let head = '';
  for (const specifier of node.specifiers) {
    const local = specifier.local.name;
    if (specifier.type === 'ImportNamespaceSpecifier') {
      head += `const ${local}=${c}.${builtin ? 'b' : 'i'}(${index});`;
      continue;
    }
    const name = specifier.type === 'ImportDefaultSpecifier' ? 'default' : nameOf(specifier.imported);
    required.push([local, name]);
    if (builtin) named.push(`${JSON.stringify(name)}:${local}`);
    else live.set(local, `${c}.i(${index})${access(name)}`);
  }
  if (builtin && named.length > 0)
    head += `const {${named.join(',')}}=${c}.b(${index},${JSON.stringify(required.map(([, name]) => name))});`;
  if (!builtin) links.push([index, required]);
  return head;
}

/** Reads of imported names become reads of the exporting module, so that they are live and respect cycles. */
function linkReferences(ast, live, edits) {
  const manager = analyze(ast, { ecmaVersion: 2022, sourceType: 'module', fallback: 'iteration' });
  const moduleScope = manager.scopes.find((scope) => scope.type === 'module');
  const shorthand = new Set();
  const called = new Set();
  walk(ast, (node) => {
    if (node.type === 'Property' && node.shorthand)
      shorthand.add(node.value.type === 'AssignmentPattern' ? node.value.left : node.value);
    if (node.type === 'CallExpression') called.add(node.callee);
    if (node.type === 'TaggedTemplateExpression') called.add(node.tag);
  });
  const read = new Set();
  for (const [local, text] of live) {
    const variable = moduleScope.set.get(local);
    for (const { identifier, from } of variable?.references ?? []) {
      if (!from) continue;
      read.add(local);
      let reading = text;
      if (called.has(identifier)) reading = `(0,${text})`;
      if (shorthand.has(identifier)) reading = `${local}:${text}`;
      edits.replace(identifier.start, identifier.end, reading, called.has(identifier));
    }
  }
  return read;
}

function access(name) {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
}

function nameOf(node) {
  return node.type === 'Literal' ? node.value : node.name;
}

function declaredNames(declaration) {
  if (declaration.type !== 'VariableDeclaration') return [declaration.id.name];
  const names = [];
  const collect = (pattern) => {
    if (!pattern) return;
    if (pattern.type === 'Identifier') names.push(pattern.name);
    else if (pattern.type === 'ObjectPattern') for (const p of pattern.properties) collect(p.value ?? p.argument);
    else if (pattern.type === 'ArrayPattern') pattern.elements.forEach(collect);
    else if (pattern.type === 'AssignmentPattern') collect(pattern.left);
    else if (pattern.type === 'RestElement') collect(pattern.argument);
  };
  for (const declarator of declaration.declarations) collect(declarator.id);
  return names;
}

/** The last statement that does something. */
/** `typed`: the source as the TypeScript transformer wrote it, which puts `var A;` of a namespace last. */
export function lastStatement(body, typed) {
  for (let n = body.length - 1; n >= 0; n--) {
    const node = body[n];
    if (node.type === 'EmptyStatement') continue;
    if (typed !== undefined && isHoistedNamespace(node, typed)) continue;
    return typed !== undefined && isNamespaceBody(node, typed) ? undefined : node;
  }
  return undefined;
}

function isHoistedNamespace(node, source) {
  if (node.type !== 'VariableDeclaration' || node.kind !== 'var') return false;
  return node.declarations.every(
    ({ id, init }) => init === null && source.includes(`(${id.name} || (${id.name} = {}))`),
  );
}

function isNamespaceBody(node, source) {
  if (node.type !== 'ExpressionStatement' || node.expression.type !== 'CallExpression') return false;
  return /\((\w+) \|\| \(\1 = \{\}\)\);?$/.test(source.slice(node.start, node.end));
}

// Words without which no promise, timer or host call can be waiting when the last statement has run.
const busy =
  /async|await|Promise|then|import|require|eval|Function|constructor|memory|fetch|Microtask|Tick|set[IT]|Stream|\\u/;

/** Whether a program has certainly ended when its last statement has. */
function isStill(source) {
  return !busy.test(source);
}
