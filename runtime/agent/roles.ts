/** Roles of API keys, as data: who may do what to keys is decided here and nowhere else. */
export const roles = ['operator', 'admin', 'developer', 'viewer'] as const;
export type Role = (typeof roles)[number];

export const defaultTenant = 'default';
export const defaultAgent = 'default';

/** Who an API key says is calling. */
export interface Principal {
  keyId: string;
  role: Role;
  /** Undefined for an operator, who spans tenants and acts in `default`. */
  tenant: string | undefined;
}

export const roleTable: Record<Role, { what: string; spansTenants: boolean; makesKeysOf: readonly Role[] }> = {
  operator: { what: 'tenants, keys, drivers, metrics, configuration', spansTenants: true, makesKeysOf: roles },
  admin: {
    what: 'one tenant: its keys and all in it',
    spansTenants: false,
    makesKeysOf: ['admin', 'developer', 'viewer'],
  },
  developer: { what: 'agents, runs, files, memory of one tenant', spansTenants: false, makesKeysOf: [] },
  viewer: { what: 'reads in one tenant', spansTenants: false, makesKeysOf: [] },
};

/** The tenant that a principal acts in. */
export const tenantOf = (principal: Principal): string => principal.tenant ?? defaultTenant;
