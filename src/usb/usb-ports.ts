/**
 * Which USB interface of which modem answers AT, as data. The tty's own number says nothing: it
 * changes with each re-plug. Interface numbers and roles are those that ModemManager's port type
 * rules, ofono's udev detection and asterisk-chan-dongle agree on or name alone; `AT` means an AT
 * port in the sense of 3GPP TS 27.007. A line added here is all a new modem needs.
 */

/** What is known of one product's interfaces. */
export interface PortLayout {
  /** Maker and model, for people. */
  name: string;
  /** Interface numbers that answer AT, best first. */
  at: readonly number[];
  /** Interface numbers that must not be talked to, and what they are. */
  notAt?: Readonly<Record<number, string>>;
}

/** What an interface of class ff is for, by its subclass and protocol (USB 2.0, 9.6.5). */
export interface InterfaceRule {
  subclasses: readonly number[];
  protocol: number;
  role: 'control' | 'dial' | 'diagnostic' | 'GPS';
}

const diagnostic = 'diagnostic';
const gps = 'GPS';

/** The layout of most modems on a Qualcomm baseband: diagnostic, GPS, AT, second AT. */
const qualcomm = (name: string): PortLayout => ({
  name,
  at: [2, 3],
  notAt: { 0: diagnostic, 1: gps },
});
const sierra = (name: string): PortLayout => ({ name, at: [3], notAt: { 0: diagnostic, 2: gps } });
const ublox = (name: string): PortLayout => ({
  name,
  at: [0, 2, 4],
  notAt: { 6: 'GPS tunnel', 8: 'SIM access or log', 10: 'log', 12: 'SIM access' },
});
const layout = (name: string, at: readonly number[], notAt?: PortLayout['notAt']): PortLayout => ({
  name,
  at,
  ...(notAt && { notAt }),
});

const zteLayouts: readonly (readonly [at: readonly number[], products: string])[] = [
  [[0, 2], '0001 1515'],
  [[0, 1], '0003 0004 0005 0006 0007 0008 0009 000a'],
  [[1, 3], '0015 0030 0054'],
  [[2, 0], '0064'],
  [[2, 1], '0016 0017 0018 0019 0117 0156'],
  [[2, 4], '0002 0012 0024 0025 0055'],
  [
    [3, 1],
    '0021 0031 0037 0039 0042 0052 0057 0058 0061 0063 0066 0078 0082 0104 0106 0108 0122 0123 ' +
      '1007 1008 1010 1254 1268 2002 2003',
  ],
  [[3, 2], '0043'],
  [[4, 1], '0033 0091 0113 0118 0121 0124 0126 0128'],
  [[4, 2], '0048 0049'],
  [[5, 1], '0125'],
];

