import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { OpenLink } from '../../src/serial/link.js';
import { plainHabits } from '../../src/simulator/report-habits.js';
import { type Supervised, send, stopAll, supervise, untilReady } from './supervised.js';
import { locatorOf, VirtualDevice } from './virtual-link.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await stopAll();
  vi.useRealTimers();
});

describe('the registration', () => {
  test('in 5G alone is enough', async () => {
    const device = new VirtualDevice({
      domains: { CREG: 0, CGREG: 0, CEREG: 0, C5GREG: 'network' },
    });
    const modem = supervise(device);
    await untilReady(modem);
    expect(modem.supervisor.snapshot().registration).toBe('home');
    expect(await send(modem, 'code 1')).toHaveLength(1);
  });

  test('at home in one domain counts although the first one says roaming', async () => {
    const device = new VirtualDevice({ domains: { CREG: 5, CGREG: 0 } });
    const modem = supervise(device, { roaming: false });
    await untilReady(modem);
    expect(modem.supervisor.snapshot().registration).toBe('home');
  });

  test('that is told without its <n> is believed, and looked at again', async () => {
    const device = new VirtualDevice({}, ['stat-alone']);
    const modem = supervise(device, {}, { idleProbeMs: 5_000 });
    await untilReady(modem);
    expect(modem.supervisor.snapshot().registration).toBe('home');
    expect(await send(modem, 'code 1')).toHaveLength(1);
    device.network.grant('denied');
    await vi.advanceTimersByTimeAsync(12_000);
    expect(modem.supervisor.snapshot()).toMatchObject({
      phase: 'registering',
      registration: 'denied',
    });
  });

  test('abroad in 5G alone is roaming', async () => {
    const device = new VirtualDevice({
      registration: 'roaming',
      domains: { CREG: 0, CGREG: 0, CEREG: 0, C5GREG: 'network' },
    });
    const modem = supervise(device, { roaming: false });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(modem.supervisor.snapshot()).toMatchObject({
      phase: 'registering',
      registration: 'roaming',
    });
  });
});

describe('the SMSC', () => {
  test('that the SIM lacks is told once in the log, and stays in the snapshot', async () => {
    const device = new VirtualDevice({ serviceCentre: '' });
    const modem = supervise(device);
    await untilReady(modem);
    const sentence = expect.stringContaining('set smsc = "+…" for this modem');
    expect(modem.supervisor.snapshot().notices).toEqual([{ kind: 'smsc', sentence }]);
    device.hangUp('kept', 500);
    await vi.advanceTimersByTimeAsync(5_000);
    await untilReady(modem);
    expect(modem.supervisor.snapshot().notices).toEqual([{ kind: 'smsc', sentence }]);
    expect(modem.warnings.filter((line) => line.includes('smsc ='))).toHaveLength(1);
    expect(await send(modem, 'code 1')).toBe('network_refused CMS 330 (smsc address unknown)');
  });

  test('that is configured stands in the PDU, and nothing is written to the SIM', async () => {
    const device = new VirtualDevice({ serviceCentre: '' });
    const modem = supervise(device, { smsc: '+491710760000' });
    await untilReady(modem);
    expect(modem.supervisor.snapshot().notices).toEqual([]);
    expect(await send(modem, 'code 1')).toHaveLength(1);
    expect(device.accepted()[0]).toMatchObject({ text: 'code 1', service_centre: '+491710760000' });
    expect(device.commands().filter((line) => line.startsWith('AT+CSCA='))).toEqual([]);
  });

  test.each([
    ['smsc-unwritten', 1],
    ['smsc-not-in-pdu', 1],
  ])(
    'that the modem does not know (%s) is given to it, once, with the message',
    async (fault, writes) => {
      const device = new VirtualDevice({}, [`${fault}@1`]);
      const modem = supervise(device);
      await untilReady(modem);
      expect(await send(modem, 'code 1')).toHaveLength(1);
      expect(await send(modem, 'code 2')).toHaveLength(1);
      expect(device.accepted().map(({ text }) => text)).toEqual(['code 1', 'code 2']);
      const written = device.commands().filter((line) => line.startsWith('AT+CSCA='));
      expect(written).toEqual(Array(writes).fill('AT+CSCA="+491710760000",145'));
    },
  );

  test('that the modem has lost again, after messages went out, is given to it again', async () => {
    const device = new VirtualDevice({}, ['cms:330@1', 'smsc-unwritten@4']);
    const modem = supervise(device);
    await untilReady(modem);
    for (const text of ['code 1', 'code 2', 'code 3', 'code 4'])
      expect(await send(modem, text)).toHaveLength(1);
    expect(device.commands().filter((line) => line.startsWith('AT+CSCA='))).toHaveLength(2);
  });

  test('that it misses before the prompt already is given to it as well', async () => {
    const device = new VirtualDevice();
    const modem = supervise(device);
    await untilReady(modem);
    device.begin('refuse:+CMGS=:CMS330:300');
    expect(await send(modem, 'code 1')).toHaveLength(1);
    expect(device.commands().filter((line) => line.startsWith('AT+CSCA='))).toHaveLength(1);
  });

  test('is named in each PDU where the modem knows it no other way', async () => {
    const device = new VirtualDevice({}, ['cms:330@1-9']);
    const modem = supervise(device);
    await untilReady(modem);
    expect(await send(modem, 'code 1')).toBe('network_refused CMS 330 (smsc address unknown)');
    expect(await send(modem, 'code 2')).toBe('network_refused CMS 330 (smsc address unknown)');
    expect(device.commands().filter((line) => line.startsWith('AT+CSCA='))).toHaveLength(1);
  });
});

