import type { Runtime } from '../runtime/runtime.ts';
import { json } from './answer.ts';
import { z } from './http.ts';
import type { AddRoute } from './route.ts';
import { drivers, languages } from './run-record.ts';

const driverReport = z
  .object({
    driver: z.enum(drivers),
    available: z.boolean(),
    reason: z.string().optional(),
    warnings: z.array(z.string()).optional(),
    languages: z.array(z.object({ language: z.enum(languages), version: z.string() })),
    walls: z.array(z.object({ name: z.string(), stands: z.boolean(), detail: z.string() })),
    sandboxes: z.object({ workers: z.number().int(), blankWorkers: z.number().int(), running: z.number().int() }),
    engine: z
      .object({
        address: z.string(),
        version: z.string().optional(),
        apiVersion: z.string().optional(),
        rootless: z.boolean().optional(),
        usernsRemap: z.boolean().optional(),
      })
      .optional(),
    runtimes: z
      .array(z.object({ name: z.string(), usable: z.boolean(), isDefault: z.boolean(), detail: z.string() }))
      .optional(),
    images: z
      .array(
        z.object({
          name: z.string(),
          tag: z.string(),
          languages: z.array(z.enum(languages)),
          versions: z.record(z.string(), z.string()),
        }),
      )
      .optional(),
    missingImages: z.array(z.object({ name: z.string(), why: z.string() })).optional(),
  })
  .openapi('Driver');

export function addDriverRoutes(add: AddRoute, runtime: Runtime): void {
  add(
    {
      name: 'GET /v1/drivers',
      tag: 'service',
      summary: 'What makes sandboxes here, and which walls stand around them',
      description: '`stands` is what a probe found that tried to break the wall.',
      responses: { 200: { description: 'Every driver', schema: z.object({ items: z.array(driverReport) }) } },
    },
    () => json({ items: runtime.drivers() }),
  );
}
