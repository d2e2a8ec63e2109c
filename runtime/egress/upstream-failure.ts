/** Says what broke on the way to a service, without addresses, ports or anything else of the inside. */
import { EgressError } from './egress.ts';

const meanings: [RegExp, string][] = [
  [/^ECONNREFUSED$/, 'refused the connection'],
  [/^(?:ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL)$/, 'cannot be reached'],
  [/^(?:UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT)$/, 'did not accept the connection in time'],
  [/^UND_ERR_HEADERS_TIMEOUT$/, 'did not begin to answer in time'],
  [/^UND_ERR_BODY_TIMEOUT$/, 'stopped in the middle of its answer'],
  [/^(?:UND_ERR_HEADERS_OVERFLOW|HPE_HEADER_OVERFLOW)$/, 'answered with too many headers'],
  [/^HPE_/, 'answered with something else than HTTP'],
  [/^UND_ERR_RES_CONTENT_LENGTH_MISMATCH$/, 'sent another number of bytes than it said'],
  [/^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, 'closed the connection'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'has a certificate for other names'],
  [
    /^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_|INVALID_CA|INVALID_PURPOSE|ERR_TLS_CERT)/,
    'has a certificate that cannot be trusted',
  ],
  [/^(?:ERR_SSL|EPROTO|ERR_TLS)/, 'did not come to terms about TLS'],
];

/** An EgressError stays as it is. `host` is the name that the guest wrote. */
export function upstreamFailure(error: unknown, host: string): EgressError {
  if (error instanceof EgressError) return error;
  const code = codeOf(error);
  const meaning = meanings.find(([pattern]) => pattern.test(code))?.[1] ?? 'broke off';
  return new EgressError('upstream', `${host} ${meaning}`, { cause: error });
}

/** That of the first attempt, where several addresses were tried. */
function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
