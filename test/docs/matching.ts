/** How an example's printed answer is compared with what its document shows. */

/**
 * `...` in text stands for anything. JSON is compared by what is shown: members that are left out do not count, text with
 * `...` is a pattern, the text `...` alone is any value, and as the last item of a list any further items.
 * Answers undefined when they agree, else the first difference.
 */
export function difference(expected: { language: 'json' | 'text'; text: string }, printed: string): string | undefined {
  const text = printed.replaceAll('\r', '').trim();
  if (expected.language === 'text') {
    return matches(expected.text.trim(), text) ? undefined : `printed:\n${text}\nshown:\n${expected.text}`;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return `printed no JSON: ${text}`;
  }
  const found = compare(JSON.parse(expected.text), value, '$');
  return found === undefined ? undefined : `${found}\nprinted:\n${text}`;
}

function compare(shown: unknown, value: unknown, at: string): string | undefined {
  if (typeof shown === 'string') {
    if (shown === '...' ? value !== undefined : typeof value === 'string' && matches(shown, value)) return undefined;
  } else if (Array.isArray(shown)) {
    return Array.isArray(value) ? compareLists(shown, value, at) : `${at} is no list`;
  } else if (typeof shown === 'object' && shown !== null) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${at} is no object`;
    for (const [name, member] of Object.entries(shown)) {
      const found = compare(member, (value as Record<string, unknown>)[name], `${at}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  } else if (shown === value) return undefined;
  return `${at} is ${JSON.stringify(value)}, shown is ${JSON.stringify(shown)}`;
}

function compareLists(shown: unknown[], value: unknown[], at: string): string | undefined {
  const open = shown.at(-1) === '...';
  const items = open ? shown.slice(0, -1) : shown;
  if (open ? value.length < items.length : value.length !== items.length) return `${at} has ${value.length} items`;
  for (const [index, item] of items.entries()) {
    const found = compare(item, value[index], `${at}[${index}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

const matches = (pattern: string, text: string) =>
  new RegExp(`^${pattern.split('...').map(RegExp.escape).join('.*')}$`, 's').test(text);
