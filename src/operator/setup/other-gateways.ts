/** What another SMS program of this machine was told about its modem: port, PIN and SMSC. */

import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { pinPattern } from '../../config/secret-reader.js';
import { withoutSeparators } from '../../number/e164.js';

/** One modem, as another program has it. */
export interface OtherModem {
  /** The file, and in it the section. */
  file: string;
  section: string;
  /** A tty. */
  device: string;
  /** Never shown. */
  pin: string | undefined;
  smsc: string | undefined;
  /** Bits per second, where it is not what simgate takes by itself. */
  baud: number | undefined;
}

/** Gammu's, its daemon's, and those of smstools; `homes` are those of the people who may use it. */
export function otherGatewayFiles(homes: readonly string[]): string[] {
  return [
    '/etc/gammu-smsdrc',
    '/etc/smsd.conf',
    '/etc/gammurc',
    ...homes.flatMap((home) => [join(home, '.gammurc'), join(home, '.config/gammu/config')]),
  ];
}

/** Nothing where a file is not there, may not be read, or says nothing of a tty. */
export function readOtherModems(files: readonly string[]): OtherModem[] {
  return files.flatMap((file) => {
    let text: string;
    try {
      text = readFileSync(file, 'latin1');
    } catch {
      return []; // it is only a proposal
    }
    return modemsIn(text, file);
  });
}

/** The one that uses this tty, by whatever name. */
export function otherModemAt(
  modems: readonly OtherModem[],
  tty: string | undefined,
): OtherModem | undefined {
  const own = tty === undefined ? undefined : resolved(tty);
  return own === undefined ? undefined : modems.find(({ device }) => resolved(device) === own);
}

/** Bits per second of a modem that nobody has set otherwise. */
export const usualBaud = 115_200;

type Section = { name: string; settings: Map<string, string> };

function modemsIn(text: string, file: string): OtherModem[] {
  const sections = sectionsOf(text);
  // What stands in Gammu's [smsd] is of its one phone; smstools has all of it in the section.
  const common = sections.find(({ name }) => name.toLowerCase() === 'smsd')?.settings;
  return sections.flatMap(({ name, settings }): OtherModem[] => {
    const device = settings.get('device') ?? settings.get('port');
    if (device === undefined || !device.startsWith('/')) return [];
    const pin = settings.get('pin') ?? common?.get('pin');
    const smsc = settings.get('smsc') ?? common?.get('smsc');
    const rate =
      settings.get('baudrate') ?? /^at(\d+)$/.exec(settings.get('connection') ?? '')?.[1];
    const baud = rate === undefined || !/^\d{3,7}$/.test(rate) ? undefined : Number(rate);
    return [
      {
        file,
        section: name,
        device,
        pin: pin !== undefined && pinPattern.test(pin) ? pin : undefined,
        smsc: asSmsc(smsc, settings.has('device') && !settings.has('connection')),
        baud: baud === usualBaud ? undefined : baud,
      },
    ];
  });
}

/** smstools wants an international number without its plus. */
function asSmsc(written: string | undefined, isSmstools: boolean): string | undefined {
  const digits = written && withoutSeparators(written);
  if (digits === undefined || !/^\+?\d{3,20}$/.test(digits)) return undefined;
  return isSmstools && !digits.startsWith('+') ? `+${digits}` : digits;
}

/** `[name]` and `key = value`; `#` or `;` begins a comment. Keys are in small letters. */
function sectionsOf(text: string): Section[] {
  const sections: Section[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(?:[#;]|$)/.test(line)) continue;
    const head = /^\s*\[([^\]]{1,64})\]/.exec(line)?.[1];
    if (head !== undefined) sections.push({ name: head.trim(), settings: new Map() });
    const setting = /^\s*([A-Za-z_]{1,40})\s*=\s*(.*)$/.exec(line);
    const [, key = '', value = ''] = setting ?? [];
    if (setting !== null && value.trim() !== '')
      sections.at(-1)?.settings.set(key.toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1'));
  }
  return sections;
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // unplugged: its name is all that there is
  }
}
