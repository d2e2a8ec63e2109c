// The way out of a run: fetch, node:http and node:https go through the proxy that the environment names. Node.js does that
// by itself where NODE_USE_ENV_PROXY is set, for 20 ms and 19 MB in each process, whether it calls anything or not: here
// it is done when it is first needed, and only set for processes that the program starts.
import { sources } from '../../../runtime/sandbox/isolate/guest/prelude/stack.js';

const { env } = process;
const isOffered = env.HTTPS_PROXY !== undefined;
const ownFetch = globalThis.fetch;
let isUsed = false;

/** Offers it. Costs nothing until something is called. */
export function offerProxy() {
  if (!isOffered) return;
  env.NODE_USE_ENV_PROXY ??= '1';
  globalThis.fetch = fetch;
}

// A method keeps its name in a bundle.
const { fetch } = {
  fetch(input, init = undefined) {
    useProxy();
    return ownFetch(input, init);
  },
};

const isOfHttp = /^(node:)?https?$/;

/** Call before a module of this name is loaded. */
export function beforeModule(specifier) {
  if (isOffered && !isUsed && isOfHttp.test(specifier)) useProxy();
}

function useProxy() {
  if (isUsed) return;
  isUsed = true;
  if (globalThis.fetch === fetch) globalThis.fetch = ownFetch;
  const [http, https, modules] = ['http', 'https', 'module'].map((name) => process.getBuiltinModule(`node:${name}`));
  http.setGlobalProxyFromEnv(env);
  for (const module of [http, https]) module.Agent = withProxy(module.Agent);
  modules.syncBuiltinESMExports();
  // Agents of other packages (agent-base) look for this file in `error.stack` to know what they are asked for.
  sources.set('node:https', true);
}

/** Clients of services make agents of their own, and know of no proxy. One of another class knows what it does. */
function withProxy(Agent) {
  const proxied = new Proxy(Agent, {
    construct: (target, [options, ...rest], made) =>
      Reflect.construct(target, [made === proxied ? { proxyEnv: env, ...options } : options, ...rest], made),
  });
  return proxied;
}
