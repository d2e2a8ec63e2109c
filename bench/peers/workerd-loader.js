/** workerd's Worker Loader: each request becomes a fresh isolate without a network. */
export default {
  async fetch(request, env) {
    const code = await request.text();
    const worker = env.LOADER.get(crypto.randomUUID(), async () => ({
      compatibilityDate: '2026-01-01',
      mainModule: 'main.js',
      modules: {
        'main.js': `export default { async fetch() { const result = (() => {${code}})(); return Response.json({ result }); } }`,
      },
      globalOutbound: null,
    }));
    return worker.getEntrypoint().fetch('http://guest/');
  },
};
