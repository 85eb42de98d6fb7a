/**
 * What modems say by themselves as they start, end, or get further on that way. By these lines a
 * restart is known that nobody asked for, and none of them is ever the answer to a command.
 */

/**
 * `restart`: only one that starts or ends says it, so its settings are gone, and so is whatever it
 * was sending. `refresh`: comes with a restart, but also a while after one, so alone it does not
 * prove that a message in flight was lost. `look`: something about SIM or SMS has changed.
 */
export type BootSign = 'restart' | 'refresh' | 'look';

/** Whole lines, whatever their case. */
type Row = readonly [sign: BootSign, line: string, from: string];

const rows: readonly Row[] = [
  ['restart', String.raw`RDY|QCRDY|APP RDY`, 'Quectel, SIMCom, and many that follow them'],
  ['restart', String.raw`START`, 'SIMCom SIM5xxx, SIM7100'],
  ['restart', String.raw`\*ATREADY: *1`, 'SIMCom A76xx'],
  ['restart', String.raw`[\^+]SYSSTART.*`, 'Cinterion, Huawei modules, u-blox, Sequans'],
  ['restart', String.raw`MODEM: *STARTUP`, 'Neoway M590, M660'],
  ['restart', String.raw`Init\.\.\.|READY`, 'Ai-Thinker A6, A7, A9: the first and the last line'],
  ['restart', String.raw`\+MATREADY`, 'China Mobile ML302, ML307'],
  ['restart', String.raw`\*EMRDY: *1`, 'Ericsson MBM (F3507g, F5521gw)'],
  ['restart', String.raw`(?:NORMAL|UNDER-VOLTAGE|OVER-VOLTAGE) POWER DOWN`, 'SIMCom, Quectel'],
  ['restart', String.raw`POWERED DOWN`, 'Quectel EC2x and later'],
  ['restart', String.raw`[\^+]SHUTDOWN`, 'Cinterion, Sequans'],
  ['refresh', String.raw`Call Ready|SMS Ready|SMS DONE|PB DONE`, 'SIMCom, Quectel'],
  ['refresh', String.raw`\+PBREADY`, 'Neoway, Cinterion, u-blox, Fibocom'],
  ['refresh', String.raw`\+CFUN: *\d`, 'SIMCom, Quectel'],
  [
    'refresh',
    String.raw`\+CPIN: *(?:READY|NOT READY|NOT INSERTED|SIM REMOVED|SIM PIN|SIM PUK)`,
    'SIMCom, Quectel, Fibocom',
  ],
  ['refresh', String.raw`\+WIND: *3`, 'Wavecom: it takes AT commands again'],
  // HL78xx also say it as they wake, with their settings kept.
  ['refresh', String.raw`\+KSUP: *\d+`, 'Sierra HL'],
  ['look', String.raw`\+CPIN:.*`, 'any other state'],
  ['look', String.raw`\+QIND: *"?(?:SMS|PB) (?:DONE|READY)"?`, 'Quectel'],
  ['look', String.raw`\+Q(?:U)?SIM(?:STAT)?: *\d.*`, 'Quectel'],
  ['look', String.raw`SIM READY|GSM READY`, 'Motorola, SIMCom'],
  ['look', String.raw`\*?\^?SSIM READY`, 'Cinterion'],
  ['look', String.raw`\^SIMST: *\d.*`, 'Huawei'],
  ['look', String.raw`\+UUSIMSTAT: *\d.*`, 'u-blox'],
  ['look', String.raw`\+SIM (?:READY|DROP)`, 'Fibocom'],
  ['look', String.raw`\+WIND: *[01]`, 'Wavecom: SIM taken out, put in'],
  ['look', String.raw`#QSS: *\d`, 'Telit'],
  // The SIM's own commands, among them REFRESH (TS 102 223 6.4.7), by which an eSIM takes up
  // another profile.
  ['look', String.raw`\+CUSATP:.*|\+QSTK: *1\b.*|#STN: *(?:1|101)\b.*`, 'SIM Application Toolkit'],
];

const signs = ['restart', 'refresh', 'look'] as const;
const patternOf = (sign: BootSign): RegExp =>
  new RegExp(`^(?:${rows.flatMap(([of, line]) => (of === sign ? [line] : [])).join('|')})$`, 'i');
const patterns = signs.map((sign) => [sign, patternOf(sign)] as const);

/** The strongest sign that `line` is; undefined when it is none. */
export const bootLine = (line: string): BootSign | undefined =>
  patterns.find(([, pattern]) => pattern.test(line))?.[0];
