import { type AirText, airTextNames, airTexts } from '../../src/simulator/air-texts.js';
import type { SubmitFaultKind } from '../../src/simulator/fault-planner.js';
import type { Random } from '../../src/simulator/random.js';
import type { TroubleKind } from '../../src/simulator/troubles.js';
import { toldNumber } from '../../src/simulator/vendors.js';
import { type ReceiverFault, receiverFaults } from './air.js';

/** Something that goes wrong, planned; all times are milliseconds. */
export type Action =
  /** On the next submit of the modem, as its control channel takes it. */
  | { kind: 'submit_fault'; fault: string }
  /** Something that is wrong with the modem for a while, as its control channel takes it. */
  | { kind: 'trouble'; fault: string }
  | { kind: 'hangup'; power: 'kept' | 'lost'; reattachMs: number }
  | { kind: 'reboot' }
  | { kind: 'registration'; state: 'searching' | 'denied' | 'none'; forMs: number }
  /** What each domain says while it is registered, from now on. */
  | { kind: 'domains'; domains: readonly string[] }
  /** An eSIM changes to another profile; in silence where nothing is said. */
  | { kind: 'profile'; iccid: string; say: string | undefined }
  | { kind: 'noise'; lines: readonly string[] }
  /** Bytes that no modem would say. */
  | { kind: 'garbage'; lines: readonly string[] }
  /** A broken one can be decoded by nobody. */
  | { kind: 'inbound'; from: string; text: string; broken: boolean }
  /** On the way to a modem that is reached over the network. */
  | { kind: 'network'; fault: NetworkFault; forMs: number }
  /** How the network reports on what it has taken, from now on. */
  | { kind: 'reports'; habits: string }
  /** The receiver of what comes in does not take it for a while. */
  | { kind: 'receiver'; how: ReceiverFault; forMs: number }
  /** SIGKILL while a modem does not answer `AT+CMGD`: between the spool and the SIM. */
  | { kind: 'sigkill_before_delete'; muteMs: number }
  | { kind: 'sigkill' }
  /** SIGKILL while the network's answer is late, so that it meets the next daemon. */
  | { kind: 'sigkill_mid_send'; fault: string }
  | { kind: 'sigterm' }
  /**
   * The modem's table is changed so that it is opened anew, or taken away; after a while it is as
   * before.
   */
  | { kind: 'reload'; way: 'changed' | 'taken_away'; forMs: number };

export type ActionKind = Action['kind'];
type OtherActionKind = Exclude<
  ActionKind,
  'submit_fault' | 'trouble' | 'network' | 'reports' | 'receiver' | 'sigkill_before_delete'
>;

/**
 * What happens to a connection: reset, ended, or reset as the next Ctrl-Z has gone by; neither
 * forwarded nor ended; what the modem says held back; octet by octet; taken by another client.
 */
export const networkFaults = [
  'cut',
  'end',
  'cut-after-ctrlz',
  'half-open',
  'stall',
  'trickle',
  'steal',
] as const;
export type NetworkFault = (typeof networkFaults)[number];

type Draw<T> = (random: Random) => T;

const between = (random: Random, least: number, most: number): number =>
  least + random.below(most - least + 1);

/** Most ttys are back soon, some not for a while. */
const downMs: Draw<number> = (random) =>
  random.below(6) === 0 ? between(random, 3000, 6000) : between(random, 50, 1500);

/**
 * `+CMS ERROR` codes by what they mean (3GPP TS 27.005 3.2.5, 24.011 8.2.5.4, 23.040 9.2.3.22):
 * final, of this SIM, passing, silent about the outcome, and the SMSC's own.
 */
export const cmsGroups = {
  refused: [21, 95, 96, 304],
  sim: [8, 28, 50, 330],
  passing: [17, 22, 41, 42, 47, 314, 331],
  unclear: [38, 127, 332, 350, 500],
  smsc: [160, 192, 194, 197, 208],
} as const;

export type CmsGroup = keyof typeof cmsGroups;

const anyCode: Draw<number> = (random) => {
  const codes = Object.values(cmsGroups).flat();
  return codes[random.below(codes.length)]!;
};

/** What a modem that is busy answers everything with, a bare `AT` too. */
const busyWord: Draw<string> = (random) =>
  ['CME515', 'CME14', 'CMS314', 'CMS500', 'ERROR'][random.below(5)]!;

/**
 * How each fault of the simulator is drawn. The daemon under test waits 4 s for a result, 2 or 3 s
 * for the caller, and 10 s for a prompt: times lie on both sides of the first two. One that the
 * simulator learns anew does not compile until it stands here.
 */