/** By `vendor:product`, lower case. */
export const layouts: ReadonlyMap<string, PortLayout> = new Map<string, PortLayout>([
  // Huawei sticks older than the protocol codes of `huaweiRules`; where an interface has such a
  // code, the codes win. Interface 0 is the dial port: it answers AT, but unsolicited results go to
  // the other one.
  ['12d1:1001', layout('Huawei E1550, E169, E173', [2, 0], { 1: 'voice' })],
  ['12d1:140c', layout('Huawei E17xx', [3, 0], { 2: 'voice' })],
  ['12d1:1436', layout('Huawei E1750', [4, 0], { 3: 'voice' })],
  ['12d1:14ac', layout('Huawei E153', [4, 0], { 3: 'voice' })],
  ['12d1:1506', layout('Huawei E171, E398', [3, 0], { 2: 'voice' })],
  ...zteLayouts.flatMap(([at, products]) =>
    products.split(' ').map((product) => [`19d2:${product}`, layout('ZTE', at)] as const),
  ),
  [
    '1e0e:9001',
    {
      ...qualcomm('SIMCom SIM7000, SIM7100, SIM7600'),
      notAt: { 0: diagnostic, 1: gps, 4: 'audio' },
    },
  ],
  ['1e0e:9205', layout('SIMCom SIM7070, SIM7080, SIM7090', [2, 3], { 0: diagnostic, 1: gps })],
  ['1e0e:9206', layout('SIMCom SIM7070, SIM7080, SIM7090', [2, 5], { 0: diagnostic, 1: gps })],
  ['1e0e:9011', layout('SIMCom A7600, A7602, A7670', [4, 5], { 2: diagnostic })],
  ['1e0e:9100', layout('SIMCom (Prolink PH-300)', [3, 1])],
  ['1e0e:9200', layout('SIMCom (SCT UM300)', [3, 1])],
  ['1e0e:cefe', layout('SIMCom (A-Link 3GU)', [2, 0, 1])],
  ['2c7c:0121', qualcomm('Quectel EC21')],
  ['2c7c:0125', qualcomm('Quectel EC25, EG25-G')],
  ['2c7c:0128', layout('Quectel EM060K', [5], { 3: diagnostic, 4: gps })],
  ['2c7c:0191', qualcomm('Quectel EG91')],
  ['2c7c:0195', qualcomm('Quectel EG95')],
  ['2c7c:0296', qualcomm('Quectel BG96')],
  ['2c7c:0306', qualcomm('Quectel EG06, EP06, EM06')],
  ['2c7c:0512', qualcomm('Quectel EG12, EG18')],
  ['2c7c:0800', qualcomm('Quectel RM500')],
  ['2c7c:0801', qualcomm('Quectel RM520N')],
  ['1199:68a2', sierra('Sierra Wireless MC7710')],
  ['1199:68c0', sierra('Sierra Wireless MC73xx, RC7611')],
  ['1199:9071', sierra('Sierra Wireless MC7455, MC7430')],
  ['1199:9079', sierra('Sierra Wireless EM7455')],
  ['1199:9091', sierra('Sierra Wireless EM7565')],
  ['1199:c001', layout('Sierra Wireless HL7812', [0, 2], { 4: gps })],
  ['1546:1010', layout('u-blox TOBY-L4', [6], { 2: 'second', 4: 'debug', 8: 'firmware' })],
  ['1546:1102', ublox('u-blox SARA-U2, LISA-U2')],
  [
    '1546:1104',
    layout('u-blox SARA-U2, LISA-U2', [0], { 2: 'GPS tunnel', 4: 'log', 6: 'SIM access' }),
  ],
  ['1546:1107', ublox('u-blox TOBY-R2')],
  ['1546:110a', ublox('u-blox LARA-R2')],
  ['05c6:908b', layout('u-blox LARA-R6', [1, 2], { 0: diagnostic, 3: gps })],
  ['1bc7:1003', layout('Telit UC864', [0, 2])],
  ['1bc7:1004', layout('Telit UC864-G', [0, 3], { 2: gps })],
  ['1bc7:1005', layout('Telit CC864', [0, 3], { 2: gps })],
  ['1bc7:1006', layout('Telit CC864', [0, 2])],
  ['1bc7:1010', layout('Telit DE910', [3, 2], { 1: gps })],
  ['1bc7:1011', layout('Telit CE910', [1])],
  ['1bc7:1031', layout('Telit LE910C1', [1, 2], { 0: diagnostic })],
  ['1bc7:1033', layout('Telit LE910C1', [1, 2], { 0: diagnostic })],
  ['1bc7:1040', layout('Telit LE922', [4, 5], { 0: diagnostic, 3: gps, 6: 'SIM access' })],
  ['1bc7:1041', layout('Telit LE922', [5, 6], { 0: diagnostic, 4: gps, 7: 'SIM access' })],
  ['1bc7:1101', layout('Telit ME910C1', [1, 2], { 0: diagnostic })],
  ['1bc7:110a', layout('Telit ME910G1', [1, 2], { 0: diagnostic })],
  [
    '1bc7:1201',
    layout('Telit LE910C1, LE910C4', [4, 5], { 0: diagnostic, 3: gps, 6: 'SIM access' }),
  ],
  [
    '1bc7:1204',
    layout('Telit LE910C1, LE910C4', [5, 6], { 0: diagnostic, 4: gps, 7: 'SIM access' }),
  ],
  ['1e2d:005b', layout('Cinterion PLS62', [0, 2], { 4: gps, 8: diagnostic })],
  ['1e2d:0061', layout('Cinterion PLS8', [2, 0], { 4: gps })],
  ['1e2d:0069', layout('Cinterion PLS63', [0, 2], { 4: gps, 6: diagnostic })],
  ['1e2d:006f', layout('Cinterion PLS83', [0, 2], { 4: gps, 6: diagnostic })],
  ['2cb7:0104', layout('Fibocom FM150', [1, 2], { 0: diagnostic })],
  ['2cb7:01a0', layout('Fibocom NL668', [2, 3], { 4: 'debug' })],
  ['1782:4d10', layout('Fibocom L610', [0, 5, 6])],
  ['1782:4d11', layout('Fibocom L610', [2, 7, 8])],
]);

/** What a product of the vendor most likely looks like when it is not in `layouts`. */
export const vendorLayouts: ReadonlyMap<string, PortLayout> = new Map([
  ['2c7c', qualcomm('Quectel')],
]);

export const huaweiVendorId = '12d1';

/**
 * Huawei says an interface's purpose by its protocol (class ff), whatever its number. First match
 * wins.
 */
export const huaweiRules: readonly InterfaceRule[] = [
  { subclasses: [0x01, 0x02], protocol: 0x02, role: 'control' },
  { subclasses: [0x02, 0x03], protocol: 0x12, role: 'control' },
  { subclasses: [0x01], protocol: 0x32, role: 'control' },
  { subclasses: [0x01, 0x02, 0x03], protocol: 0x01, role: 'dial' },
  { subclasses: [0x02, 0x03], protocol: 0x10, role: 'dial' },
  { subclasses: [0x01], protocol: 0x31, role: 'dial' },
  { subclasses: [0x01, 0x02, 0x03], protocol: 0x03, role: diagnostic },
  { subclasses: [0x02, 0x03], protocol: 0x13, role: diagnostic },
  { subclasses: [0x01], protocol: 0x33, role: diagnostic },
  { subclasses: [0x01], protocol: 0x05, role: gps },
  { subclasses: [0x01, 0x02, 0x03, 0x06], protocol: 0x14, role: gps },
];

