/**
 * CHANGELOG.md in the format of Debian (deb-changelog(5)), and the time that a build is dated with.
 */

/** One release of CHANGELOG.md: "## 0.1.0, 2026-11-01" or "## 0.1.0, unreleased" and its list. */
export interface Release {
  version: string;
  /** Unix milliseconds. */
  dateMs: number;
  changes: string[];
}

/**
 * Reads the releases, newest first. One that is not released yet has the date `unreleasedMs`.
 * Throws when there is none, or a heading is of another kind.
 */
export function releasesOf(markdown: string, unreleasedMs: number): Release[] {
  const releases = markdown
    .split(/^## /m)
    .slice(1)
    .map((part) => releaseOf(part, unreleasedMs));
  if (releases.length === 0) throw new Error('CHANGELOG.md has no release');
  return releases;
}

/** Seconds (reproducible-builds.org): a builder's own, else the newest release of the changelog. */
export const epochOf = (releases: readonly Release[]): number =>
  Number(process.env.SOURCE_DATE_EPOCH ?? Math.floor((releases[0]?.dateMs ?? 0) / 1000));

function releaseOf(part: string, unreleasedMs: number): Release {
  const [heading = '', ...lines] = part.split('\n');
  const [, version, date = ''] =
    /^(\d+\.\d+\.\d+), (\d{4}-\d\d-\d\d|unreleased)$/.exec(heading.trim()) ?? [];
  if (version === undefined) throw new Error(`CHANGELOG.md: not "version, date": ${heading}`);
  const changes = lines
    .join('\n')
    .split(/^- /m)
    .slice(1)
    .map((change) => change.trim().replace(/\s*\n\s*/g, ' '));
  return { version, dateMs: date === 'unreleased' ? unreleasedMs : Date.parse(date), changes };
}

/** @param version of the package, which stands in the place of the newest release's. */
export function debianChangelog(
  releases: readonly Release[],
  version: string,
  maintainer: string,
): string {
  return releases
    .map((release, index) => {
      const changes = release.changes.map((change) => wrap(change, '  * ', '    ')).join('\n');
      const stamp = new Date(release.dateMs).toUTCString().replace('GMT', '+0000');
      const of = index === 0 ? version : release.version;
      return `simgate (${of}) unstable; urgency=medium\n\n${changes}\n\n -- ${maintainer}  ${stamp}\n`;
    })
    .join('\n');
}

const columns = 79;

function wrap(text: string, first: string, next: string): string {
  const lines = [first];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    const isFresh = line === first || line === next;
    if (!isFresh && line.length + 1 + word.length > columns) lines.push(next + word);
    else lines[lines.length - 1] = isFresh ? line + word : `${line} ${word}`;
  }
  return lines.join('\n');
}
