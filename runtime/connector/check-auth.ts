/** Checks of a connector's `auth`. All errors: CordonError `validation_failed` with the field. */
import { checkObject } from '../agent/checks.ts';
import { fieldError } from '../errors.ts';
import { hostFault } from './check-hosts.ts';
import { type AuthScheme, secretFields } from './connector.ts';

type Check = (value: unknown, field: string) => void;
type Fields = Record<string, { check: Check; required?: true }>;

const MAXIMUM_TEXT = 2000;
/** Belong to the connection or to Cordon: no scheme can own them. */
const taken = new Set(
  'host connection keep-alive te trailer transfer-encoding upgrade content-length content-type expect cookie proxy-authorization'.split(
    ' ',
  ),
);

const text: Check = (value, field) => {
  if (typeof value !== 'string' || !/^[\x20-\x7e]+$/.test(value) || value.length > MAXIMUM_TEXT)
    throw fieldError(field, `must be 1 to ${MAXIMUM_TEXT} printable ASCII characters`);
};
const headerName: Check = (value, field) => {
  if (typeof value !== 'string' || !/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(value))
    throw fieldError(field, 'must be the name of a header');
  const name = value.toLowerCase();
  if (taken.has(name) || name.startsWith('cordon-')) throw fieldError(field, 'cannot hold a credential');
};
const queryName: Check = (value, field) => {
  if (typeof value !== 'string' || !/^[\w.$-]{1,100}$/.test(value))
    throw fieldError(field, 'must be the name of a query parameter');
};
const word: Check = (value, field) => {
  if (typeof value !== 'string' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(value))
    throw fieldError(field, 'must be letters a-z, digits and -');
};
const oneOf =
  (...words: string[]): Check =>
  (value, field) => {
    if (!words.includes(value as string)) throw fieldError(field, `must be ${words.join(' or ')}`);
  };

const oauth: Fields = { tokenUrl: { check: checkHttpsUrl, required: true }, scope: { check: text } };
const clientAuth = { clientAuth: { check: oneOf('basic', 'body') } };
const audience = { audience: { check: text } };

const schemes: Record<AuthScheme['type'], Fields> = {
  none: {},
  bearer: {},
  header: { name: { check: headerName, required: true }, prefix: { check: text } },
  query: { name: { check: queryName, required: true } },
  basic: {},
  oauth2_refresh: { ...oauth, ...clientAuth },
  oauth2_client_credentials: { ...oauth, ...audience, ...clientAuth },
  jwt_assertion: { ...oauth, ...audience, algorithm: { check: oneOf('RS256', 'ES256'), required: true } },
  aws_sigv4: { region: { check: word, required: true }, service: { check: word, required: true } },
};

export function checkAuth(value: unknown, field = 'auth'): AuthScheme {
  const auth = checkObject(value, field);
  const type = auth.type;
  if (typeof type !== 'string' || !Object.hasOwn(schemes, type))
    throw fieldError(`${field}.type`, `must be one of ${Object.keys(secretFields).join(', ')}`);
  const fields = schemes[type as AuthScheme['type']];
  for (const name of Object.keys(auth))
    if (name !== 'type' && !Object.hasOwn(fields, name))
      throw fieldError(`${field}.${name.slice(0, 100)}`, `is not known for ${type}`);
  for (const [name, { check, required }] of Object.entries(fields)) {
    if (auth[name] !== undefined) check(auth[name], `${field}.${name}`);
    else if (required) throw fieldError(`${field}.${name}`, 'is required');
  }
  return auth as AuthScheme;
}

/** An https URL that means one thing: a host name, no user, no fragment, written as the parser writes it. */
export function checkHttpsUrl(value: unknown, field: string): asserts value is string {
  const url = typeof value === 'string' && value.length <= MAXIMUM_TEXT ? URL.parse(value) : null;
  if (!url || url.protocol !== 'https:') throw fieldError(field, 'must be an https URL');
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw fieldError(field, 'must have no user, password or fragment');
  const fault = hostFault(url.host);
  if (fault !== undefined) throw fieldError(field, `its host ${fault}`);
  if (url.href !== value && url.href !== `${value}/`)
    throw fieldError(field, `must be written as ${url.href.slice(0, 300)}`);
}
