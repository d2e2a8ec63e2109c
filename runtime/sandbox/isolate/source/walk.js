// A plain walk over an ESTree program, without recursion: deep nesting costs memory here, never the stack.

/** Calls `visit(node, inFunction)` for every node; `inFunction` says that it lies inside a nested function. */
export function walk(root, visit) {
  const stack = [[root, false]];
  while (stack.length > 0) {
    const [node, inFunction] = stack.pop();
    visit(node, inFunction);
    const inner = inFunction || isFunction(node);
    for (const key of Object.keys(node)) {
      const child = node[key];
      if (Array.isArray(child)) {
        for (const item of child) if (isNode(item)) stack.push([item, innerOf(node, key, inner, inFunction)]);
      } else if (isNode(child)) {
        stack.push([child, innerOf(node, key, inner, inFunction)]);
      }
    }
  }
}

function isNode(value) {
  return value !== null && typeof value === 'object' && typeof value.type === 'string';
}

function isFunction(node) {
  return (
    node.type === 'FunctionDeclaration' ||
    node.type === 'FunctionExpression' ||
    node.type === 'ArrowFunctionExpression' ||
    node.type === 'PropertyDefinition' ||
    node.type === 'StaticBlock'
  );
}

/** A computed key runs outside of the field it names. */
function innerOf(node, key, inner, inFunction) {
  return node.type === 'PropertyDefinition' && key === 'key' ? inFunction : inner;
}
