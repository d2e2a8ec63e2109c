/** About as long as the value's JSON: escapes are not counted. */
export function roughBytes(value: unknown): number {
  if (typeof value === 'string') return value.length + 3;
  if (typeof value !== 'object' || value === null) return 8;
  let bytes = 2;
  if (Array.isArray(value)) for (const item of value) bytes += roughBytes(item);
  else for (const [name, item] of Object.entries(value)) bytes += name.length + 4 + roughBytes(item);
  return bytes;
}
