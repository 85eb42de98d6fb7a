import { toHex } from './decode.js';
import { encodeServiceCentre } from './encode.js';
import { type HeldMessage, messageStatus } from './message-store.js';
import type { Modem } from './modem.js';
import { encodeText, stampText } from './text-mode.js';

const maxHeldIndications = 50;

/**
 * How messages from the network reach the host: `+CNMI`, `+CSMS` and `+CNMA` (3GPP TS 27.005 3.4).
 */
export class Indications {
  readonly #modem: Modem;
  readonly #held: string[] = [];
  #unacknowledged = 0;

  constructor(modem: Modem) {
    this.#modem = modem;
  }

  reset(): void {
    this.#held.length = 0;
    this.#unacknowledged = 0;
  }

  /** False when the storage is full: the network keeps the message. */
  takeDelivery(message: HeldMessage): boolean {
    const [, mt, , ds] = this.#modem.settings.cnmi;
    if (message.kind === 'report') {
      if (ds === 1) return this.#route(this.#reportLines(message));
      if (ds === 2)
        return this.#store(message, 'SR', '+CDSI', this.#modem.vendor.reportStorageNamed);
      return true;
    }
    if (mt === 2) return this.#route(this.#deliverLines(message));
    const storage = this.#modem.settings.cpms[2];
    return this.#store(message, storage, mt === 0 ? undefined : '+CMTI', storage);
  }

  /** `+CNMI` was set: what mode 0 held back is flushed (bfr 0) or forgotten (bfr 1). */
  modeChanged(): void {
    const [mode, , , , bfr] = this.#modem.settings.cnmi;
    if (mode === 0) return;
    for (const lines of this.#held.splice(0)) if (bfr === 0) this.#modem.say(lines);
  }

  /** `+CNMA`; false when nothing waits for it. */
  acknowledge(): boolean {
    if (this.#unacknowledged === 0) return false;
    this.#unacknowledged -= 1;
    return true;
  }

  #route(lines: string): boolean {
    this.#indicate(lines);
    const { settings, vendor, options } = this.#modem;
    const patienceMs = options.acknowledgeMs ?? vendor.acknowledgeMs;
    if (settings.csms === 1) {
      this.#unacknowledged += 1;
      if (patienceMs > 0) this.#modem.after(patienceMs, () => this.#giveUpRouting());
    }
    return true;
  }

  #giveUpRouting(): void {
    if (this.#unacknowledged === 0) return;
    this.#unacknowledged = 0;
    const [mode, , bm, , bfr] = this.#modem.settings.cnmi;
    this.#modem.settings.cnmi = [mode, 0, bm, 0, bfr];
  }

  #store(
    message: HeldMessage,
    storage: string,
    indication: string | undefined,
    named: string,
  ): boolean {
    const { stores } = this.#modem;
    const index = (stores.get(storage) ?? stores.get('SM'))?.add({
      status: messageStatus.unread,
      message,
    });
    if (index === undefined) {
      const { fullLine } = this.#modem.vendor;
      if (fullLine !== undefined) this.#modem.say(fullLine);
      return false;
    }
    if (indication !== undefined) this.#indicate(`${indication}: "${named}",${index}`);
    return true;
  }

  #indicate(lines: string): void {
    if (this.#modem.troubles.isActive('no-indications')) return;
    if (this.#modem.settings.cnmi[0] !== 0) this.#modem.say(lines);
    else if (this.#held.length < maxHeldIndications) this.#held.push(lines);
  }

  #reportLines(report: Extract<HeldMessage, { kind: 'report' }>): string {
    const { settings, vendor } = this.#modem;
    if (settings.cmgf === 0)
      return `${vendor.reportLine}${report.tpdu.length}\r\n${this.#pdu(report)}`;
    const stamp = stampText(report.at);
    return `+CDS: 6,${report.mr},"${report.recipient}",145,"${stamp}","${stamp}",${report.status}`;
  }

  #deliverLines(message: HeldMessage): string {
    const { settings } = this.#modem;
    if (message.kind !== 'deliver' || settings.cmgf === 0) {
      return `+CMT: ,${message.tpdu.length}\r\n${this.#pdu(message)}`;
    }
    const { from, text, at } = message;
    return `+CMT: "${encodeText(from, settings.cscs)}",,"${stampText(at)}"\r\n${encodeText(text, settings.cscs)}`;
  }

  #pdu(message: HeldMessage): string {
    return toHex(
      Uint8Array.from([...encodeServiceCentre(this.#modem.sim.serviceCentre), ...message.tpdu]),
    );
  }
}
