/** Names of headers and parameters by which a request brings a credential, or acts for somebody else than the grant says. */

/** Authorization, Cookie, X-Api-Key, Private-Token, X-Amz-Security-Token, Ocp-Apim-Subscription-Key and their like. */
const credentialHeader =
  /(?:^|-)(?:authorization|cookie2?|(?:api|access|auth|subscription|secret)-?key|(?:access|api|auth|private|security|session|vault)-?token|secret|password)$/;

/** RFC 6750, section 2.3, OAuth 1, Azure, and signed URLs of AWS (versions 2 and 4) and Google. */
const credentialParameter = new Set([
  'access_token',
  'api-key',
  'api_key',
  'apikey',
  'auth_token',
  'awsaccesskeyid',
  'client_secret',
  'oauth_signature',
  'oauth_token',
  'subscription-key',
  'x-amz-credential',
  'x-amz-security-token',
  'x-amz-signature',
  'x-goog-credential',
  'x-goog-signature',
]);

/** Always a credential, whatever an operation lists. `name`: as `plainHeader` gives it. */
export const isCredentialHeader = (name: string): boolean => credentialHeader.test(name);

/** The same of a parameter. `name`: as `plainParameter` gives it. */
export const isCredentialParameter = (name: string): boolean => credentialParameter.has(name);

/** What the last word of a credential's name is, or what that word ends with. */
const lastWord = new Set([
  ...['key', 'auth', 'sig', 'pass', 'pwd', 'otp', 'totp', 'mfa', 'jwt', 'bearer', 'session', 'sid'],
  ...['sudo', 'user', 'account', 'member', 'subject'],
]);
const lastPart =
  /(?:token|auth|authorization|assertion|credentials?|password|passwd|passphrase|secret|signature|(?:api|access|app|auth|client|hapi|license|master|private|read|secret|service|shared|user|write)key|authuser|remoteuser)$/;
/** Ways to say for whom a service is to act, anywhere in a name; and what proxies tell of the user whom they have let in. */
const forAnother =
  /(?:^|-)(?:impersonat\w*|behalf|onbehalfof|sudo\w*|masquerad\w*|assum(?:e|ed|ing)(?:-|$)|delegat(?:e|ed|ing|ion|or)\b|act-?as|acting-?as|run-?as|login-?as|proxy-?as|select-(?:user|admin|member)|remote-(?:user|group|extra|email|name)|authenticated-(?:user|userid|email|groups?)|auth-request|webauth|client-principal|client-cert|ssl-client|consumer-(?:id|username|custom-id)|caller-?(?:object-?)?id|mscrmcallerid|callerobjectid|stripe-context)/;

/** What ends alike and is known to be no credential: the places of pages, names of once-only requests, metadata of files. */
const harmless = [
  /(?:^|-)(?:change|continuation|cursor|delta|list|next|next-?page|next-?sync|page|pagination|prev|previous|resume|scroll|skip|start|start-?page|sync)-?token$/,
  /(?:^|-)(?:cache|group|idempotency|order|partition|row|sort)-?key$/,
  /(?:^|-)encryption-(?:customer-)?key$/,
  /^quota-?user$/,
  /^sec-fetch-user$/,
  // `no-check` there is all that it says: against forged requests of browsers.
  /^x-atlassian-token$/,
  /^x-(?:amz|goog|ms|object)-meta-/,
  /^accept-signature$/,
];

/** Whether a request with it could act with another right than the grant's. `name`: words between `-`, in lower case. */
export function isForeignName(name: string): boolean {
  const last = name.slice(name.lastIndexOf('-') + 1);
  if (!lastWord.has(last) && !lastPart.test(last) && !forAnother.test(name)) return false;
  return !harmless.some((one) => one.test(name));
}

/** As servers hand headers on: lower case, and all that is no letter or digit is alike. */
export const plainHeader = (name: string): string =>
  isPlain.test(name) ? name : name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-');
const isPlain = /^[a-z0-9-]*$/;

/** As lenient services read it: `Key`, `key[]` and ` key` are all `key`. */
export const plainParameter = (name: string): string => name.trim().toLowerCase().replace(/\[.*$/s, '');

/** `pageToken`, `page_token` and `$page.token[]` as `page-token`. */
export const wordsOf = (name: string): string =>
  name
    .replace(/\[.*$/s, '')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
    .join('-');
