/** What `+CNMI` takes: the values of mode, mt, bm, ds and bfr (3GPP TS 27.005 3.4.1). */
export interface IndicationSupport {
  mode: readonly number[];
  mt: readonly number[];
  bm: readonly number[];
  ds: readonly number[];
  bfr: readonly number[];
}

/** A maker's modem, as far as a client can tell them apart on the AT port. */
export interface Vendor {
  manufacturer: string;
  model: string;
  /** What its network calls itself, where it is not the virtual network's own name. */
  operator?: string;
  revision: string;
  imei: string;
  /** The data-entry prompt (27.005 3.5.1 says CR LF `>` SP). */
  prompt: string;
  /** The final result code of an unknown command. */
  unknownCommand: 'ERROR' | 'COMMAND NOT SUPPORT' | 'COMMAND NO RESPONSE!';
  /** What ESC in data entry is answered with. */
  afterEscape: 'OK' | 'none';
  /** Unsolicited lines it likes to print. */
  noise: readonly string[];
  /** Printed between Ctrl-Z and `+CMGS` of every submit. */
  submitNoise: readonly string[];
  bootLines: readonly string[];
  indications: IndicationSupport;
  /** The answer to `+CSMS?`, or undefined for the plain one. */
  csmsLine: string | undefined;
  storages: readonly string[];
  /** Index of the first slot of a storage. */
  firstSlot: 0 | 1;
  /** The answer to `+CMGR` for a slot that is free, before OK; undefined: CMS 321. */
  freeSlotLine: string | undefined;
  /** Said when a message finds its storage full. */
  fullLine: string | undefined;
  /** Number format of the line before a routed status report. */
  reportLine: '+CDS: ' | '+CDS: ,';
  /** The storage that `+CDSI` names, where the report is really in SR. */
  reportStorageNamed: 'SR' | 'SM';
  /** `+CMGF` at power-on. */
  defaultFormat: 0 | 1;
  /**
   * Which commands ask for PIN tries left, SIM serial number and so on, beside the standard ones.
   */
  extraCommands: readonly VendorCommand[];
  supportsLte: boolean;
  supportsCmms: boolean;
  /** `+CMS ERROR` is worded whatever `+CMEE` says. */
  wordsSmsErrors: boolean;
  /** `+CPIN?` has no final result code. */
  cpinWithoutOk: boolean;
  /** Says OK behind the prompt, takes the PDU, and never says `+CMGS`. */
  okBehindPrompt: boolean;
  /**
   * With `+CSMS: 1`, milliseconds after which an unacknowledged +CMT or +CDS turns mt and ds off; 0
   * never.
   */
  acknowledgeMs: number;
}

/** A command whose answer is one line of fixed shape; `{…}` names what is put in. */
export interface VendorCommand {
  name: string;
  /** `{pin_tries}`, `{puk_tries}`, `{iccid}`, or nothing for a bare OK. */
  line: string;
}

/** Somebody's number, which {@link vendors.talkative} brings into whatever it says. */
export const toldNumber = '+491511234567';

const generic: Vendor = {
  manufacturer: 'simgate',
  model: 'Virtual GSM Modem',
  revision: '1.0.0',
  imei: '350000000000006',
  prompt: '\r\n> ',
  unknownCommand: 'ERROR',
  afterEscape: 'OK',
  noise: ['+CIEV: 2,3', '+CGEV: ME PDN ACT 1', 'RING'],
  submitNoise: [],
  bootLines: ['RDY', '+CFUN: 1', '+CPIN: {pin}', 'Call Ready', 'SMS Ready'],
  indications: { mode: [0, 1, 2], mt: [0, 1, 2, 3], bm: [0, 2], ds: [0, 1, 2], bfr: [0, 1] },
  csmsLine: undefined,
  storages: ['SM', 'ME', 'SR'],
  firstSlot: 1,
  freeSlotLine: undefined,
  fullLine: undefined,
  reportLine: '+CDS: ',
  reportStorageNamed: 'SR',
  defaultFormat: 0,
  extraCommands: [],
  supportsLte: true,
  supportsCmms: true,
  wordsSmsErrors: false,
  cpinWithoutOk: false,
  okBehindPrompt: false,
  acknowledgeMs: 0,
};

/**
 * The makers, as differences from {@link generic}. Behaviour is from drivers that know them
 * (ModemManager, gammu, ofono, asterisk-chan-dongle, python-gsmmodem) and the makers' AT manuals;
 * identification strings are plausible, not exact.
 */
