/** What differs between modems, as data. A modem nobody listed works with {@link generic}. */

export interface ModemProfile {
  name: string;
  /** Milliseconds between a final result code and the next command. */
  guardMs: number;
  /** Milliseconds until the prompt; u-blox promises 1 s, ModemManager waits 10. */
  promptTimeoutMs: number;
  /**
   * Milliseconds after Ctrl-Z until the outcome counts as unknown; the longest a manual names is
   * 180 s (u-blox SARA-R4).
   */
  submitTimeoutMs: number;
  /**
   * Milliseconds to wait for `+CMGS` when `OK` came before it; undefined: as long as if nothing had
   * come.
   */
  earlyOkGraceMs: number | undefined;
  /**
   * `+CNMI` settings to try in order (27.005 3.4.1): inbound SMS to storage with `+CMTI`, no status
   * reports.
   */
  indications: readonly string[];
  /** The same with status reports routed as `+CDS`, else stored and told by `+CDSI`. */
  indicationsWithReports: readonly string[];
  /**
   * `<fun>` that switches the radio off and leaves the tty (27.007 8.2): 4, unless the maker knows
   * only 0, which takes the SIM's power too.
   */
  radioOff: 4 | 0;
  /** Commands of the vendor that quieten or wake it; an ERROR to them means nothing. */
  vendorInit: readonly string[];
  /**
   * Asks for the registration with IMS where `+CIREG?` is not known: the group is 0 when there is
   * none.
   */
  ims: { text: string; response: RegExp } | undefined;
  /** What to advise where messages do not get out: never sent by itself. */
  settings: { imsOn?: string; imsOff?: string; withoutLte?: string };
}

export const generic: ModemProfile = {
  name: 'generic',
  guardMs: 20,
  promptTimeoutMs: 10_000,
  submitTimeoutMs: 180_000,
  earlyOkGraceMs: undefined,
  indications: ['2,1,0,0,0', '1,1,0,0,0'],
  indicationsWithReports: ['2,1,0,1,0', '1,1,0,1,0', '2,1,0,2,0', '1,1,0,2,0', '2,1,0,0,0'],
  radioOff: 4,
  vendorInit: [],
  ims: undefined,
  settings: {},
};

/** Reports as `+CDS` or not at all: that they are stored (ds 2) is not tried. */
const neverStored = ['2,1,0,1,0', '1,1,0,1,0', '2,1,0,0,0'];
/** What Huawei's and ZTE's sticks are told: mode 1 alone. */
const modeOne = {
  indications: ['1,1,0,0,0'],
  indicationsWithReports: ['1,1,0,1,0', '1,1,0,2,0', '1,1,0,0,0'],
};

/** By what `AT+CGMI` and `AT+CGMM` say, first match wins. */
const byIdentity: readonly [RegExp, Partial<ModemProfile>][] = [
  // NB-IoT adds up to 360 s to TR1M (24.011 10). These know nothing else; with one that knows LTE
  // too, submit_timeout_s says it.
  [
    /\bBC(26|28|35|65|66|68|92|95)|SIM70[23]0|SARA-N[23]/i,
    {
      name: 'nb-iot',
      submitTimeoutMs: 480_000,
      indicationsWithReports: neverStored,
    },
  ],
  // ^RSSI and its kin are stopped: they come several times a second and broke many a parser.
  [
    /huawei/i,
    {
      name: 'huawei',
      ...modeOne,
      vendorInit: ['AT^CURC=0'],
    },
  ],
  [
    /zte/i,
    {
      name: 'zte',
      // Stays in the network; some firmwares wait for their own dial-up program to say so (gammu).
      vendorInit: ['AT+ZOPRT=5'],
      ...modeOne,
    },
  ],
  // A report routed by +CDSI names a slot that holds nothing, or another message
  // (asterisk-chan-quectel PR 75).
  [
    /quectel/i,
    {
      name: 'quectel',
      indicationsWithReports: neverStored,
      // The second number says whether IMS is in use (EC2x and EG9x "QCFG AT Commands Manual").
      ims: { text: 'AT+QCFG="ims"', response: /^\+QCFG: *"ims" *, *\d+ *, *(\d)/ },
      settings: {
        imsOn: 'AT+QCFG="ims",1',
        imsOff: 'AT+QCFG="ims",2',
        withoutLte: 'AT+QCFG="nwscanmode",1',
      },
    },
  ],
  // Its manual gives CMGS 60 s (V1.09, p. 121); the network's own timers (24.011 10.2) may end a
  // little later.
  [
    /sim(800|808|868|900)/i,
    {
      name: 'simcom-2g',
      submitTimeoutMs: 90_000,
      indicationsWithReports: neverStored,
    },
  ],
  // ds 2 is an ERROR on the SIM800 (its manual, p. 125), and its kin are no better.
  [
    /simcom|sim\d{3,4}/i,
    {
      name: 'simcom',
      indicationsWithReports: neverStored,
      settings: { withoutLte: 'AT+CNMP=13' },
    },
  ],
  // It wedges when a +CDS is not acknowledged, and refuses the acknowledgement (ofono): reports by
  // +CDSI only.
  [
    /novatel/i,
    { name: 'novatel', indicationsWithReports: ['1,1,0,2,0', '2,1,0,2,0', '2,1,0,0,0'] },
  ],
  // bfr 0 is an ERROR on the MC75i and PHS8, ds 1 on most.
  [
    /cinterion|gemalto|telit cinterion/i,
    {
      name: 'cinterion',
      guardMs: 100,
      indications: ['2,1,0,0,1', '2,1,0,0,0', '1,1,0,0,1'],
      indicationsWithReports: [
        '2,1,0,1,1',
        '2,1,0,1,0',
        '2,1,0,2,1',
        '2,1,0,2,0',
        '2,1,0,0,1',
        '2,1,0,0,0',
      ],
    },
  ],
  // Its AT guide knows 0 and 1.
  [/wavecom/i, { name: 'wavecom', radioOff: 0 }],
  // With its GPS port on it says OK at the prompt and never +CMGS (MC7455, MC7304): the outcome is
  // unknown anyway, so the modem is free again sooner.
  [/sierra/i, { name: 'sierra', submitTimeoutMs: 90_000, earlyOkGraceMs: 10_000 }],
];

/** The profile of a modem that calls itself so. */
export function profileFor(identity: string): ModemProfile {
  const match = byIdentity.find(([pattern]) => pattern.test(identity));
  return match ? { ...generic, ...match[1] } : generic;
}