describe('CSMS=1 left in the modem', () => {
  test('is set back, so that status reports keep coming', async () => {
    const device = new VirtualDevice({
      csms: 1,
      acknowledgeMs: 5_000,
      statusReports: true,
      statusReportDelayMs: 500,
    });
    const reports: string[] = [];
    const modem = supervise(
      device,
      { statusReport: true },
      { onInbound: (event) => reports.push(event.kind) },
    );
    await untilReady(modem);
    expect(device.modem.settings.csms).toBe(0);
    for (const text of ['one', 'two', 'three']) await send(modem, text);
    expect(reports).toEqual(Array(3).fill('status_report'));
  });

  test('and that stays has each report acknowledged, also those that come while sending', async () => {
    const device = new VirtualDevice({
      vendor: 'sim800',
      csms: 1,
      csmsIsFixed: true,
      acknowledgeMs: 5_000,
      submitLatencyMs: 2_000,
      statusReports: true,
      statusReportDelayMs: 500,
      reportHabits: { ...plainHabits, statuses: [[0x30, 0x00]], spreadMs: 3_000 },
    });
    const reports: string[] = [];
    const modem = supervise(
      device,
      { statusReport: true },
      { onInbound: (event) => reports.push(event.kind) },
    );
    await untilReady(modem);
    expect(device.modem.settings).toMatchObject({ csms: 1, cnmi: [2, 1, 0, 1, 0] });
    for (let n = 0; n < 6; n += 1) await send(modem, `code ${n}`, undefined, 3_500);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(reports).toHaveLength(12);
    expect(device.commands().filter((line) => line === 'AT+CNMA')).toHaveLength(12);
    expect(device.modem.settings.cnmi).toEqual([2, 1, 0, 1, 0]);
  });
});

describe('an init line', () => {
  test('is obeyed at each bring-up, also one that wants the SIM', async () => {
    const device = new VirtualDevice({ onlyCgsms: 0, pin: '4711' });
    const modem = supervise(
      device,
      { init: ['AT+CGSMS=0', 'AT+COPS=3,2'] },
      { readPin: () => Promise.resolve({ pin: '4711', generation: 'g1' }) },
    );
    await untilReady(modem);
    expect(modem.supervisor.snapshot().notices).toEqual([]);
    expect(device.modem.settings.copsFormat).toBe(2);
    expect(await send(modem, 'code 1')).toHaveLength(1);
  });

  test('that the modem refuses is told by number and command, and is not fatal', async () => {
    const device = new VirtualDevice();
    const modem = supervise(device, { init: ['AT+CGSMS=1', 'AT+NOSUCH=1,"user","password"'] });
    await untilReady(modem);
    const [notice] = modem.supervisor.snapshot().notices ?? [];
    expect(notice?.sentence).toContain('line 2 (+NOSUCH) of init');
    expect(notice?.sentence).not.toContain('password');
    expect(modem.warnings).toEqual([`modem main: ${notice?.sentence}`]);
    expect(await send(modem, 'code 1')).toHaveLength(1);
  });
});

describe('an init line that leaves the modem deaf', () => {
  test('is given up after the second time, and told; the others are obeyed', async () => {
    const device = new VirtualDevice();
    const openLink: OpenLink = async (listener) => {
      const link = await device.openLink(listener);
      let isDeaf = false;
      const write = (bytes: string) => {
        isDeaf ||= bytes.startsWith('AT+COPS=1');
        if (!isDeaf) link.write(bytes);
      };
      return { ...link, write };
    };
    const init = ['AT+COPS=1,2,"26201"', 'AT+CGSMS=3'];
    const modem = supervise(device, { init }, { locator: locatorOf(openLink) });
    await vi.advanceTimersByTimeAsync(90_000);
    await untilReady(modem);
    expect(device.modem.settings.cgsms).toBe(3);
    expect(modem.supervisor.snapshot().notices).toMatchObject([
      { kind: 'init', sentence: expect.stringContaining('line 1 (+COPS)') },
    ]);
    expect(device.commands().join(' ')).not.toContain('CFUN=1,1');
    expect(await send(modem, 'code 1')).toHaveLength(1);
  });
});

