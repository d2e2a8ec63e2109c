/** `application/x-www-form-urlencoded`, as queries and forms have it, read in the one way that all readers agree on. */
import type { Json } from '../json.ts';
import { shownName, spelling } from './spelling.ts';

export interface FormFields {
  /** Every value under a canonical name; `unreadable`: a reader may see other ones. */
  find(name: string): { found: Json[]; unreadable?: string };
  names(): string[];
}

export type ReadForm = FormFields | { unreadable: string };

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
const control = /[\u0000-\u001f\u007f]/;
const brackets = /^([^[\]]+)((?:\[[^[\]]*\])*)$/;
const MAXIMUM_FIELDS = 2000;

interface Field {
  name: string;
  spelling: string;
  value: string;
  /** `items[0][price]`: one of several objects, of which another may lack the field. */
  inList: boolean;
}

/** `unreadable`: bad percent-encoding, `;` between fields (some readers split there), names that readers cut or bend. */
export function readForm(text: string): ReadForm {
  if (text.includes(';')) return { unreadable: 'it has a ";" that is not percent-encoded' };
  if (control.test(text)) return { unreadable: 'it has control characters' };
  const fields: Field[] = [];
  const pairs = text.split('&', MAXIMUM_FIELDS + 1);
  if (pairs.length > MAXIMUM_FIELDS) return { unreadable: `it has over ${MAXIMUM_FIELDS} fields` };
  for (const pair of pairs) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const raw = decode(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1));
    if (raw === undefined || value === undefined) return { unreadable: 'it is not valid percent-encoded UTF-8' };
    const name = readName(raw);
    if (name === undefined) return { unreadable: 'it has a name that readers may take for another one' };
    fields.push({ ...name, spelling: spelling(name.name), value });
  }

  return {
    find(name) {
      const wanted = spelling(name);
      const found: Json[] = [];
      for (const field of fields) {
        if (field.spelling !== wanted) {
          if (field.spelling.startsWith(`${wanted}_`) && field.name.startsWith(`${name}.`))
            return { found, unreadable: 'it has parts of its own' };
          if (wanted.startsWith(`${field.spelling}_`) && name.startsWith(`${field.name}.`))
            return { found, unreadable: `${shownName(field.name)} is given whole` };
          continue;
        }
        if (field.name !== name) return { found, unreadable: `it is also spelled ${shownName(field.name)}` };
        if (field.inList) return { found, unreadable: 'it is in a list of a form' };
        found.push(field.value);
      }
      return { found };
    },
    names: () => fields.map(({ name }) => name),
  };
}

/** `page[limit]` as `page.limit`: the one form in which names are compared. A name that is odd stays as it is. */
export const canonicalName = (name: string): string => readName(name)?.name ?? name;

/** `a[b][]` is `a.b`: with dots for what lies deeper, without the places in lists. */
function readName(raw: string): Pick<Field, 'name' | 'inList'> | undefined {
  if (raw === '' || control.test(raw) || raw !== raw.trim()) return undefined;
  if (!raw.includes('[') && !raw.includes(']')) return { name: raw, inList: false };
  const parts = brackets.exec(raw);
  if (!parts) return undefined;
  let name = parts[1]!;
  let inList = false;
  let afterPlace = false;
  for (const part of parts[2]!.slice(1, -1).split('][')) {
    const isPlace = part === '' || /^\d+$/.test(part);
    if (!isPlace) {
      name += `.${part}`;
      inList ||= afterPlace;
    }
    afterPlace ||= isPlace;
  }
  return { name, inList };
}

function decode(text: string): string | undefined {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