const submitFaults: Record<SubmitFaultKind, Draw<string>> = {
  cms: (random) => `cms:${anyCode(random)}`,
  'cms-verbose': (random) =>
    `cms-verbose:${['Unknown error', 'network timeout', 'SIM busy', 'no network service', `barred: ${toldNumber}`][random.below(5)]}`,
  error: () => 'error',
  'cms-late': (random) => `cms-late:${anyCode(random)}:${between(random, 200, 6000)}`,
  // Within the time of the network's timers, only of what says nothing of the outcome.
  'cms-though-accepted': (random) =>
    `cms-though-accepted:${[332, 350, 500][random.below(3)]}:${between(random, 200, 6000)}`,
  'cms-behind-cmgs': (random) => `cms-behind-cmgs:${anyCode(random)}`,
  silence: (random) => `silence:${between(random, 500, 7000)}`,
  'silence-lost': (random) => `silence-lost:${between(random, 500, 7000)}`,
  late: (random) => `late:${between(random, 300, 7000)}`,
  'early-ok': (random) => `early-ok:${between(random, 200, 3500)}`,
  'others-refused': (random) => `others-refused:${busyWord(random)}:${between(random, 300, 9000)}`,
  busy: (random) => `busy:${busyWord(random)}:${between(random, 300, 9000)}`,
  'busy-lost': (random) => `busy-lost:${busyWord(random)}:${between(random, 300, 9000)}`,
  held: () => 'held:100',
  'prompt-refused': (random) =>
    `prompt-refused:${['ERROR', 'CMS304', 'CMS302', 'CMS21', 'CME30'][random.below(5)]}`,
  'no-prompt': (random) => `no-prompt:${between(random, 300, 4000)}`,
  'prompt-late': (random) => `prompt-late:${between(random, 100, 4000)}`,
  prompts: () => 'prompts:2',
  garble: () => 'garble',
  'garble-rx': () => 'garble-rx',
  'drop-bytes': () => 'drop-bytes',
  split: (random) => `split:${between(random, 1, 8)}`,
  'ok-missing': () => 'ok-missing',
  'cmgs-missing': () => 'cmgs-missing',
  air: (random) => `air:${anyAirText(random)}`,
  'air-lost': (random) => `air-lost:${anyAirText(random)}:${between(random, 500, 7000)}`,
  'urc-burst': (random) => `urc-burst:${between(random, 1, 20)}`,
  flood: (random) => `flood:${between(random, 4, 64)}`,
  'registration-lost': (random) => `registration-lost:${between(random, 200, 3000)}`,
  'smsc-unwritten': () => 'smsc-unwritten',
  'smsc-not-in-pdu': () => 'smsc-not-in-pdu',
  'reboot-before-prompt': () => 'reboot-before-prompt',
  'reboot-before-ctrlz': () => 'reboot-before-ctrlz',
  'reboot-after-ctrlz': () => 'reboot-after-ctrlz',
  'reboot-after-ctrlz-lost': () => 'reboot-after-ctrlz-lost',
  'hangup-before': (random) => `hangup-before:${downMs(random)}`,
  'hangup-during-pdu': (random) => `hangup-during-pdu:${downMs(random)}`,
  'hangup-after-ctrlz': (random) => `hangup-after-ctrlz:${downMs(random)}`,
  'hangup-after-ctrlz-lost': (random) => `hangup-after-ctrlz-lost:${downMs(random)}`,
  'glitch-after-ctrlz': (random) => `glitch-after-ctrlz:${downMs(random)}`,
  'hangup-after-reply': (random) =>
    `hangup-after-reply:${downMs(random)}:${between(random, 0, 40)}`,
};

export const submitFaultKinds = Object.keys(submitFaults) as SubmitFaultKind[];

/**
 * What no send needs, and what one does: any may be met by silence, an error or nonsense for a
 * while.
 */
const troubledCommands = [
  'E0',
  '+CGMI',
  '+CCID',
  '+COPS?',
  '+CSQ',
  '+CFUN?',
  '+CNMI=',
  '+CPMS=',
  '+CREG?',
  '+CPIN?',
  '+CMGF=0',
];

const anyCommand: Draw<string> = (random) =>
  troubledCommands[random.below(troubledCommands.length)]!;

const anyAirText: Draw<AirText> = (random) => airTextNames[random.below(airTextNames.length)]!;

/** Also where a wrong answer would delete somebody's SMS. */
const airedCommand: Draw<string> = (random) =>
  [...troubledCommands, '+CMGR=', '+CMGR=', '+CMGD=', '+CPMS?'][
    random.below(troubledCommands.length + 4)
  ]!;

