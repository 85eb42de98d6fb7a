/**
 * `npm run picture`: runs the demo from dist/, and draws what it says as docs/demo.svg, the picture
 * of the README. test/e2e/demo.test.ts fails when the demo says something else by now.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pictureOf } from './terminal-picture.js';

const root = resolve(import.meta.dirname, '..');
const said = execFileSync(process.execPath, [join(root, 'dist/cli.js'), 'demo', '--once'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
writeFileSync(join(root, 'docs/demo.svg'), pictureOf('npm run demo', said));
