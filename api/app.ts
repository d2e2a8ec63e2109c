import type { Runtime } from '../runtime/runtime.ts';
import type { Log } from '../runtime/telemetry/log.ts';
import type { Metrics } from '../runtime/telemetry/metrics.ts';
import { addAgentRoutes } from './agents.ts';
import { addDriverRoutes } from './drivers.ts';
import { addFileRoutes } from './files.ts';
import type { OpenAPIHono } from './http.ts';
import { addKeyRoutes } from './keys.ts';
import { addMemoryRoutes } from './memory.ts';
import { addRunRoutes } from './runs.ts';
import { createServer } from './server.ts';
import { addServiceRoutes, describeSecurity } from './service.ts';
import { addTenantRoutes } from './tenants.ts';

/** The whole HTTP interface over a runtime: `app.fetch` answers a request, `app.request` does in tests. */
export function createApp(parts: { runtime: Runtime; log: Log; metrics: Metrics }): OpenAPIHono {
  const { runtime, log } = parts;
  const { app, add } = createServer(parts);
  describeSecurity(app);
  addRunRoutes(add, runtime, log);
  addAgentRoutes(add, runtime);
  addFileRoutes(add, runtime);
  addMemoryRoutes(add, runtime);
  addKeyRoutes(add, runtime);
  addTenantRoutes(add, runtime);
  addDriverRoutes(add, runtime);
  addServiceRoutes(add, app, runtime);
  return app;
}