/**
 * How each trouble is drawn; times lie on both sides of what the daemon waits for a command, 5 and
 * 10 s.
 */
const troubles: Record<TroubleKind, Draw<string>> = {
  'gps-port': (random) => `gps-port:${between(random, 500, 12_000)}`,
  'qmi-port': (random) => `qmi-port:${between(random, 500, 12_000)}`,
  mute: (random) => `mute:${anyCommand(random)}:${between(random, 500, 12_000)}`,
  refuse: (random) =>
    `refuse:${anyCommand(random)}:${['ERROR', 'CME100', 'CMS314'][random.below(3)]}:${between(random, 500, 8000)}`,
  'refuse-all': (random) => `refuse-all:${busyWord(random)}:${between(random, 500, 12_000)}`,
  'refuse-late': (random) =>
    `refuse-late:${anyCommand(random)}:${['ERROR', 'CME14', 'CMS314'][random.below(3)]}:${between(random, 6000, 20_000)}:${between(random, 500, 8000)}`,
  babble: (random) => `babble:${anyCommand(random)}:${between(random, 500, 8000)}`,
  'sim-says': (random) =>
    `sim-says:${['SIM PIN2', 'SIM PUK2', 'HELLO'][random.below(3)]}:${between(random, 500, 8000)}`,
  'sim-error': (random) => `sim-error:${between(random, 500, 8000)}`,
  'sms-starting': (random) => `sms-starting:${between(random, 500, 6000)}`,
  'radio-off': () => 'radio-off:0',
  'radio-off-untold': () => 'radio-off-untold:0',
  // The daemon under test gives it its radio cycle after ten minutes: this one ends before.
  'registration-stuck': (random) => `registration-stuck:${between(random, 300, 6000)}`,
  'sim-relocked': () => 'sim-relocked:0',
  'stat-alone': (random) => `stat-alone:${between(random, 500, 8000)}`,
  'text-mode': () => 'text-mode:0',
  'silent-restart': () => 'silent-restart:0',
  'air-within': (random) =>
    `air-within:${airedCommand(random)}:${anyAirText(random)}:${between(random, 500, 8000)}`,
  'results-off': () => 'results-off:0',
  'results-in-numbers': () => 'results-in-numbers:0',
  'no-indications': (random) => `no-indications:${between(random, 500, 8000)}`,
  'routes-directly': () => 'routes-directly:0',
  'broken-off': (random) =>
    `broken-off:${['+CMGR=', '+CMGD=', '+CPMS='][random.below(3)]}:${between(random, 500, 8000)}`,
  deaf: (random) => `deaf:${between(random, 500, 12_000)}`,
};

export const playedTroubles = Object.keys(troubles) as TroubleKind[];

/** Unsolicited lines, some of which look like an answer to what is in flight. */
const noiseLines = [
  'RING',
  '+CMTI: "SM",3',
  '+CREG: 1',
  '^RSSI:17',
  '+CUSD: 0,"Ihr Guthaben",15',
  ...Object.values(airTexts).flat(),
  'NO CARRIER',
  '> x', // a bare one is the SIM7670's own prompt, and would be taken for it
  '+CMGS',
  '\u00ff\u0000\u0007',
  `+CLIP: "${toldNumber}",145`,
  `call ${toldNumber}`,
];

/**
 * Up to 200 octets of any value but the prompt's own `>`, which a modem with a bare prompt says in
 * earnest.
 */
const garbageLine: Draw<string> = (random) =>
  Array.from({ length: between(random, 1, 200) }, () => String.fromCharCode(random.below(256)))
    .join('')
    .replaceAll('>', '<');

/**
 * Under each of them messages go out: all alike, 5G alone, data only, and a stale value in the
 * domain that is asked first.
 */
const domainSets: readonly (readonly string[])[] = [
  ['CREG=network', 'CGREG=network', 'CEREG=network', 'C5GREG=unknown'],
  ['CREG=0', 'CGREG=0', 'CEREG=0', 'C5GREG=network'],
  ['CREG=0', 'CGREG=network', 'CEREG=network', 'C5GREG=unknown'],
  ['CREG=5', 'CGREG=0', 'CEREG=11', 'C5GREG=1'],
];

