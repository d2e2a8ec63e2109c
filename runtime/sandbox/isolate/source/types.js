// Removes TypeScript's types with amaro (swc). Positions stay where the syntax allows; a source map tells the rest.

/** {ok: true, code, mappings?} or the transformer's failure. `globalThis.amaro` comes from the asset typescript.js. */
export function removeTypes(path, source) {
  if (globalThis.amaro === undefined) return { ok: false, needs: 'typescript.js' };
  const { transformSync } = globalThis.amaro;
  try {
    try {
      return { ok: true, code: transformSync(source, { mode: 'strip-only', sourceMap: false, module: true }).code };
    } catch (error) {
      if (error?.code !== 'UnsupportedSyntax') throw error;
      const { code, map } = transformSync(source, { mode: 'transform', sourceMap: true, filename: path, module: true });
      return { ok: true, code, mappings: JSON.parse(map).mappings };
    }
  } catch (error) {
    return refusal(path, error);
  }
}

function refusal(path, error) {
  // swc reports what it refuses as an object with a code; anything else means that its memory may be damaged for good.
  if (typeof error?.code === 'string') {
    const line = error.startLine ?? 1;
    const column = (error.startColumn ?? 0) + 1;
    return {
      ok: false,
      error: { name: 'SyntaxError', message: String(error.message), stack: `    at ${path}:${line}:${column}` },
    };
  }
  return {
    ok: false,
    broken: true,
    error: {
      name: 'SyntaxError',
      message: 'The TypeScript parser gave up: the code is nested too deeply or too large',
      stack: `    at ${path}:1:1`,
    },
  };
}
