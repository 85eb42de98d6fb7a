import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

/** Of a run of so few files nobody asks how long it takes. */
const aFewFiles = 10;

/** Says at once what there is to wait for, and when the slow ones begin. */
class Outlook implements Reporter {
  readonly #words: string;
  #startedAt = 0;
  #areUnitsFirst = false;

  constructor(words: string) {
    this.#words = words;
  }

  onTestRunStart({ length }: readonly unknown[]): void {
    this.#startedAt = performance.now();
    if (length > aFewFiles) console.log(this.#words);
  }

  onTestModuleStart({ project }: TestModule): void {
    if (project.name === 'units') this.#areUnitsFirst = true;
    if (!this.#areUnitsFirst || project.name !== 'slow') return;
    this.#areUnitsFirst = false;
    const tookS = Math.round((performance.now() - this.#startedAt) / 1000);
    console.log(`the units took ${tookS} s; now the slow ones`);
  }
}

/**
 * Where `TEST_REPORTS` names a folder, each run leaves its own count there as JSON, for whoever
 * sums them up. `outlook` is said at the start: how long all of it takes, on two cores.
 */
export function reporters(run: string, outlook: string): object {
  const folder = process.env.TEST_REPORTS;
  const shown = ['default', new Outlook(outlook)];
  if (folder === undefined) return { reporters: shown };
  return {
    reporters: [...shown, 'json'],
    outputFile: { json: join(folder, `${run}.json`) },
  };
}
