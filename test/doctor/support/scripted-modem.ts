import { execFileSync } from 'node:child_process';
import { openPty, type Pty } from '../../../src/simulator/pty.js';

/** What a modem answers: lines, the last of which is a final result code; `[]` is silence. */
type Answer = readonly string[];

/** A modem in good order on a real tty. The numbers are whole, so that a test can look for them. */
const good: Readonly<Record<string, Answer>> = {
  AT: ['OK'],
  ATE0: ['OK'],
  'AT+CMEE=1': ['OK'],
  'AT+CGMI': ['Quectel', 'OK'],
  'AT+CGMM': ['EC25', 'OK'],
  'AT+CGMR': ['EC25EFAR06A06M4G', 'OK'],
  'AT+CGSN': ['867000000000069', 'OK'],
  'AT+CFUN?': ['+CFUN: 1', 'OK'],
  'AT+CPIN?': ['+CPIN: READY', 'OK'],
  'AT+CPINR="SIM PIN"': ['+CPINR: SIM PIN,3,3', 'OK'],
  'AT+CCID': ['+CCID: 89490200001234567890', 'OK'],
  'AT+CREG?': ['+CREG: 0,1', 'OK'],
  'AT+CGREG?': ['+CGREG: 0,1', 'OK'],
  'AT+CEREG?': ['+CEREG: 0,1', 'OK'],
  'AT+C5GREG?': ['ERROR'],
  'AT+CGSMS?': ['+CGSMS: 1', 'OK'],
  'AT+CIREG?': ['+CIREG: 0,0', 'OK'],
  'AT+QCFG="ims"': ['+QCFG: "ims",0,0', 'OK'],
  'AT+CSMS?': ['+CSMS: 0,1,1,1', 'OK'],
  'AT+CMGF=?': ['+CMGF: (0,1)', 'OK'],
  'AT+COPS?': ['+COPS: 0,0,"Operator",7', 'OK'],
  'AT+CSQ': ['+CSQ: 21,99', 'OK'],
  'AT+CSCA?': ['+CSCA: "+491710760000",145', 'OK'],
  'AT+CMGF=0': ['OK'],
  'AT+CUSD=0': ['OK'],
  'AT+CNMI=2,1,0,0,0': ['OK'],
  'AT+CNMI?': ['+CNMI: 2,1,0,0,0', 'OK'],
  'AT+CPMS?': ['+CPMS: "SM",0,25,"SM",0,25,"ME",3,255', 'OK'],
  'AT+CSCS?': ['+CSCS: "GSM"', 'OK'],
};

/** What of it no output may hold. */
export const wholeNumbers = ['867000000000069', '89490200001234567890', '491710760000'];

/**
 * A modem that answers from a table, on a real tty. It remembers what it was asked, and what it had
 * no answer for.
 */
export class ScriptedModem {
  readonly heard: string[] = [];
  /**
   * Commands of which the script says nothing; they were answered ERROR. A test should find none.
   */
  readonly unknown: string[] = [];
  readonly #answers: Record<string, Answer>;
  /** Bits per second at which alone it hears; undefined: at any. */
  speed: number | undefined;
  #pty: Pty | undefined;
  #pending = '';

  private constructor(answers: Record<string, Answer>) {
    this.#answers = answers;
  }

  /** A good modem, but for `answers`; a URC may follow a final result code. */
  static async start(answers: Readonly<Record<string, Answer>> = {}): Promise<ScriptedModem> {
    const modem = new ScriptedModem({ ...good, ...answers });
    modem.#pty = await openPty({
      onData: (bytes) => modem.#take(bytes.toString('latin1')),
      onError: (error) => modem.unknown.push(String(error)),
    });
    return modem;
  }

  get tty(): string {
    return this.#pty!.slavePath;
  }

  say(line: string): void {
    this.#pty?.write(Buffer.from(`\r\n${line}\r\n`, 'latin1'));
  }

  /** As whoever has it open has set it. */
  #speedOfTty(): number {
    return Number(execFileSync('stty', ['-F', this.tty, 'speed']));
  }

  async stop(): Promise<void> {
    await this.#pty?.hangUp();
  }

  #take(text: string): void {
    if (this.speed !== undefined && this.speed !== this.#speedOfTty()) return;
    this.#pending += text.replaceAll('\u001b', '');
    for (let end = this.#pending.indexOf('\r'); end >= 0; end = this.#pending.indexOf('\r')) {
      const line = this.#pending.slice(0, end);
      this.#pending = this.#pending.slice(end + 1);
      this.#answer(line);
    }
  }

  #answer(line: string): void {
    this.heard.push(line);
    const answer = this.#answers[line];
    if (answer === undefined) this.unknown.push(line);
    for (const one of answer ?? ['ERROR']) this.say(one);
  }
}