export const vendors = {
  generic,
  huawei: {
    ...generic,
    manufacturer: 'huawei',
    model: 'E173',
    revision: '11.126.16.04.00',
    imei: '353000000000011',
    unknownCommand: 'COMMAND NOT SUPPORT',
    fullLine: '^SMMEMFULL: "SM"',
    noise: [
      '^RSSI:19',
      '^BOOT:28214312,0,0,0,20',
      '^MODE:5,4',
      '^DSFLOWRPT:0000001E,00000000,00000000',
    ],
    bootLines: ['^SIMST:1', '^SRVST:2', '^RSSI:19'],
    storages: ['SM', 'ME'],
    firstSlot: 0,
    supportsLte: false,
    extraCommands: [
      { name: '^CPIN', line: '^CPIN: {pin_code},{puk_tries},{puk_tries},{pin_tries},10,3' },
      { name: '^ICCID', line: '^ICCID: {iccid}' },
      { name: '^CURC', line: '' },
      { name: '^PORTSEL', line: '' },
      { name: '^SYSINFO', line: '^SYSINFO:2,3,0,5,1,,4' },
    ],
  },
  zte: {
    ...generic,
    manufacturer: 'ZTE CORPORATION',
    model: 'MF190',
    revision: 'BD_MF190V1.0.0B03',
    imei: '863000000000022',
    noise: ['+ZDONR: "Operator",262,1,"CS_PS","ROAM_OFF"', '+ZPASR: "UMTS"', '+ZUSIMR:2'],
    submitNoise: ['+ZPASR: "UMTS"', '+ZDONR: "Operator",262,1,"CS_PS","ROAM_OFF"'],
    bootLines: ['+ZUSIMR:2', '+ZDONR: "Operator",262,1,"CS_PS","ROAM_OFF"'],
    reportLine: '+CDS: ,',
    supportsLte: false,
    extraCommands: [
      { name: '+ZCDRUN', line: '' },
      { name: '+ZOPRT', line: '' },
    ],
  },
  sim800: {
    ...generic,
    manufacturer: 'SIMCOM_Ltd',
    model: 'SIMCOM_SIM800L',
    revision: 'Revision:1418B04SIM800L24',
    imei: '866000000000037',
    noise: [
      'UNDER-VOLTAGE WARNNING',
      '+CIEV: 10,"26201","Operator","Operator",0,0',
      '*PSUTTZ: 2026,11,23,12,0,0,"+4",0',
    ],
    indications: { mode: [0, 1, 2, 3], mt: [0, 1, 2, 3], bm: [0, 2], ds: [0, 1], bfr: [0, 1] },
    supportsLte: false,
    extraCommands: [{ name: '+SPIC', line: '+SPIC: {pin_tries},{puk_tries},3,10' }],
  },
  sim7600: {
    ...generic,
    manufacturer: 'SIMCOM INCORPORATED',
    model: 'SIMCOM_SIM7600E-H',
    revision: 'LE20B04SIM7600M22',
    imei: '861000000000040',
    noise: ['+CGEV: ME PDN ACT 1', '+CNSMOD: 0,8'],
    bootLines: ['RDY', '+CPIN: {pin}', 'SMS DONE', 'PB DONE'],
    wordsSmsErrors: true,
    extraCommands: [{ name: '+SPIC', line: '+SPIC: {pin_tries},{puk_tries},3,10' }],
  },
  sim7670: {
    ...generic,
    manufacturer: 'INCORPORATED',
    model: 'A7670E-FASE',
    revision: 'A011B06A7670M7_F',
    imei: '862000000000056',
    prompt: '\r\n>\r\n',
    noise: ['+CGEV: EPS PDN ACT 1'],
    bootLines: ['*ATREADY: 1', '+CPIN: {pin}', 'SMS DONE', 'PB DONE'],
    csmsLine: '+CSMS: 0,1,1,1',
    extraCommands: [{ name: '+SPIC', line: '+SPIC: {pin_tries},{puk_tries},3,10' }],
  },
  ec25: {
    ...generic,
    manufacturer: 'Quectel',
    model: 'EC25',
    revision: 'EC25EFAR06A06M4G',
    imei: '867000000000069',
    noise: ['+QIND: "csq",20,99'],
    bootLines: [
      'RDY',
      '+CFUN: 1',
      '+CPIN: {pin}',
      '+QUSIM: 1',
      '+QIND: SMS DONE',
      '+QIND: PB DONE',
    ],
    reportStorageNamed: 'SM',
    extraCommands: [
      { name: '+QPINC', line: '+QPINC: "SC",{pin_tries},{puk_tries}' },
      { name: '+QCCID', line: '+QCCID: {iccid}' },
    ],
  },
  sierra: {
    ...generic,
    manufacturer: 'Sierra Wireless, Incorporated',
    model: 'MC7455',
    revision: 'SWI9X30C_02.24.05.06',
    imei: '359000000000072',
    noise: ['$GPRMC,120000.00,A,5231.2,N,01324.3,E,0.0,,231126,,,A*6C'],
    bootLines: [],
    okBehindPrompt: true,
    extraCommands: [{ name: '+CPINC', line: '+CPINC: {pin_tries},3,{puk_tries},10' }],
  },
  ublox: {
    ...generic,
    manufacturer: 'u-blox',
    model: 'SARA-R410M-02B',
    revision: 'L0.0.00.00.05.08',
    imei: '357000000000082',
    noise: ['+UUPSDD: 0', '+CIEV: 2,3'],
    bootLines: ['+PBREADY'],
  },
  telit: {
    ...generic,
    manufacturer: 'Telit',
    model: 'LE910-EUG',
    revision: '17.01.523',
    imei: '358000000000099',
    afterEscape: 'none',
    noise: ['#STN: 37', '#QSS: 3'],
    bootLines: ['#QSS: 1', '#QSS: 2', '#QSS: 3'],
    acknowledgeMs: 17_000,
    extraCommands: [
      { name: '#PCT', line: '#PCT: {pin_tries}' },
      { name: '#CCID', line: '#CCID: {iccid}' },
    ],
  },
  cinterion: {
    ...generic,
    manufacturer: 'Cinterion',
    model: 'EHS6',
    revision: 'REVISION 04.003',
    imei: '351000000000104',
    noise: ['+CIEV: rssi,4', '^SSIM READY'],
    bootLines: ['^SYSSTART', '+CIEV: prov,0,"fallb3gpp"', '^SSIM READY', '+PBREADY'],
    indications: { mode: [0, 1, 2], mt: [0, 1], bm: [0, 2], ds: [0, 1, 2], bfr: [1] },
    freeSlotLine: '+CMGR: 0,,0',
    supportsLte: false,
    extraCommands: [{ name: '^SPIC', line: '^SPIC: {pin_tries}' }],
  },
  wavecom: {
    ...generic,
    manufacturer: 'WAVECOM MODEM',
    model: 'MULTIBAND  900E  1800',
    revision: '641b09gg.Q2403A 1320676 061804 14:38',
    imei: '352000000000111',
    noise: ['+WIND: 4', '+WIND: 10,"SM",1'],
    bootLines: ['+WIND: 1', '+WIND: 7', '+WIND: 3', '+WIND: 4'],
    defaultFormat: 1,
    supportsLte: false,
    cpinWithoutOk: true,
    extraCommands: [{ name: '+CPINC', line: '+CPINC: {pin_tries},3,{puk_tries},10' }],
  },
  /**
   * Not a maker's: tells somebody's number and sends control characters wherever words of its own
   * are taken.
   */
  talkative: {
    ...generic,
    manufacturer: `ACME ${toldNumber}`,
    model: 'M1\u009b31m\u001b[2J (0151) 123-4567',
    operator: `Net ${toldNumber}\u0085\u009b2J`,
    revision: `R1 ${toldNumber.slice(1)}`,
    imei: '354000000000127',
    noise: [
      `+CLIP: "${toldNumber}",145`,
      `call ${toldNumber}`,
      `+CIEV: 10,"${toldNumber}","\u009b31m",0`,
    ],
    bootLines: [`^SYSSTART ${toldNumber}\u009b31m`, '+CPIN: {pin}', `+CIEV: "${toldNumber}"`],
  },
  novatel: {
    ...generic,
    manufacturer: 'Novatel Wireless Incorporated',
    model: 'E362 MODEM',
    revision: 'E362 1.0.0',
    imei: '351000000000138',
    // Status reports are stored, and told by +CDSI, or not at all.
    indications: { mode: [0, 1, 2], mt: [0, 1, 2], bm: [0, 2], ds: [0, 2], bfr: [0, 1] },
    noise: ['+CIEV: 2,3'],
    bootLines: [],
  },
  aithinker: {
    ...generic,
    manufacturer: 'Ai-Thinker Co.LTD',
    model: 'A9G',
    revision: 'V02.01.20180727R',
    imei: '352000000000145',
    unknownCommand: 'COMMAND NO RESPONSE!',
    supportsLte: false,
    noise: ['+CIEV: service,1', '+CGDMODIND: 1'],
    bootLines: ['READY', '+CIEV: service,1', '+CIEV: roam,0'],
  },
  neoway: {
    ...generic,
    manufacturer: 'NEOWAY',
    model: 'M590',
    revision: 'M590.V01',
    imei: '352000000000152',
    supportsLte: false,
    noise: ['+CIEV: 2,3'],
    bootLines: ['MODEM:STARTUP', '+PBREADY'],
  },
} satisfies Record<string, Vendor>;

export type VendorName = keyof typeof vendors;

export const vendorNames = Object.keys(vendors) as VendorName[];