describe('what is good to know and not needed', () => {
  test.each(['mute', 'babble', 'refuse'])(
    'may be met with %s, and the modem gets ready and sends',
    async (kind) => {
      const device = new VirtualDevice();
      for (const command of ['+CSCA?', '+CSMS?', '+CCID', '+CGSMS=', '+C5GREG?'])
        device.begin(`${kind}:${command}${kind === 'refuse' ? ':ERROR' : ''}:86400000`);
      const modem = supervise(device, { init: ['AT+CGSMS=1'] }, { idleProbeMs: 10_000 });
      await vi.advanceTimersByTimeAsync(120_000);
      await untilReady(modem);
      const kinds = modem.supervisor.snapshot().notices?.map((notice) => notice.kind);
      if (kind !== 'babble') expect(kinds).toEqual(['init']);
      expect(await send(modem, 'code 1')).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(600_000);
      await untilReady(modem);
    },
  );
});

describe('an eSIM that changes to another profile', () => {
  const [first, second] = ['89490000000000000017', '8949000000000000002f'];

  test.each([
    ['+QUSIM: 1', 5_000],
    ['+CPIN: READY', 5_000],
    ['+QSTK: 1', 5_000],
    [undefined, 400_000], // in silence: it is looked at now and then
  ])('with the words %s is noticed: its caps and its PIN are its own', async (said, ms) => {
    const device = new VirtualDevice({ iccid: first });
    const modem = supervise(device);
    await untilReady(modem);
    expect(modem.supervisor.snapshot().iccid).toBe(first);
    device.modem.enableProfile(second, said);
    await vi.advanceTimersByTimeAsync(ms);
    await untilReady(modem);
    expect(modem.supervisor.snapshot().iccid).toBe('8949000000000000002');
    expect(await send(modem, 'code 1')).toHaveLength(1);
  });

  test('is brought up anew, its own SMSC and all', async () => {
    const device = new VirtualDevice({ iccid: first });
    const modem = supervise(device);
    const phases: string[] = [];
    await untilReady(modem);
    modem.supervisor.onPhase(({ phase, reason }) => phases.push(`${phase} ${reason ?? ''}`.trim()));
    device.modem.sim.serviceCentre = '';
    device.modem.enableProfile(second, '+QUSIM: 1');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(phases[0]).toBe('probing the SIM is another one (its ICCID has changed)');
    expect(modem.supervisor.snapshot().notices).toMatchObject([{ kind: 'smsc' }]);
  });
});

describe('a SIM that changes while messages are sent', () => {
  const [first, second] = ['89490000000000000017', '8949000000000000002f'];

  /** As the queue does: the next message as soon as the modem is ready. */
  async function sendWithoutPause(modem: Supervised, forMs: number) {
    const until = performance.now() + forMs;
    const next = () => {
      if (modem.supervisor.phase === 'ready' && performance.now() < until)
        void send(modem, 'code', undefined, 0);
    };
    const stop = modem.supervisor.onPhase(() => queueMicrotask(next));
    next();
    await vi.advanceTimersByTimeAsync(forMs);
    stop();
  }

  test.each(['+QUSIM: 1', '+CPIN: READY', '#QSS: 1'])(
    'with the words %s is noticed though no pause is between them',
    async (said) => {
      const device = new VirtualDevice({ iccid: first, submitLatencyMs: 1_500 });
      const modem = supervise(device);
      await untilReady(modem);
      setTimeout(() => device.modem.enableProfile(second, said), 5_000);
      await sendWithoutPause(modem, 60_000);
      expect(device.accepted().at(-1)?.iccid).toBe(second);
      expect(modem.supervisor.snapshot().iccid).toBe('8949000000000000002');
    },
  );

  test.each([
    ['+QUSIM: 1'],
    [undefined], // without a word
  ])(
    'takes none of the segments that are left (it says %s): nobody could put them together',
    async (said) => {
      const device = new VirtualDevice({ iccid: first, submitLatencyMs: 3_000 });
      const modem = supervise(device);
      await untilReady(modem);
      setTimeout(() => device.modem.enableProfile(second, said), 4_500);
      const long = 'x'.repeat(12 * 153);
      expect(await send(modem, long, undefined, 60_000)).toBe('partly_submitted undefined');
      // The second was on its way.
      expect(device.accepted().map(({ iccid }) => iccid)).toEqual([first, second]);
      await untilReady(modem);
      expect(modem.supervisor.snapshot().iccid).toBe('8949000000000000002');
      expect(await send(modem, long, undefined, 60_000)).toHaveLength(12);
    },
  );
});

