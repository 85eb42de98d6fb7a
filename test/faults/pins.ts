import { type PinFaultKind, pinFaultKinds } from '../../src/simulator/pin-faults.js';
import type { Random } from '../../src/simulator/random.js';
import { shuffled } from './deck.js';

/** How a modem's SIM and the file with its PIN are found at the start. */
export interface PinStart {
  file: 'right' | 'wrong';
  /** Tries that the SIM has left; with 0 it wants its PUK. */
  tries: 0 | 1 | 2 | 3;
  /** What goes wrong with the first `AT+CPIN=`, as the simulator takes it. */
  fault?: string;
}

/** What goes wrong around a PIN; the times are milliseconds. */
export type PinCard =
  /** With the next `AT+CPIN=`. */
  | { kind: 'fault'; fault: string }
  /** The daemon is killed between its `AT+CPIN=` and the answer. */
  | { kind: 'sigkill'; fault: string }
  /** The operator mistypes the PIN. */
  | { kind: 'wrong_file' };

/** How a modem loses its power, so that its SIM asks for the PIN again. */
export type PowerCycle =
  | { kind: 'replug'; reattachMs: number }
  | { kind: 'reboot' }
  | { kind: 'mid_send'; fault: string };

/**
 * One card for each modem, then a look at what the daemon does about it when everything is plugged
 * in and started anew.
 */
export interface PinRound {
  hands: readonly {
    card: PinCard | undefined;
    cycle: PowerCycle;
    remedy: 'file' | 'remove_lock';
  }[];
  restart: 'SIGKILL' | 'SIGTERM';
}

/** All about PINs in a phase, by modem. */
export interface PlannedPins {
  starts: readonly PinStart[];
  /** The right PINs, 8 digits: long enough to be looked for in a log. */
  pins: readonly string[];
  rounds: readonly PinRound[];
}

/** The daemon waits 30 s for the SIM. */
const drawn: Record<PinFaultKind, (random: Random) => string> = {
  late: (random) => `late:${500 + random.below(2500)}`,
  silence: (random) => `silence:${1000 + random.below(11_000)}`,
  'silence-lost': (random) => `silence-lost:${1000 + random.below(11_000)}`,
  hangup: (random) => `hangup:${100 + random.below(1500)}`,
  'hangup-lost': (random) => `hangup-lost:${100 + random.below(1500)}`,
  glitch: (random) => `glitch:${100 + random.below(1500)}`,
  reboot: () => 'reboot',
  'reboot-lost': () => 'reboot-lost',
  busy: () => 'busy',
  error: () => 'error',
  'ok-locked': () => 'ok-locked',
};

/**
 * The modem whose operator turns the PIN lock off at last, as some do: never the first, which
 * carries the messages meanwhile.
 */
const unlockedModem = 1;

function deckOf(random: Random): PinCard[] {
  const cards: PinCard[] = [
    ...Object.values(drawn).map((draw): PinCard => ({ kind: 'fault', fault: draw(random) })),
    { kind: 'fault', fault: 'late:12000' },
    { kind: 'sigkill', fault: `late:${2000 + random.below(3000)}` },
    { kind: 'sigkill', fault: `silence-lost:${2000 + random.below(3000)}` },
    { kind: 'wrong_file' },
  ];
  return shuffled(cards, random);
}

function cycleOf(random: Random): PowerCycle {
  const reattachMs = 100 + random.below(2000);
  const midSend = ['reboot-after-ctrlz', 'reboot-before-ctrlz', `hangup-after-ctrlz:${reattachMs}`];
  const ways: PowerCycle[] = [
    { kind: 'replug', reattachMs },
    { kind: 'reboot' },
    { kind: 'mid_send', fault: midSend[random.below(midSend.length)]! },
  ];
  return ways[random.below(ways.length)]!;
}

/**
 * The rounds of a phase: one without a card, for what is found at the start, then as many as it
 * takes to play each card once.
 */
export function planPins(random: Random, starts: readonly PinStart[]): PlannedPins {
  const deck = deckOf(random);
  const rounds: PinRound[] = [];
  const signal = (): PinRound['restart'] => (random.below(2) === 0 ? 'SIGKILL' : 'SIGTERM');
  const roundOf = (cards: readonly (PinCard | undefined)[], isLast: boolean): PinRound => ({
    hands: starts.map((_, index) => ({
      card: cards[index],
      cycle: cycleOf(random),
      remedy: isLast && index === unlockedModem ? 'remove_lock' : 'file',
    })),
    restart: signal(),
  });
  rounds.push(roundOf([], false));
  while (deck.length > 0) {
    const cards = deck.splice(0, starts.length);
    // Else a SIM might come through the last round without a reason to turn its lock off.
    if (deck.length === 0) cards[unlockedModem] ??= { kind: 'wrong_file' };
    rounds.push(roundOf(cards, deck.length === 0));
  }
  const pins = starts.map(() => String(10_000_000 + random.below(90_000_000)));
  return { starts, pins, rounds };
}

/** As the record names them. */
export const playedPinFaults = Object.keys(pinFaultKinds).map((kind) => `pin-${kind}`);
