/** The domain of approvals: a call that a person decides about. */
import type { Effect } from '../connector/connector.ts';

/** `withdrawn`: the run ended, or gave the call up, before anybody decided. */
export const approvalStatuses = ['waiting', 'approved', 'denied', 'expired', 'withdrawn'] as const;
export type ApprovalStatus = (typeof approvalStatuses)[number];

export interface Approval {
  id: string;
  agent: string;
  run: string;
  grant: string;
  connector: string;
  operation: string;
  effect: Effect;
  /** What can go wrong with the operation. */
  danger?: string;
  method: string;
  /** Whole up to 2 KiB; of longer ones the values of the query are left out. `urlSha256` is of the whole. */
  url: string;
  urlSha256: string;
  /** Of the bytes of the body, as they will be sent. */
  bodySha256: string;
  status: ApprovalStatus;
  createdAt: string;
  /** Without a decision by then the call is refused. */
  expiresAt: string;
  decidedAt?: string;
  /** Key of the admin. */
  decidedBy?: string;
  /** Of who decided; shown to the guest. */
  comment?: string;
}
