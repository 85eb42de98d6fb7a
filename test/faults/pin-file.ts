import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PinFileWrite } from './pin-judge.js';

/** The file with a modem's PIN, as its operator keeps it; each writing is a new generation. */
export class PinFile {
  readonly modem: string;
  readonly path: string;
  readonly rightPin: string;
  readonly writes: PinFileWrite[] = [];

  constructor(folder: string, modem: string, rightPin: string) {
    this.modem = modem;
    this.path = join(folder, `${modem}.pin`);
    this.rightPin = rightPin;
  }

  get isRight(): boolean {
    return this.writes.at(-1)?.pin === this.rightPin;
  }

  write(what: 'right' | 'wrong'): void {
    const pin = what === 'right' ? this.rightPin : mistyped(this.rightPin);
    this.writes.push({ modem: this.modem, pin, atNs: process.hrtime.bigint() });
    writeFileSync(this.path, `${pin}\n`, { mode: 0o600 });
  }
}

/** Two digits are swapped, or the last is another where that changes nothing. */
function mistyped(pin: string): string {
  const swapped = pin.slice(0, -2) + pin.at(-1)! + pin.at(-2)!;
  return swapped === pin ? pin.slice(0, -1) + ((Number(pin.at(-1)) + 1) % 10) : swapped;
}
