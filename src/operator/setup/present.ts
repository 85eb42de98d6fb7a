import { readFile, realpath } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { TomlTable } from 'smol-toml';
import { type Config, ConfigError, defaultControlSocket, loadConfig } from '../../config/config.js';
import { parseSelector, type Selector } from '../../config/selector.js';
import { OperatorError } from '../../errors.js';
import { cannot } from '../../secret/private-file.js';
import { readTable, valueAt } from './toml-edit.js';

/** What the shipped example has where the modem's tty belongs: nobody has answered yet. */
export const exampleDevice = '/dev/serial/by-id/usb-your-modem-if00-port0';

/** An entry `[[modem]]`, as far as it is written. */
export interface PresentModem {
  name: string | undefined;
  device: string | undefined;
  /** Absolute. */
  pinFile: string | undefined;
  selector: Selector | undefined;
}

/** The configuration as it is now, which may be lacking, the shipped example, or not valid. */
export interface Present {
  /** Absolute, and not a symbolic link. */
  file: string;
  /** Undefined when there is no file. */
  text: string | undefined;
  table: TomlTable;
  /** Nothing in it is somebody's answer. */
  isUntouched: boolean;
  modems: PresentModem[];
  /** Whether who may send stands in tables [[caller]] alone, without [auth0]. */
  hasOnlyCallerTables: boolean;
  /** Secret files that tables [[caller]] name; absolute. */
  callerSecretFiles: string[];
  /** When it is valid. */
  config: Config | undefined;
  /** Where a running daemon is asked. */
  socket: string;
}

/** Reads what is there. Throws {@link OperatorError} when it cannot be read or is no TOML. */
export async function readPresent(named: string, env: NodeJS.ProcessEnv): Promise<Present> {
  const file = await targetOf(resolve(named));
  const text = await readText(file);
  const table = readTable(text ?? '', file);
  const config = text === undefined ? undefined : validConfig(file, env);
  const entries = Array.isArray(table.modem) ? table.modem : [];
  const modems = entries.map((entry): PresentModem => {
    const device = textAt(entry, 'device');
    const pinFile = textAt(entry, 'pin_file');
    return {
      name: textAt(entry, 'name'),
      device: device === exampleDevice ? undefined : device,
      pinFile: pinFile === undefined ? undefined : resolve(dirname(file), pinFile),
      selector:
        device === undefined || device === exampleDevice ? undefined : selectorOf(device, file),
    };
  });
  const callers = Array.isArray(table.caller) ? table.caller : [];
  const secretFiles = callers.flatMap((entry) => textAt(entry, 'secret_file') ?? []);
  return {
    file,
    text,
    table,
    isUntouched: modems.length > 0 && modems.every(({ device }) => device === undefined),
    modems,
    hasOnlyCallerTables: callers.length > 0 && table.auth0 === undefined,
    callerSecretFiles: secretFiles.map((path) => resolve(dirname(file), path)),
    config,
    socket: config?.control.socket ?? defaultControlSocket(env),
  };
}

/**
 * As the configuration reads it: what is neither ids nor `auto` is a path, relative to the file.
 */
export function selectorOf(device: string, file: string): Selector {
  const parsed = parseSelector(device);
  return parsed.ok ? parsed.selector : { kind: 'path', path: resolve(dirname(file), device) };
}

/** A text of the file; undefined when there is none. */
export function textAt(table: unknown, ...path: string[]): string | undefined {
  const value = valueAt(table, path);
  return typeof value === 'string' ? value : undefined;
}

/** A file that is put in place of a link would leave the linked one as it was. */
async function targetOf(path: string): Promise<string> {
  return realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return path;
    throw cannot('be read', path, error);
  });
}

async function readText(file: string): Promise<string | undefined> {
  let octets: Buffer;
  try {
    octets = await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cannot('be read', file, error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch (cause) {
    throw new OperatorError(`${file} is not UTF-8 text. Correct it first; nothing was changed`, {
      cause,
    });
  }
}

function validConfig(file: string, env: NodeJS.ProcessEnv): Config | undefined {
  try {
    return loadConfig(file, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return undefined; // what is lacking is asked for, and the result is checked
  }
}

/**
 * What a configuration begins with where there is none; the answers are filled in as into any
 * other.
 */
export const firstConfig = `# simgate's configuration, begun by "simgate setup". Every other setting has a default: simgate.example.toml shows them all.
# Check it with: simgate check-config

# Who may send: the sub and aud of the tokens, and the file with the secret that signs them.
[auth0]
#subject = "urn:Auth0"
#audience = "urn:MySmsGateway"
#secret_file = "/etc/simgate/auth0-secret"

# Countries that may be written to: two-letter codes, or ["*"] for every one.
[policy]
#countries = ["DE", "AT"]

# One [[modem]] for each modem.
[[modem]]
#name = "main"
#device = "/dev/serial/by-id/usb-your-modem-if00-port0"
`;