describe('a modem that is registered and gets no message out', () => {
  const recipients = ['+4915112345671', '+4915112345672', '+4915112345673'];

  test('is told with the setting that will most likely help, which then does', async () => {
    const device = new VirtualDevice({
      onlyCgsms: 0,
      domains: { CREG: 0, CGREG: 0, C5GREG: 'unknown' },
    });
    const modem = supervise(device, {}, { idleProbeMs: 10_000 });
    await untilReady(modem);
    for (const recipient of recipients)
      expect(await send(modem, 'code', recipient)).toBe('outcome_unknown CMS 500 (unknown error)');
    await vi.advanceTimersByTimeAsync(20_000);
    const notice = modem.supervisor.snapshot().notices?.[0];
    expect(notice).toMatchObject({
      kind: 'sends',
      sentence: expect.stringContaining('every send fails (CMS 500'),
    });
    const advice = /init = \["(AT\+CGSMS=\d)"\]/.exec(notice?.sentence ?? '')?.[1] ?? '';
    const mended = supervise(new VirtualDevice({ onlyCgsms: 0, domains: { CREG: 0 } }), {
      init: [advice],
    });
    await untilReady(mended);
    expect(await send(mended, 'code 1')).toHaveLength(1);
  });

  test('is told the operator’s own lines again: it has lost them in a restart that nothing shows', async () => {
    // Silent, without an echo, and the next message has set PDU mode before anybody asks.
    const device = new VirtualDevice({ echo: false, onlyCgsms: 0 });
    const modem = supervise(device, { init: ['AT+CGSMS=0'] }, { idleProbeMs: 3_600_000 });
    await untilReady(modem);
    expect(await send(modem, 'code 1')).toHaveLength(1);
    device.begin('silent-restart:0');
    await vi.advanceTimersByTimeAsync(5_000);
    for (const recipient of recipients) await send(modem, 'code', recipient);
    await untilReady(modem);
    expect(await send(modem, 'code 2', recipients[0])).toHaveLength(1);
    expect(device.accepted().map(({ text }) => text)).toEqual(['code 1', 'code 2']);
  });

  test('has its radio switched on where it had fallen off, and its registration did not show it', async () => {
    const device = new VirtualDevice();
    const modem = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(modem);
    device.begin('radio-off-untold');
    for (const recipient of recipients)
      expect(await send(modem, 'code', recipient)).toMatch(/CMS 302/);
    await untilReady(modem);
    expect(await send(modem, 'code 1', recipients[0])).toHaveLength(1);
    expect(device.commands().filter((line) => line === 'AT+CFUN=1')).toHaveLength(1);
  });

  test.each(['cms:301', 'cms:512', 'cms-verbose:something else', 'prompt-refused:CME3'])(
    'is brought up anew where each is refused with %s',
    async (fault) => {
      const device = new VirtualDevice({}, [`${fault}@1-9`]);
      const modem = supervise(device, {}, { idleProbeMs: 3_600_000 });
      await untilReady(modem);
      const before = modem.phases.filter((phase) => phase === 'probing').length;
      for (const recipient of recipients) await send(modem, 'code', recipient, 20_000);
      await untilReady(modem);
      expect(modem.phases.filter((phase) => phase === 'probing')).toHaveLength(before + 1);
    },
  );

  test('is brought up anew for that once, until it has sent something', async () => {
    const device = new VirtualDevice({}, ['cms:500@1-9']);
    const modem = supervise(device, {}, { idleProbeMs: 3_600_000 });
    await untilReady(modem);
    const probings = () => modem.phases.filter((phase) => phase === 'probing').length;
    const before = probings();
    for (const recipient of [...recipients, ...recipients, ...recipients]) {
      await untilReady(modem);
      await send(modem, 'code', recipient);
    }
    expect(probings() - before).toBe(1);
    await untilReady(modem);
    expect(await send(modem, 'code 1')).toHaveLength(1);
  });

  test('is forgotten as soon as one gets through', async () => {
    const device = new VirtualDevice({}, ['cms:500@1-3']);
    const modem = supervise(device, {}, { idleProbeMs: 10_000 });
    await untilReady(modem);
    for (const recipient of recipients) await send(modem, 'code', recipient);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(modem.supervisor.snapshot().notices).toHaveLength(1);
    expect(await send(modem, 'code 1')).toHaveLength(1);
    expect(modem.supervisor.snapshot().notices).toEqual([]);
  });

  test('is not spoken of when it is one recipient whom nothing reaches', async () => {
    const device = new VirtualDevice({}, ['cms:38@1-9']);
    const modem = supervise(device, {}, { idleProbeMs: 10_000 });
    await untilReady(modem);
    for (const recipient of Array<string>(4).fill('+4915112345671'))
      await send(modem, 'code', recipient);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(modem.supervisor.snapshot().notices).toEqual([]);
  });
});
