import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type DoctorOptions, examineAll } from '../../../src/doctor/doctor.js';
import type { DoctorReport, Finding } from '../../../src/doctor/finding.js';
import { createLog } from '../../../src/log.js';
import { FakeMachine } from './fake-machine.js';

const silent = createLog({
  level: 'debug',
  format: 'json',
  stream: new Writable({ write: (_chunk, _encoding, done) => done() }),
});

/** A machine without a daemon: doctor looks for its socket in a folder of this machine's own. */
export class ExaminedMachine extends FakeMachine {
  readonly folder = mkdtempSync(join(tmpdir(), 'simgate-doctor-'));

  examine(own: Partial<DoctorOptions> = {}): Promise<DoctorReport> {
    return examineAll({
      config: undefined,
      sendTo: undefined,
      env: { RUNTIME_DIRECTORY: this.folder },
      machine: this.toLookAt(),
      examineStart: () => Promise.resolve([]),
      log: silent,
      ...own,
    });
  }

  /** Writes a configuration with one modem; `more` are lines of its table. Gives its path. */
  configure(device: string, more = ''): string {
    const file = join(this.folder, 'simgate.toml');
    writeFileSync(
      file,
      `[auth0]\nsubject = "s"\naudience = "a"\n[policy]\ncountries = ["*"]\n[[modem]]\nname = "main"\ndevice = "${device}"\n${more}\n`,
    );
    return file;
  }

  override remove(): void {
    super.remove();
    rmSync(this.folder, { recursive: true });
  }
}

/** `warning signal` for each finding that is not well. */
export const wrong = (findings: readonly Finding[] = []): string[] =>
  findings.filter(({ level }) => level !== 'ok').map(({ check, level }) => `${level} ${check}`);
