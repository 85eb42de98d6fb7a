/** A disk that is really full: a tmpfs of 1 MB, mounted as root. */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ended, folder, open, started } from '../journal/support/rig.js';

/** For what the journal does at its next try, on a machine that has other things to do, too. */
const patience = 30_000;

/** A journal with some rows, closed, on a disk of its own. */
async function onSmallDisk(): Promise<string> {
  const disk = folder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', disk]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', disk]));
  const file = join(disk, 'journal.db');
  const { journal } = await open({ file });
  for (let number = 0; number < 50; number += 1) journal.ended(ended(`m${number}`));
  await journal.close();
  return file;
}

/** Takes all room but `leftKb`; returns how to give it back. */
function fill(file: string, leftKb: number): () => void {
  const [filler, rest] = [`${file}.filler`, `${file}.rest`];
  const take = (path: string, octets: number): void => {
    const descriptor = openSync(path, 'w');
    try {
      for (let written = 0; written < octets; written += 4096)
        writeSync(descriptor, Buffer.alloc(4096));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(descriptor);
    }
  };
  take(rest, leftKb * 1024);
  take(filler, Infinity);
  rmSync(rest);
  return () => rmSync(filler);
}

test.each([0, 4, 16, 32, 40])(
  'a restart with %d KB left is told to make room, and goes on when there is some',
  async (leftKb) => {
    const file = await onSmallDisk();
    const makeRoom = fill(file, leftKb);
    const { journal } = await open({ file });
    for (let number = 0; number < 50; number += 1) journal.ended(ended(`new ${number}`));
    await vi.waitFor(() => expect(journal.state().isOk).toBe(false), patience);
    expect(journal.state().fault).toMatch(/the disk is full: make room/);
    makeRoom();
    await vi.waitFor(
      () => expect(journal.state()).toMatchObject({ isOk: true, pending: 0, droppedRows: 0 }),
      patience,
    );
  },
);

test('a first start on a full disk is told the same', async () => {
  const file = await onSmallDisk();
  rmSync(file);
  const makeRoom = fill(file, 0);
  const { journal } = await open({ file: `${file}.new` });
  expect(journal.state().fault).toMatch(/the disk is full: make room/);
  makeRoom();
  await vi.waitFor(() => expect(journal.state().isOk).toBe(true), patience);
});

test('a disk that fills up while the journal is open keeps no message, and its key is told as not safe', async () => {
  const file = await onSmallDisk();
  const { journal, logged } = await open({ file });
  const makeRoom = fill(file, 0);
  for (let number = 0; number < 200; number += 1) journal.ended(ended(`m${number}`));
  await journal.started(started('keyed', { keyHmac: 'k', requestHmac: 'r' }));
  expect(journal.state().fault).toMatch(/the disk is full: make room/);
  expect(logged).toContainEqual(expect.objectContaining({ event: 'key_unsafe', id: 'keyed' }));
  makeRoom();
  await vi.waitFor(
    () => expect(journal.state()).toMatchObject({ isOk: true, pending: 0 }),
    patience,
  );
});
