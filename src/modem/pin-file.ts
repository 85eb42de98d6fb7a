import { open } from 'node:fs/promises';

/** A PIN as the operator configured it. */
export interface ConfiguredPin {
  pin: string;
  /** Changes whenever the file that holds it is written anew; tells nothing of the PIN. */
  generation: string;
}

/**
 * Gives the PIN as the operator has it now; rejects with an error that says what is wrong with its
 * file, and never what is in it.
 */
export type ReadPin = () => Promise<ConfiguredPin>;

/** CHV1 has 4 to 8 digits (3GPP TS 51.011 9.3). */
const pinLine = /^(\d{4,8})\r?\n?$/;

/**
 * Reads `file` anew each time, so that a corrected PIN needs no restart. Its generation is that of
 * the very file whose content was read: it changes whenever the file is written.
 */
export function pinReader(file: string): ReadPin {
  return async () => {
    const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
      throw new Error(`pin_file ${file} cannot be read: ${error.code ?? error.message}`);
    });
    try {
      const { ino, mtimeNs } = await handle.stat({ bigint: true });
      const pin = pinLine.exec(await handle.readFile('utf8'))?.[1];
      // A refusal noted for the wrong generation would let the same PIN be tried twice (I7).
      if ((await handle.stat({ bigint: true })).mtimeNs !== mtimeNs)
        throw new Error(`pin_file ${file} is being written: it is read again in a moment`);
      if (pin === undefined)
        throw new Error(`pin_file ${file} must hold the PIN and nothing else, 4 to 8 digits`);
      return { pin, generation: `${ino}-${mtimeNs}` };
    } finally {
      await handle.close();
    }
  };
}
