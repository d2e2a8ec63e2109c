/** Reads secret fields for use in a request. Messages name the field and what mends it, never what it holds. */
import type { Connector } from '../../connector/connector.ts';
import type { CredentialLease } from '../../vault/credential.ts';
import { EgressError } from '../egress.ts';

export interface SecretFields {
  /** Errors: EgressError `credential_missing` when the field is absent or empty. */
  read(name: string): string;
  readOptional(name: string): string | undefined;
  /** Fit for a header's value (RFC 9110, section 5.5): visible ASCII, spaces only inside. */
  readForHeader(name: string): string;
  unusable(name: string, why: string): EgressError;
}

export function secretFields(connector: Connector, lease: CredentialLease): SecretFields {
  const unusable = (name: string, why: string) =>
    new EgressError(
      'credential_missing',
      `the credential of connector ${connector.id} cannot be used: its field ${name} ${why}; PUT /v1/credentials/${lease.credentialId}/secret sets it anew`,
    );
  const readOptional = (name: string) => (lease.secret[name] === '' ? undefined : lease.secret[name]);
  const read = (name: string) => {
    const value = readOptional(name);
    if (value === undefined) throw unusable(name, 'is missing');
    return value;
  };
  return {
    read,
    readOptional,
    readForHeader(name) {
      const value = read(name);
      if (!isHeaderValue(value))
        throw unusable(name, 'holds characters that no header can carry (a line break at its end?)');
      return value;
    },
    unusable,
  };
}

export const isHeaderValue = (text: string) => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text);
