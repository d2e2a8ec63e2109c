import type { Runtime } from '../runtime/runtime.ts';
import type { Log } from '../runtime/telemetry/log.ts';
import type { Metrics } from '../runtime/telemetry/metrics.ts';
import { addAgentRoutes } from './agents.ts';
import { addApprovalRoutes } from './approvals.ts';
import { addAuditRoutes } from './audit.ts';
import { addConnectorRoutes } from './connectors.ts';
import { addCredentialRoutes } from './credentials.ts';
import { addDriverRoutes } from './drivers.ts';
import { addFileRoutes } from './files.ts';
import { addGrantRoutes } from './grants.ts';
import type { OpenAPIHono } from './http.ts';
import { addIssuerRoutes } from './issuers.ts';
import { addKeyRoutes } from './keys.ts';
import { addMemoryRoutes } from './memory.ts';
import { addPermissionRoutes } from './permissions.ts';
import { addPreflightRoutes } from './preflight.ts';
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
  addConnectorRoutes(add, runtime);
  addGrantRoutes(add, runtime);
  addPermissionRoutes(add, runtime);
  addPreflightRoutes(add, runtime);
  addApprovalRoutes(add, runtime);
  addCredentialRoutes(add, runtime);
  addIssuerRoutes(add, runtime);
  addAuditRoutes(add, runtime);
  addKeyRoutes(add, runtime);
  addTenantRoutes(add, runtime);
  addDriverRoutes(add, runtime);
  addServiceRoutes(add, app, runtime);
  return app;
}
