/**
 * What may stand in `init` of a [[modem]]: AT command lines that simgate sends on to the modem,
 * unless they would undo what it relies on.
 */

/**
 * Lines for one modem, and characters in one: modems take 80 at least (V.250 5.2.1 leaves it open),
 * most 255.
 */
export const mostInitLines = 16;
const mostInitCharacters = 160;

/**
 * What a refused command does, and the ones that do it: by name without its prefix, upper case.
 * First match wins.
 */
const refusals: readonly (readonly [names: RegExp, does: string])[] = [
  [/CMGS|CMSS|CMGC|CMGW|SEND|^CNMA$|^CUSD$|^MAIL|SMTP/, 'it sends, or waits for something to send'],
  [/CMGD|MGDA|DEL|^CPBW$|^CMAR$/, 'it deletes'],
  [
    /^(D|A|O|DL|CGDATA|CMUX|CDU|CHLD|CCFC|CTFR|PPP.*)$/,
    'it dials, answers, or ends the dialogue of commands',
  ],
  [
    /^CFUN$|RESET|REBOOT|RST|POWD|POWOFF|PWROFF|^CPOF|SHDN|SHUTDOWN|TURNOFF|^SMSO|^N?RB$|^TRB$|FACTORY|FOTA|FWUP|^BOOT/,
    'it resets the modem or switches it off: simgate does so by itself where nothing else helps',
  ],
  [
    /USB|^SETPORT|^U2DIAG|^PORTSEL/,
    'it changes the ports that the modem shows: do that once by hand',
  ],
  [
    /PIN|PUK|PWD|CLCK|LOCK|^CSIM$|^CRSM$|^CGLA$|^CCHO$|^CCHC$/,
    'it touches PIN, locks or files of the SIM: a wrong one can block it',
  ],
  [/^(CMGF|CSCS|CMEE|E|Q|V|X)$/, 'simgate sets it itself, for its verdicts depend on it'],
  [
    /^(IPR.*|IFC|ICF|&K|&D|&C|\\.*|S\d+|%C|%E)$/,
    'it changes the line between the modem and simgate: for the speed there is the key baud',
  ],
  [/^(Z|&Z|&F|&W|&Y|&V.+)$/, 'it saves or restores whole profiles of settings'],
];

/**
 * Arguments that make a harmless name do harm: deletions (`+QESIM="del"`) and other ports
 * (`+QCFG="usbnet"`).
 */
const refusedArguments: readonly (readonly [words: RegExp, does: string])[] = [
  [/\bdel(?:ete)?\b/i, 'it deletes'],
  [/\busb/i, 'it changes the ports that the modem shows: do that once by hand'],
  [/\breset\b|\breboot\b/i, 'it resets the modem'],
];

/** One command of a line. */
interface Part {
  /** Upper case, with its prefix: `+CGSMS`, `&F`, `E`. */
  name: string;
  /** What stands behind the name. */
  rest: string;
}

/**
 * The commands of an init line, as people read them: `+CGSMS, +COPS`. Arguments are left out, for
 * they may be a password.
 */
export function initCommands(line: string): string[] {
  return (partsOf(line) ?? []).map(({ name }) => name);
}

/**
 * Why an init line is refused: the end of a sentence that begins with the key's name; undefined
 * when it may be sent. Modems ignore case, and blanks between the characters of a command (V.250
 * 5.2.1); some know no quotes, so a `;` within them is refused. The message holds no arguments.
 */
export function whyNotInitLine(line: string): string | undefined {
  if (line.length > mostInitCharacters) return `must have ${mostInitCharacters} characters at most`;
  if (!/^[\x20-\x7e\t]*$/.test(line))
    return 'must have printable ASCII characters only, and be one line';
  if (/^(?:[^"]*"[^"]*")*[^"]*"[^";]*;/.test(line))
    return 'must not hold ; within quotes: some modems begin another command there';
  const parts = partsOf(line);
  if (parts === undefined)
    return 'must be a line of AT commands, as "AT+CGSMS=1" or "AT+CGSMS=1;+COPS=0"';
  for (const { name, rest } of parts) {
    const bare = name.replace(/^[+^$*#!%_@]+/, '');
    const does = refusals.find(([names]) => names.test(bare) || names.test(name))?.[1];
    if (does !== undefined) return `must not hold ${name}: ${does}`;
    const argument = refusedArguments.find(([words]) => words.test(rest))?.[1];
    if (argument !== undefined) return `must not hold ${name} with this argument: ${argument}`;
  }
  return undefined;
}

/** Takes a line apart (V.250 5.2 to 5.4); undefined when anything in it is no command. */
function partsOf(line: string): Part[] | undefined {
  const body = /^AT(.*)$/i.exec(line.replace(/[ \t]/g, ''))?.[1];
  if (body === undefined || (body.match(/"/g) ?? []).length % 2 !== 0) return undefined;
  const pieces = body.split(';').map(partsIn);
  return pieces.includes(undefined) ? undefined : pieces.flatMap((parts) => parts ?? []);
}

/**
 * The commands between two semicolons: basic ones follow one another freely, an extended one goes
 * to the end.
 */
function partsIn(piece: string): Part[] | undefined {
  const parts: Part[] = [];
  for (let rest = piece; rest !== ''; ) {
    const pattern = extended.includes(rest.charAt(0)) ? extendedCommand : basicCommand;
    const [whole, name = '', argument = ''] = pattern.exec(rest) ?? [];
    if (whole === undefined) return undefined;
    parts.push({ name: name.toUpperCase(), rest: argument });
    rest = rest.slice(whole.length);
    // A dialled number goes to the end, whatever it is made of.
    if (/^D$/i.test(name)) return parts;
  }
  return parts;
}

/** Characters that begin an extended command: V.250's `+` and those of the vendors. */
const extended = '+^$*#!%_@';
const extendedCommand = /^([+^$*#!%_@]+[A-Z0-9_]+)(.*)$/i;
const basicCommand = /^(S\d{1,3}|&?[A-Z]|\\[A-Z])(=?\d*\??)/i;