/** The faults that are no submit's: of the tty, the network and the daemon. */
const otherActions: Record<OtherActionKind, Draw<Action>> = {
  hangup: (random) => ({
    kind: 'hangup',
    power: random.below(2) === 0 ? 'kept' : 'lost',
    reattachMs: downMs(random),
  }),
  reboot: () => ({ kind: 'reboot' }),
  registration: (random) => ({
    kind: 'registration',
    state: (['searching', 'denied', 'none'] as const)[random.below(3)]!,
    forMs: between(random, 300, 4000),
  }),
  domains: (random) => ({ kind: 'domains', domains: domainSets[random.below(domainSets.length)]! }),
  profile: (random) => ({
    kind: 'profile',
    iccid: `8949${Array.from({ length: 15 }, () => '0123456789abcdef'.charAt(random.below(16))).join('')}f`,
    say: [undefined, '+QUSIM: 1', '+CPIN: READY', '^SIMST: 1', '#QSS: 1'][random.below(5)],
  }),
  noise: (random) => ({
    kind: 'noise',
    lines: Array.from(
      { length: between(random, 1, 8) },
      () => noiseLines[random.below(noiseLines.length)]!,
    ),
  }),
  garbage: (random) => ({
    kind: 'garbage',
    lines: Array.from({ length: between(random, 1, 6) }, () => garbageLine(random)),
  }),
  inbound: (random) => ({
    kind: 'inbound',
    from: '+4917012345678',
    text: '+CMGS: 7',
    broken: random.below(2) === 0,
  }),
  sigkill: () => ({ kind: 'sigkill' }),
  sigkill_mid_send: (random) => ({
    kind: 'sigkill_mid_send',
    fault: (['late', 'silence', 'silence-lost', 'cms-late'] as const).map((kind) =>
      submitFaults[kind](random),
    )[random.below(4)]!,
  }),
  sigterm: () => ({ kind: 'sigterm' }),
  reload: (random) => ({
    kind: 'reload',
    way: (['changed', 'taken_away'] as const)[random.below(2)]!,
    forMs: between(random, 0, 3000),
  }),
};

export const otherActionKinds = Object.keys(otherActions) as OtherActionKind[];

/**
 * A network that says nothing for 135 s of the 180 s that a modem may take, then `+CMS ERROR: 350`;
 * as the daemon under test waits 4 s, that is 3 s.
 */
export const slowRefusal = 'cms-late:350:3000';

/**
 * Every fault once, one of each group of CMS codes, in random order: drawing all of them in turn
 * leaves none out.
 */
export function shuffledDeck(random: Random): Action[] {
  const cards: Action[] = [
    ...submitFaultKinds.map((kind) => submitFault(submitFaults[kind](random))),
    ...Object.values(cmsGroups).map((codes) =>
      submitFault(`cms:${codes[random.below(codes.length)]}`),
    ),
    submitFault(slowRefusal),
    ...playedTroubles.map((kind): Action => ({ kind: 'trouble', fault: troubles[kind](random) })),
    ...otherActionKinds.map((kind) => otherActions[kind](random)),
    // The deck has grown with the troubles: a second restart keeps them as frequent as they were.
    otherActions.sigterm(random),
  ];
  return shuffled(cards, random);
}

/** One after another, with no gap in the kinds: Fisher and Yates. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const deck = [...items];
  for (let left = deck.length; left > 1; left -= 1) {
    const drawn = random.below(left);
    [deck[left - 1], deck[drawn]] = [deck[drawn]!, deck[left - 1]!];
  }
  return deck;
}

/** Every fault of the way to a modem once; times lie on both sides of the daemon's patience. */
export function shuffledNetworkDeck(random: Random): Action[] {
  const cards = networkFaults.map(
    (fault): Action => ({ kind: 'network', fault, forMs: between(random, 100, 5000) }),
  );
  return shuffled(cards, random);
}

/**
 * Delivery reports that are early, late, doubled, lost for some or all segments, of a passing state
 * first, or not to be told from each other.
 */
const reportHabits = [
  'statuses=00,early=yes',
  'statuses=30-00,spread=4000',
  'statuses=00,copies=2,spread=1500',
  'statuses=00|46,silent=50',
  'statuses=00,silent=100',
  'statuses=30-30-46',
  'statuses=00,spelling=national|bare,stamps=zoneless',
  'statuses=00,stamps=blank,spread=3000',
];

/** Everything once that can go wrong with reports, and with what comes in. */
export function shuffledAirDeck(random: Random): Action[] {
  const cards = [
    ...reportHabits.map((habits): Action => ({ kind: 'reports', habits })),
    ...receiverFaults.map(
      (how): Action => ({ kind: 'receiver', how, forMs: between(random, 500, 4000) }),
    ),
    ...[1, 2].map(
      (): Action => ({ kind: 'sigkill_before_delete', muteMs: between(random, 1000, 3000) }),
    ),
  ];
  return shuffled(cards, random);
}

function submitFault(fault: string): Action {
  return { kind: 'submit_fault', fault };
}