/**
 * Vendors that make modems and hardly anything else: theirs are listed even when they show no tty.
 */
export const modemVendors: ReadonlyMap<string, string> = new Map([
  ['12d1', 'Huawei'],
  ['19d2', 'ZTE'],
  ['1e0e', 'SIMCom'],
  ['2c7c', 'Quectel'],
  ['1199', 'Sierra Wireless'],
  ['1bc7', 'Telit'],
  ['1e2d', 'Cinterion'],
  ['2cb7', 'Fibocom'],
  ['1c9e', 'Longcheer'],
  ['1bbb', 'Alcatel'],
  ['0af0', 'Option'],
  ['1410', 'Novatel'],
]);

/** Products that show a network card with a web page instead of AT ports, by `vendor:product`. */
export const networkOnly: ReadonlyMap<string, string> = new Map([
  ['12d1:14db', 'Huawei HiLink (E3372h, E3131, E8372)'],
  ['12d1:14dc', 'Huawei HiLink (E3372h, E3531, E303)'],
  ['19d2:1403', 'ZTE with a web page (MF823, MF831)'],
  ['19d2:1405', 'ZTE with a web page (MF823, MF70)'],
]);

/**
 * What a device shows that speaks MBIM (USB CDC MBIM 1.0, 2.3) or QMI instead of AT: kernel drivers
 * of its interfaces.
 */
export const controlDrivers: ReadonlyMap<string, 'MBIM' | 'QMI'> = new Map([
  ['cdc_mbim', 'MBIM'],
  ['qmi_wwan', 'QMI'],
  ['qmi_wwan_q', 'QMI'],
  ['GobiNet', 'QMI'],
]);

/**
 * How serial ports come back where there is nothing to write an AT command to, by USB vendor:
 * through the control channel (`/dev/cdc-wdm*`), with the tools of libqmi and libmbim. Vendors of
 * notebooks sell modems of these makers under their own ids.
 */
const sierraComposition =
  'sudo qmicli -p -d /dev/cdc-wdm0 --device-open-mbim --dms-swi-set-usb-composition=8 (package libqmi-utils; 8 is AT and MBIM, 6 is AT and QMI), ' +
  'then plug it in again';
const fibocomComposition = `sudo mbimcli -p -d /dev/cdc-wdm0 --fibocom-set-at-command='AT+GTUSBMODE=?' (package libmbim-utils) lists its compositions: set one with AT`;
const compositionCommands: ReadonlyMap<string, string> = new Map([
  ['1199', sierraComposition],
  ['413c', sierraComposition],
  ['03f0', sierraComposition],
  ['2cb7', fibocomComposition],
  ['8087', fibocomComposition],
  [
    '2c7c',
    'AT+QCFG="usbcfg" with the AT port on, as its "QCFG AT Commands Manual" says, written once on a machine where it shows one',
  ],
  ['1e0e', 'AT+CUSBPIDSWITCH=9001,1,1, written once on a machine where it shows a serial port'],
  ['1bc7', 'AT#USBCFG=0, written once on a machine where it shows a serial port'],
  [
    '12d1',
    'AT^SETPORT, written once on a machine where it shows a serial port; a HiLink stick needs "stick" firmware',
  ],
]);

/** How to get AT ports out of a modem that shows none: a phrase. */
export const compositionRemedy = (vendorId: string): string =>
  compositionCommands.get(vendorId) ??
  'its AT manual names the command that switches the USB composition';

/** Products that become a HiLink network card when switched, while they still show a disk. */
export const hiLinkBeforeSwitch: ReadonlySet<string> = new Set(['12d1:1f01', '12d1:157d']);

/** What has a tty and is surely no modem, by `vendor:product`. */
export const noModems: ReadonlyMap<string, string> = new Map([
  ['1546:01a5', 'u-blox GNSS receiver'],
  ['1546:01a6', 'u-blox GNSS receiver'],
  ['1546:01a7', 'u-blox GNSS receiver'],
  ['1546:01a8', 'u-blox GNSS receiver'],
  ['1546:01a9', 'u-blox GNSS receiver'],
]);

/** Kernel drivers of plain serial cables: nothing says what is connected at the other end. */
export const cableDrivers: ReadonlyMap<string, string> = new Map([
  ['ftdi_sio', 'FTDI'],
  ['cp210x', 'CP210x'],
  ['ch341', 'CH340'],
  ['ch343', 'CH343'],
  ['pl2303', 'PL2303'],
  ['mos7720', 'MosChip'],
  ['mos7840', 'MosChip'],
  ['ti_usb_3410_5052', 'TI'],
  ['f81232', 'Fintek'],
  ['xr_serial', 'MaxLinear'],
]);

/** The same for cables that call themselves CDC ACM, by vendor. */
export const cableVendors: ReadonlyMap<string, string> = new Map([['1a86', 'WCH']]);
