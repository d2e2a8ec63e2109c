/** Schemas that several resources share. */
import { quotaTable } from '../runtime/agent/quotas.ts';
import { errorCodes } from '../runtime/errors.ts';
import type { Json } from '../runtime/json.ts';
import { limitTable } from '../runtime/sandbox/limits.ts';
import { z } from './http.ts';

const SLUG = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export const slug = z.string().regex(SLUG, 'must match [a-z0-9][a-z0-9_-]{0,62}');

export const displayName = z
  .string()
  .min(1, 'must not be empty')
  .max(200, 'must have at most 200 characters')
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode');

const metadataName = z.string().min(1).max(64, 'names must have 1 to 64 characters');
const metadataValue = z
  .string()
  .max(512, 'must have at most 512 characters')
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode');

/** Zod leaves this name out of what it reads: the caller would believe that it is kept. */
const withoutProto = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value, context) => {
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__'))
      context.addIssue({
        code: 'custom',
        path: ['__proto__'],
        message: 'is not a name that can be kept',
        input: value,
      });
    return value;
  }, schema);

/** Strings by name, for callers to find things again. */
export const metadata = withoutProto(
  z
    .record(metadataName, metadataValue)
    .refine((entries) => Object.keys(entries).length <= 32, 'must have at most 32 entries'),
).openapi({ description: 'At most 32 strings of at most 512 characters, by name' });

/** As a merge patch gives it: null takes an entry, or all of them, away. */
export const metadataPatch = withoutProto(z.record(metadataName, metadataValue.nullable()).nullable());

function whole(minimum: number, maximum: number, unit: string) {
  const message = `must be a whole number from ${minimum} to ${maximum} ${unit}`;
  return z.number(message).int(message).min(minimum, message).max(maximum, message);
}

interface Bound {
  default: number;
  ceiling: number;
  unit: string;
  what: string;
  minimum?: number;
}

/** One number per row of a table of defaults and ceilings: refused above the ceiling, never clamped. */
function bounded<Name extends string>(table: Record<Name, Bound>) {
  const field = ({ minimum = 1, ceiling, unit, what, default: value }: Bound) =>
    whole(minimum, ceiling, unit).openapi({ description: `${what}; default ${value} ${unit}` });
  const rows = Object.entries(table) as [Name, Bound][];
  const all = <T extends z.ZodType>(make: (bound: Bound) => T) =>
    Object.fromEntries(rows.map(([name, bound]) => [name, make(bound)])) as Record<Name, T>;
  return {
    /** As a request gives them. */
    some: z.strictObject(all((bound) => field(bound).optional())),
    /** As a merge patch gives them: null is back to the default. */
    patch: z.strictObject(all((bound) => field(bound).nullable().optional())),
    /** As answers show them. */
    full: z.object(all(() => z.number().int())),
  };
}

export const limits = bounded(limitTable);
export const quotas = bounded(quotaTable);

/** JSON values are checked by the parser; this only lets them through and names them in the document. */
export const anyJson = z
  .custom<Json>(() => true)
  .openapi({ type: ['null', 'boolean', 'number', 'string', 'array', 'object'] as never });

export const pageQuery = {
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, 'must be a whole number from 1 to 200')
    .transform(Number)
    .refine((limit) => limit <= 200, 'must be a whole number from 1 to 200')
    .default(50)
    .openapi({ type: 'integer', minimum: 1, maximum: 200, default: 50 }),
  cursor: z.string().min(1).max(1000).optional().openapi({ description: '`nextCursor` of the page before' }),
};

export const page = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().optional() });

export const noQuery = z.strictObject({});

export const timestamp = z.iso.datetime();

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.enum(Object.keys(errorCodes) as [keyof typeof errorCodes]),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    quota: z
      .object({ name: z.string(), limit: z.number(), used: z.number(), resetAt: timestamp.optional() })
      .optional(),
    requestId: z.string(),
  })
  .openapi('Problem');
