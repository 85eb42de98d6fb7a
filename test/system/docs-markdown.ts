import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A fenced code block (CommonMark 4.5). */
export interface Fence {
  /** The info string; empty when there is none. */
  language: string;
  text: string;
  /** Where its first line of text stands, counted from 1. */
  line: number;
}

/** A Markdown file taken apart as far as the tests need it. */
export interface Page {
  /** Relative to the repository. */
  path: string;
  fences: Fence[];
  /** What stands outside of the fences. */
  prose: string;
  /** Code spans outside of the fences (CommonMark 6.1). */
  spans: string[];
  /** Targets of its links, but for those that are URLs. */
  links: string[];
  /** What a fragment may name: GitHub's slugs of the headings. */
  anchors: Set<string>;
}

/** The README, the changelog and all of docs/. */
export function readPages(root: string): Page[] {
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const files = ['README.md', 'CHANGELOG.md', ...docs.sort().map((name) => `docs/${name}`)];
  return files.map((file) => readPage(root, join(root, file)));
}

function readPage(root: string, file: string): Page {
  const { fences, prose } = splitFences(readFileSync(file, 'utf8'));
  return {
    path: relative(root, file),
    fences,
    prose,
    spans: [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span),
    links: [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target)),
    anchors: new Set([...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slug(heading))),
  };
}

function splitFences(text: string): { fences: Fence[]; prose: string } {
  const fences: Fence[] = [];
  const prose: string[] = [];
  let open: { fence: Fence; indent: string } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', language = ''] = /^( *)```(\S*)$/.exec(line) ?? [];
    const isMark = /^ *```/.test(line);
    if (open === undefined && isMark)
      open = { fence: { language, text: '', line: index + 2 }, indent };
    else if (open !== undefined && isMark) {
      fences.push(open.fence);
      open = undefined;
    } else if (open !== undefined) open.fence.text += `${line.replace(open.indent, '')}\n`;
    else prose.push(line);
  }
  if (open !== undefined)
    throw new Error(`the fence at line ${open.fence.line - 1} is never closed`);
  return { fences, prose: prose.join('\n') };
}

/** As GitHub makes the id of a heading. */
function slug(heading: string): string {
  return heading
    .replace(/`/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** A command of a `sh` block, without its comment. */
export interface Command {
  text: string;
  /** `file:line`, for people. */
  at: string;
}

/** All commands of all `sh` blocks: one a line, lines that end with a backslash joined. */
export function commandsOf(pages: readonly Page[]): Command[] {
  return pages.flatMap(({ path, fences }) =>
    fences
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text, line }) =>
        text
          .replace(/\\\n\s*/g, (joint) => `\\${'\n'.repeat(joint.split('\n').length - 1)}`)
          .split(/(?<!\\)\n/)
          .map((one, index) => ({
            text: withoutComment(one.replace(/\\\n/g, '')),
            at: `${path}:${line + index}`,
          })),
      )
      .filter(({ text }) => text !== ''),
  );
}

/** A `#` begins a comment where a word would begin and no quote is open (POSIX.1-2017 XCU 2.3). */
function withoutComment(line: string): string {
  for (const { index } of line.matchAll(/(?<=^|\s)#/g)) {
    const before = line.slice(0, index);
    const isQuoted = before.split("'").length % 2 === 0;
    if (!isQuoted) return before.trim();
  }
  return line.trim();
}

/** The rows of the table below the heading, as cells; the head and its rule are left out. */
export function tableUnder(page: Page, heading: string): string[][] {
  const from = page.prose.indexOf(`\n## ${heading}\n`);
  if (from < 0) throw new Error(`${page.path} has no chapter "${heading}"`);
  const chapter = page.prose.slice(from + 1).split(/\n(?=## )/)[0] ?? '';
  const rows = chapter.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}
