#!/usr/bin/env node
/**
 * Where Node begins (dist/cli.js): says in one sentence when this Node is too old, and else loads
 * the program. A Node of any age must parse it, as a module and as a script: no import statement,
 * no top-level await, nothing newer than ES2018.
 */

/** Of package.json's `engines`; a test compares them. */
const oldest = [20, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
  console.error(
    `simgate: this is Node ${process.versions.node} (${process.execPath}), and it takes ${oldest.join('.')} or later: install a newer one, or simgate's Debian package, which brings its own`,
  );
  // EX_CONFIG (sysexits.h), as in cli.ts: the unit does not start it again.
  process.exitCode = 78;
} else {
  // As Node does with a module that it starts itself: it has not ended well when its last `await`
  // is still open and nothing more can happen. With 0 the unit would take it for a wanted end.
  const unsettled = (): void => {
    process.exitCode ??= 13;
  };
  process.on('exit', unsettled);
  // A rejection is left alone: it ends the process with its stack, as an error in a module would.
  void import('./cli.js').then(() => process.off('exit', unsettled));
}
