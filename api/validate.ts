import { CordonError, type FieldError, fieldError } from '../runtime/errors.ts';
import type { z } from './http.ts';

/** Checks a value once, at the boundary. `root` names the whole value in messages. Errors: `validation_failed` with every field at fault. */
export function validate<T>(schema: z.ZodType<T>, value: unknown, root: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error.issues, root);
  throw new CordonError('validation_failed', errors.map((error) => `${error.field}: ${error.message}`).join('; '), {
    errors,
  });
}

function fieldErrors(issues: readonly z.core.$ZodIssue[], root: string): FieldError[] {
  return issues.slice(0, 20).flatMap((issue): FieldError[] => {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys')
      return issue.keys
        .slice(0, 20)
        .map((key) => ({ field: [...path, key.slice(0, 100)].join('.'), message: 'is not known' }));
    return [{ field: path.join('.').slice(0, 200) || root, message: issue.message }];
  });
}

/** The query string as an object of strings. A repeated parameter is refused: which one counts would be a guess. */
export function queryObject(url: string): Record<string, string> {
  const start = url.indexOf('?');
  const query: Record<string, string> = Object.create(null);
  if (start === -1) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start))) {
    if (name in query) throw fieldError(name.slice(0, 100), 'is given twice');
    query[name] = value;
  }
  return query;
}

/** Path parameters, percent-decoded. Errors: `validation_failed` when they are no valid UTF-8. */
export function decodePathPart(text: string, name: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw fieldError(name, 'is not valid percent-encoded UTF-8');
  }
}
