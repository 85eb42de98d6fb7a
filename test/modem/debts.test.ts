import { describe, expect, test } from 'vitest';
import { Debts } from '../../src/modem/debts.js';

const term = 100;

/** A modem that counts, and has sent `last`. */
function counting(last: number): Debts {
  const debts = new Debts();
  for (const reference of [last - 1, last]) {
    debts.begin(term);
    expect(debts.takeReference((reference + 256) % 256, 0)).toBe((reference + 256) % 256);
  }
  return debts;
}

function owe(debts: Debts, until: number): void {
  debts.begin(until);
  debts.giveUp(0);
}

describe('with a debt open', () => {
  test('only the reference after the missing one is proof', () => {
    const debts = counting(254);
    owe(debts, 100); // 255
    debts.begin(200);
    expect(debts.takeReference(255, 1), 'the missing one').toBeUndefined();
    expect(debts.takeReference(0, 2), 'references wrap at 255').toBe(0);
    expect(debts.outstanding(2), 'and the missing one has come').toBe(0);
  });

  test('a reference of our own is proof while the older one is still out, and pays nothing', () => {
    const debts = counting(10);
    owe(debts, 100);
    debts.begin(200);
    expect(debts.takeReference(12, 1)).toBe(12);
    expect(debts.outstanding(99)).toBe(1);
    expect(debts.outstanding(101)).toBe(0);
  });

  test('an error decides nothing, however many results have proven themselves since', () => {
    const debts = counting(10);
    owe(debts, 1000);
    for (let sent = 0; sent < 8; sent += 1) {
      debts.begin(2000);
      expect(debts.takeReference(12 + sent, 1)).toBe(12 + sent);
    }
    debts.begin(2000);
    expect(debts.takeError(2), 'it may be the oldest one’s').toBe(false);
    expect(debts.takeReference(20, 3), 'our own came after it').toBe(20);
    debts.begin(2000);
    expect(debts.takeError(1001), 'after the last term it is ours').toBe(true);
  });

  test('as many different references as submits are out: all were taken, ours among them', () => {
    const debts = new Debts();
    owe(debts, 100);
    debts.begin(200);
    expect(debts.takeReference(7, 1)).toBeUndefined();
    expect(debts.takeReference(7, 1), 'said twice').toBeUndefined();
    expect(debts.takeReference(8, 2)).toBe(8);
    expect(debts.outstanding(2)).toBe(0);
  });

  test('a constant reference proves nothing, and its term alone counts', () => {
    const debts = new Debts();
    for (let sent = 0; sent < 3; sent += 1) {
      debts.begin(100);
      expect(debts.takeReference(0, 0)).toBe(0);
    }
    owe(debts, 100);
    debts.begin(150);
    expect(debts.takeReference(0, 50)).toBeUndefined();
    expect(debts.doubt).toEqual({ because: 'debts', until: 150 });
    debts.giveUp(150);
    expect(debts.outstanding(150)).toBe(0);
    debts.begin(300);
    expect(debts.takeReference(0, 151), 'no endless 504').toBe(0);
  });
});

describe('after a debt that ended unpaid', () => {
  test('an unexpected reference is doubted, until one proves itself', () => {
    const debts = counting(10);
    owe(debts, 100); // 11
    debts.begin(300);
    expect(debts.takeReference(11, 200), 'later than any term').toBeUndefined();
    expect(debts.doubt?.because).toBe('suspicion');
    expect(debts.takeReference(12, 201)).toBe(12);
    debts.begin(400);
    expect(debts.takeReference(77, 300), 'proven since: nothing is doubted any more').toBe(77);
  });

  test('a modem that did not count the lost one costs one message', () => {
    const debts = counting(10);
    owe(debts, 100);
    debts.begin(300);
    expect(debts.takeReference(11, 200)).toBeUndefined();
    debts.giveUp(210);
    debts.begin(400);
    expect(debts.takeReference(12, 220)).toBe(12);
  });

  test('a modem that never counted costs none, and one that counts no more two', () => {
    const never = new Debts();
    for (const reference of [5, 90]) {
      never.begin(0);
      expect(never.takeReference(reference, 0)).toBe(reference);
    }
    owe(never, 100);
    never.begin(300);
    expect(never.takeReference(3, 200)).toBe(3);

    const noMore = counting(10);
    owe(noMore, 100);
    for (const [reference, isOurs] of [
      [50, false],
      [90, false],
      [20, true],
    ] as const) {
      noMore.begin(300);
      expect(noMore.takeReference(reference, 200)).toBe(isOurs ? reference : undefined);
      noMore.giveUp(210);
    }
  });
});

describe('what comes while nothing is out', () => {
  test('pays: a reference any debt, an error the only one', () => {
    const debts = counting(10);
    owe(debts, 100);
    debts.takeLateReference(11, 1);
    debts.takeLateReference(11, 1);
    expect(debts.outstanding(1)).toBe(0);
    owe(debts, 100);
    owe(debts, 100);
    debts.takeLateError(2);
    expect(debts.outstanding(2), 'whose it is nobody knows').toBe(2);
    debts.takeLateReference(12, 3);
    debts.takeLateError(4);
    expect(debts.outstanding(4)).toBe(0);
  });

  test('a restart voids all', () => {
    const debts = counting(10);
    owe(debts, 100);
    debts.restarted();
    debts.begin(200);
    expect(debts.takeReference(200, 1)).toBe(200);
  });
});

test('what a process leaves, with a submit out, is the next one’s debt', () => {
  const debts = counting(10);
  debts.begin(100);
  const left = debts.note(40);
  expect(left).toMatchObject({ open: 1, remainingMs: 60, base: 10, since: 1 });
  const after = Debts.after(left, 1000);
  after.begin(2000);
  expect(after.takeReference(11, 1059)).toBeUndefined();
  expect(after.takeReference(12, 1059)).toBe(12);
});

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
