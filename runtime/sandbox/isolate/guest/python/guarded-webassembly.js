// The WebAssembly that the glue has: modules that programs bring (dlopen of a file of theirs) get no memory of their own,
// which nobody would count.
const { Module, Instance, CompileError } = WebAssembly;
const MEMORY_SECTION = 5;

export function guardedWebAssembly() {
  const guarded = {};
  for (const name of Object.getOwnPropertyNames(WebAssembly)) guarded[name] = WebAssembly[name];

  function GuardedModule(bytes) {
    refuseMemory(bytes);
    return new Module(bytes);
  }
  for (const name of ['customSections', 'imports', 'exports']) GuardedModule[name] = Module[name];
  GuardedModule.prototype = Module.prototype;
  guarded.Module = GuardedModule;
  // Never the asynchronous forms: inside an isolate they sometimes do not settle.
  guarded.compile = async (bytes) => new GuardedModule(bytes);
  guarded.instantiate = async (source, imports) => {
    if (source instanceof Module) return new Instance(source, imports);
    const module = new GuardedModule(source);
    return { module, instance: new Instance(module, imports) };
  };
  for (const name of ['compileStreaming', 'instantiateStreaming']) delete guarded[name];
  return guarded;
}

/** Sections follow the eight bytes of the header: a number, a length (LEB128), the content. */
function refuseMemory(source) {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  let at = 8;
  while (at < bytes.length) {
    const section = bytes[at++];
    let length = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++];
      length += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    if (section === MEMORY_SECTION) throw new CompileError('A module of a program brings no memory');
    at += length;
  }
}
