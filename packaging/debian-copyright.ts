/** The copyright file of the package, machine-readable (Debian's copyright-format 1.0). */
import type { Notice } from './notices.js';

/**
 * @param ownLicense the text of LICENSE.
 * @param bundled whose code is in dist/, @param native those in node_modules, @param nodeVersion of
 * the Node that the package brings, if it does.
 */
export function debianCopyright(
  ownLicense: string,
  bundled: readonly Notice[],
  native: readonly Notice[],
  nodeVersion?: string,
): string {
  const [own, ...terms] = paragraphsOf(ownLicense);
  const holder = terms.find((paragraph) => paragraph.startsWith('Copyright')) ?? own ?? '';
  const expat = terms.filter((paragraph) => paragraph !== holder).join('\n\n');
  const stanzas = [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: simgate',
    `Files: *\nCopyright: ${holder.replace(/^Copyright\s*(\(c\))?\s*/i, '')}\nLicense: Expat`,
    ...bundled.map((notice) => stanza('usr/lib/simgate/dist', notice)),
    ...native.map((notice) => stanza('usr/lib/simgate/node_modules', notice)),
    ...(nodeVersion === undefined ? [] : [nodeStanza(nodeVersion)]),
    `License: Expat\n${indented(expat)}`,
  ];
  return `${stanzas.join('\n\n')}\n`;
}

function stanza(folder: string, { name, version, license, copyright, texts }: Notice): string {
  const files = folder.endsWith('node_modules') ? `${folder}/${name}/*` : `${folder}/*.js`;
  return [
    `Files: ${files}`,
    `Comment: ${name} ${version}`,
    `Copyright: ${copyright.join('\n           ')}`,
    termsOf(license, texts),
  ].join('\n');
}

/** Its terms are those of some sixty works, 150 KB long: a file of their own. */
const nodeStanza = (version: string): string => `Files: usr/lib/simgate/bin/node
Comment: Node.js ${version}, as the npm package node-linux-* has it
Copyright: Node.js contributors, Joyent, Inc. and other Node contributors, and the holders of what it contains
License: Node.js
 The terms of Node.js and of all that it contains: /usr/share/doc/simgate/nodejs-terms.txt.gz`;

function termsOf(license: string, texts: readonly string[]): string {
  if (texts.length === 0) {
    if (license !== 'MIT') throw new Error(`the text of ${license} is nowhere`);
    return 'License: Expat';
  }
  const name = license.replaceAll(/[^\w.+-]+/g, '-');
  return `License: ${name}\n${indented(texts.map(withoutCommonText).join('\n\n'))}`;
}

/** Debian has the long one in a place of its own, and does not want it again (Policy 12.5). */
function withoutCommonText(text: string): string {
  const start = text.search(/^\s*Apache License\s*\n\s*Version 2\.0/m);
  if (start < 0) return text;
  const terms =
    'Apache License, Version 2.0: on Debian systems in /usr/share/common-licenses/Apache-2.0.';
  return `${text.slice(0, start).trim()}\n\n${terms}`.trim();
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');
}

function paragraphsOf(text: string): string[] {
  return text.trim().split(/\n{2,}/);
}
