/** `cordon preflight FILE`: the pre-flight audit of a policy that lies in a file, for CI. Asks no service and needs no secret. */
import { readConfig } from '../runtime/config.ts';
import { checks } from '../runtime/permission/preflight/checks.ts';
import { defaultPreflightSettings } from '../runtime/permission/preflight/finding.ts';
import { blocking, findAll } from '../runtime/permission/preflight/judge.ts';
import { findingsTable } from './findings-table.ts';
import { BadPolicyFile, readPolicyFile, waivedIn } from './policy-file.ts';

export const preflightUsage = `preflight [--json] FILE      judges the policy in FILE (JSON or YAML; - is standard input)`;

interface Output {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
  env: Record<string, string | undefined>;
}

/** Resolves with the exit code: 0 an activation would pass, 1 it would not, 2 the file or the command is wrong. */
export async function preflight(args: readonly string[], { stdout, stderr, env }: Output): Promise<0 | 1 | 2> {
  const asJson = args.includes('--json');
  const [file, ...rest] = args.filter((arg) => arg !== '--json');
  if (file === undefined || rest.length > 0 || (file.startsWith('-') && file !== '-')) {
    stderr.write(`usage: cordon ${preflightUsage}\n`);
    return 2;
  }
  try {
    const { credentialWarnMs, credentialMaximumMs } = readConfig(env);
    const settings = {
      ...defaultPreflightSettings,
      secretWarnAfterMs: credentialWarnMs,
      secretRefuseAfterMs: credentialMaximumMs,
    };
    const { facts, waivers } = await readPolicyFile(file, { nowMs: Date.now(), settings });
    const findings = waivedIn(findAll(checks, facts), waivers);
    const ok = blocking(findings).length === 0;
    const { agent } = facts;
    stdout.write(
      asJson ? `${JSON.stringify({ agent, ok, findings }, undefined, 2)}\n` : findingsTable(agent, findings),
    );
    return ok ? 0 : 1;
  } catch (error) {
    // Anything else is a mistake of the program: it is told whole, and ends with the code of bad input all the same.
    stderr.write(`cordon preflight: ${error instanceof BadPolicyFile ? error.message : (error as Error).stack}\n`);
    return 2;
  }
}
