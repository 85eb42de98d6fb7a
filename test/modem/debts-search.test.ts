import { describe, expect, test } from 'vitest';
import { Debts } from '../../src/modem/debts.js';

/**
 * Every modem that keeps its promises (the head of debts.ts), against every order of what can
 * happen, in time of whole ticks: a submit is begun, accepted, refused or lost; its result is said
 * within its term, at once or late, once or twice; one is given up, the link is lost in the middle
 * of a doubt, the process is killed, time passes.
 */
describe('explored exhaustively', () => {
  /** A submit as the modem knows it. */
  interface Sent {
    fate: 'accepted' | 'refused' | 'lost';
    reference: number;
    /** The tick at which its term ends. */
    until: number;
    /** It has its result still to say. */
    isOut: boolean;
  }
  interface World {
    /** Ticks. */
    now: number;
    begun: number;
    /** References given. */
    counter: number;
    /** Those that are out, or waited for. */
    sent: readonly Sent[];
    /** The one that the daemon waits for. */
    running: Sent | undefined;
    /** A reference that was just said, and may be said again at once. */
    echo: number | undefined;
  }
  interface Situation {
    world: World;
    debts: Debts;
  }
  const termTicks = 2;
  const mostTicks = 5;
  const mostSubmits = 4;
  const firstReference = 253; // wraps on the way

  /** Whether a submit that was refused or lost takes a reference. */
  const styles = {
    'counts, those that were refused or lost or not': {
      refused: [0, 1],
      lost: [0, 1],
      isConstant: false,
    },
    'has one reference for all': { refused: [0], lost: [0], isConstant: true },
  } as const;
  type Style = (typeof styles)[keyof typeof styles];
  type Move = (situation: Situation) => void;

  const giveUp: Move = ({ world, debts }) => {
    debts.giveUp(world.now);
    world.running = undefined;
  };

  /** A submit is waited for until its term is over, in a suspicion not even so long. */
  const tick: Move = (situation) => {
    const { world, debts } = situation;
    world.now += 1;
    world.echo = undefined;
    const { running } = world;
    if (running && (world.now >= running.until || debts.doubt?.because === 'suspicion'))
      giveUp(situation);
  };

  const begin =
    (fate: Sent['fate'], takes: number, isConstant: boolean): Move =>
    ({ world, debts }) => {
      const reference = isConstant ? firstReference : (firstReference + world.counter) % 256;
      const until = world.now + termTicks;
      world.begun += 1;
      world.counter += takes;
      world.running = { fate, reference, until, isOut: fate !== 'lost' };
      world.sent = [...world.sent, world.running];
      world.echo = undefined;
      debts.begin(until);
    };

  function hear({ world, debts }: Situation, reference: number): void {
    if (world.running === undefined) return debts.takeLateReference(reference, world.now);
    const ours = debts.takeReference(reference, world.now);
    if (ours === undefined) return;
    if (world.running.fate !== 'accepted')
      expect.fail(`called ours, but it was ${world.running.fate}`);
    if (ours !== world.running.reference)
      expect.fail(`called ours: ${ours}, not ${world.running.reference}`);
    world.running = undefined;
  }

  const say =
    (one: Sent): Move =>
    (situation) => {
      const { world, debts } = situation;
      const said = { ...one, isOut: false };
      world.sent = world.sent.map((each) => (each === one ? said : each));
      if (world.running === one) world.running = said;
      world.echo = undefined;
      if (one.fate === 'accepted') {
        world.echo = one.reference;
        return hear(situation, one.reference);
      }
      if (world.running === undefined) return debts.takeLateError(world.now);
      if (!debts.takeError(world.now)) return;
      if (world.running.fate !== 'refused')
        expect.fail(`called refused, but it was ${world.running.fate}`);
      world.running = undefined;
    };

  const sayAgain: Move = (situation) => {
    const { echo } = situation.world;
    situation.world.echo = undefined;
    hear(situation, echo!);
  };

  /** The next process knows its note alone. */
  const kill: Move = (situation) => {
    const { world, debts } = situation;
    world.running = undefined;
    world.echo = undefined;
    situation.debts = Debts.after(debts.note(world.now), world.now);
  };

  function movesIn(style: Style, { world }: Situation): Move[] {
    const { now, begun, sent, running, echo } = world;
    const moves: Move[] = now < mostTicks ? [tick, kill] : [kill];
    // AT was answered without a result, or the link was lost.
    if (running !== undefined) moves.push(giveUp);
    if (echo !== undefined) moves.push(sayAgain);
    for (const one of sent) if (one.isOut && now < one.until) moves.push(say(one));
    if (running === undefined && begun < mostSubmits) {
      moves.push(begin('accepted', 1, style.isConstant));
      for (const takes of style.refused) moves.push(begin('refused', takes, style.isConstant));
      for (const takes of style.lost) moves.push(begin('lost', takes, style.isConstant));
    }
    return moves;
  }

  /**
   * What is neither out nor waited for is forgotten, so that equal situations are looked at once.
   */
  const after = ({ world, debts }: Situation, move: Move): Situation => {
    const next = { world: { ...world }, debts: new Debts(debts.state) };
    move(next);
    const { now, running, sent } = next.world;
    next.world.sent = sent.filter((one) => one === running || (one.isOut && now < one.until));
    return next;
  };

  test.each(Object.entries(styles))('on a modem that %s', { timeout: 120_000 }, (_, style) => {
    const start: World = {
      now: 0,
      begun: 0,
      counter: 0,
      sent: [],
      running: undefined,
      echo: undefined,
    };
    const waiting: Situation[] = [{ world: start, debts: new Debts() }];
    const seen = new Set<string>();
    for (let situation = waiting.pop(); situation; situation = waiting.pop()) {
      for (const move of movesIn(style, situation)) {
        const next = after(situation, move);
        const { world, debts } = next;
        const key = JSON.stringify([world, debts.state]);
        if (seen.has(key)) continue;
        seen.add(key);
        const ends = debts.state.open.filter((until) => until > world.now + termTicks);
        if (ends.length > 0) expect.fail('a debt outlives its term');
        waiting.push(next);
      }
    }
    expect(seen.size).toBeGreaterThan(10_000);
  });
});
