/** The backends that an operator has set up. */
import type { Clock } from '../../clock.ts';
import { createAwsSecretsManager } from './aws-secrets-manager.ts';
import type { Backends } from './backend.ts';
import { createHashicorp } from './hashicorp.ts';

export interface BackendSettings {
  /** CORDON_VAULT_ADDR; undefined: there is none. */
  vaultAddress: string | undefined;
  vaultMount: string;
  vaultToken: string | undefined;
  vaultRoleId: string | undefined;
  vaultSecretId: string | undefined;
  /** CORDON_AWS_REGION; undefined: AWS Secrets Manager is not set up. */
  awsRegion: string | undefined;
  awsSecretsPrefix: string | undefined;
}

/** Errors: Error when the settings say half of it. */
export function openBackends(settings: BackendSettings, clock: Clock): Backends {
  return { ...openHashicorp(settings, clock), ...openAws(settings) };
}

function openHashicorp(settings: BackendSettings, clock: Clock): Backends {
  const { vaultAddress: address, vaultMount: mount, vaultToken: token } = settings;
  const { vaultRoleId: roleId, vaultSecretId: secretId } = settings;
  if (address === undefined) return {};
  if (token !== undefined && roleId === undefined && secretId === undefined)
    return { hashicorp: createHashicorp({ address, mount, login: { token }, clock }) };
  if (token === undefined && roleId !== undefined && secretId !== undefined)
    return { hashicorp: createHashicorp({ address, mount, login: { roleId, secretId }, clock }) };
  throw new Error(
    'CORDON_VAULT_ADDR needs either CORDON_VAULT_TOKEN, or CORDON_VAULT_ROLE_ID and CORDON_VAULT_SECRET_ID',
  );
}

function openAws({ awsRegion: region, awsSecretsPrefix: prefix }: BackendSettings): Backends {
  if (region !== undefined) return { aws_secrets_manager: createAwsSecretsManager({ region, prefix }) };
  if (prefix === undefined) return {};
  throw new Error('CORDON_AWS_SECRETS_PREFIX needs CORDON_AWS_REGION');
}
