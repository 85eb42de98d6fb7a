/** `simgate admin password`: the password of the admin listener, kept as a hash. */

import { dirname, join, resolve } from 'node:path';
import { text as wholeText } from 'node:stream/consumers';
import { ConfigError, loadConfig } from '../../config/config.js';
import { OperatorError } from '../../errors.js';
import { hashPassword, longestPassword, shortestPassword } from '../../secret/password.js';
import { writePrivateFile } from '../../secret/private-file.js';
import { fittingRights, refuseForeignFolder } from '../rights.js';
import type { SetupEnvironment } from '../setup/environment.js';
import { askTwice } from '../terminal.js';

export interface PasswordOptions {
  /** The configuration; it may not be valid yet, or name no file for the hash. */
  config: string;
}

/**
 * Asks for a password twice, or reads it from `input` where there is no terminal, and writes its
 * hash to `admin.password_file`, or beside the configuration. Rejects with `OperatorError`, and
 * then nothing was changed.
 */
export async function setPassword(
  { config }: PasswordOptions,
  { env, terminal, place }: Pick<SetupEnvironment, 'env' | 'terminal' | 'place'>,
  input: NodeJS.ReadableStream,
): Promise<void> {
  const named = fileNamedBy(config, env);
  const file = named ?? join(dirname(resolve(config)), 'admin-password');
  await refuseForeignFolder(file);
  const { rights } = await fittingRights(file, place);
  const password = terminal.isInteractive
    ? await askTwice(
        terminal,
        `Password of the admin listener (${shortestPassword} characters or more, not shown): `,
        whyNot,
      )
    : checked((await wholeText(input)).replace(/\r?\n$/, ''));
  await writePrivateFile(file, `${await hashPassword(password)}\n`, rights);
  terminal.say(`${file} holds the hash of the password; the password itself is nowhere.`);
  terminal.say(
    named === undefined
      ? `Write this below [admin] in ${config}, and then "sudo systemctl restart simgate":\n  password_file = "${file}"`
      : 'A daemon that runs takes it up with "sudo simgate reload"; who was signed in is then asked for it.',
  );
}

/** Undefined when the configuration names none, or is not valid without one. */
function fileNamedBy(config: string, env: NodeJS.ProcessEnv): string | undefined {
  try {
    return loadConfig(config, env).admin.passwordFile;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

function checked(password: string): string {
  const objection = whyNot(password);
  if (objection !== undefined)
    throw new OperatorError(`the password on standard input will not do: ${objection}`);
  return password;
}

function whyNot(password: string): string | undefined {
  if (password.length < shortestPassword) return `it needs ${shortestPassword} characters or more`;
  if (password.length > longestPassword) return `it has more than ${longestPassword} characters`;
  return new Set(password).size < 5 ? 'it is too much of the same' : undefined;
}
