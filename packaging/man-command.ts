/** simgate(1), from what the program itself says with --help. */
import type { Command } from 'commander';
import { heading, paragraph, subheading, term, title, verbatim } from './roff.js';

/** What `--help` of one command says (the format is commander's). */
export interface HelpPage {
  usage: string;
  description: string;
  /** Heading as "Options", then pairs of a term and its meaning. */
  lists: { name: string; entries: [term: string, meaning: string][] }[];
}

/** Reads a help text. Throws when it does not begin with its usage. */
export function parseHelp(text: string): HelpPage {
  const [usage = '', ...blocks] = text.trimEnd().split(/\n{2,}/);
  if (!usage.startsWith('Usage: ')) throw new Error(`no help text: ${usage}`);
  const page: HelpPage = {
    usage: joined(usage.slice('Usage: '.length)),
    description: '',
    lists: [],
  };
  for (const block of blocks) {
    const [, name] = /^([A-Z][\w ]*):\n {2}\S/.exec(block) ?? [];
    if (name === undefined) page.description = `${page.description}\n\n${block}`.trim();
    else page.lists.push({ name, entries: entriesOf(block) });
  }
  return page;
}

/** "  term   meaning", whose further lines are further in. */
function entriesOf(block: string): [string, string][] {
  const entries: [string, string][] = [];
  for (const line of block.split('\n').slice(1)) {
    const [, name, meaning = ''] = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line) ?? [];
    if (name !== undefined) entries.push([name, meaning]);
    else {
      const last = entries.at(-1);
      if (last !== undefined) last[1] = joined(`${last[1]}\n${line}`);
    }
  }
  return entries;
}

const joined = (text: string): string => text.replace(/\s*\n\s*/g, ' ').trim();

/** A command, as ["policy", "explain"], with its help and that of those below. */
interface CommandPage {
  words: string[];
  help: HelpPage;
}

function* pagesBelow(command: Command, words: string[]): Generator<CommandPage> {
  const help = parseHelp(helpOf(command));
  yield { words, help };
  for (const [entry] of help.lists.find(({ name }) => name === 'Commands')?.entries ?? []) {
    const [name = ''] = entry.split(' ');
    const below = command.commands.find((each) => each.name() === name);
    if (below !== undefined) yield* pagesBelow(below, [...words, name]);
    else if (name !== 'help') throw new Error(`no command ${name} of simgate ${words.join(' ')}`);
  }
}

/** What it says with --help, whatever the terminal is; a process for each would take a while. */
function helpOf(command: Command): string {
  let said = '';
  command.configureOutput({
    writeOut: (text) => {
      said += text;
    },
    getOutHelpWidth: () => 80,
  });
  command.outputHelp();
  return said;
}

/** The page in roff; `program` has all its commands, `date` is as 2026-11-01. */
export function commandManual(program: Command, version: string, date: string): string {
  const [main, ...commands] = pagesBelow(program, []);
  if (main === undefined) throw new Error('the program has no help');
  const parts = [
    title('simgate', 1, date, `simgate ${version}`),
    heading('NAME'),
    'simgate \\- SMS gateway for Auth0 passwordless logins',
    heading('SYNOPSIS'),
    '.B simgate\n.I command\n[\\fIoptions\\fR]',
    heading('DESCRIPTION'),
    paragraph(joined(main.help.description)),
    heading('COMMANDS'),
    ...commands.flatMap(commandPart),
    heading('EXIT STATUS'),
    paragraph('0, or 1 when something is wrong; the error output says what.'),
    heading('FILES'),
    term('/etc/simgate/simgate.toml', 'The configuration; see simgate.toml(5).'),
    term('/var/lib/simgate', 'The journal and what else must outlive a restart.'),
    term('/run/simgate/control.sock', 'Through which the commands ask the running daemon.'),
    heading('SEE ALSO'),
    paragraph('simgate.toml(5), /usr/share/doc/simgate/README.md, journalctl(1), systemctl(1)'),
  ];
  return `${parts.join('\n')}\n`;
}

function commandPart({ words, help }: CommandPage): string[] {
  const lists = help.lists
    .filter(({ name }) => name === 'Options' || name === 'Arguments')
    .flatMap(({ entries }) => entries.filter(([name]) => name !== '-h, --help'));
  const hasCommands = help.lists.some(({ name }) => name === 'Commands');
  const rest = help.lists.filter(
    ({ name }) => !['Options', 'Arguments', 'Commands'].includes(name),
  );
  if (hasCommands && lists.length === 0) return [];
  return [
    subheading(`simgate ${words.join(' ')}`),
    paragraph(help.usage),
    ...help.description
      .split('\n\n')
      .map((text) => (/^ {2}/m.test(text) ? verbatim(text) : paragraph(joined(text)))),
    ...lists.map(([name, meaning]) => term(name, meaning)),
    ...rest.flatMap(({ name, entries }) => [
      paragraph(`${name}:`),
      ...entries.map(([key, text]) => term(key, text)),
    ]),
  ];
}
