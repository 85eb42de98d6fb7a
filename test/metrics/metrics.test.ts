import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import {
  AtCancelled,
  AtCommandError,
  AtLinkLost,
  AtNoResult,
  AtTimeout,
} from '../../src/at/errors.js';
import { parseFinalResult } from '../../src/at/lines.js';
import { sendErrorCodes } from '../../src/errors.js';
import { problems } from '../../src/http/problem.js';
import { sampleOf, samplesOf, someMetrics, wellDaemon, wellModem } from './support/samples.js';

/** What a submit throws when the modem answers with this final result code. */
function answeredWith(line: string): AtCommandError {
  const final = parseFinalResult(line);
  if (final === undefined || final === 'OK') throw new Error(`${line} is no error`);
  return new AtCommandError('AT+CMGS=20', final, 'result', []);
}

it('the whole text is as in the golden file', async () => {
  const metrics = someMetrics(() => ({
    grade: 'degraded',
    waiting: 3,
    maxWaiting: 50,
    clockIsSet: true,
    modems: [
      {
        ...wellModem,
        phase: 'sending',
        caps: { perDay: 200, perMonth: 3000, recipientsPerMonth: undefined },
        used: { dayCount: 180, monthCount: 420, monthRecipients: 77 },
        credit: { amount: 12.5, validUntilMs: 1_800_000_000_000, answeredAtMs: 1_700_000_000_000 },
      },
      {
        ...wellModem,
        name: 'backup',
        phase: 'registering',
        registration: 'denied',
        signalDbm: undefined,
      },
    ],
    journal: { isOk: false, pending: 12, droppedRows: 4, skippedRefusals: 31 },
    alerts: {
      open: [{ severity: 'severe' }],
      ways: [
        { name: 'telephone', waiting: 2, delivered: 5, failed: 3, failing: { why: 'it hangs' } },
        { name: 'mail', waiting: 0, delivered: 7, failed: 0, failing: undefined },
      ],
    },
    shared: { isUp: false, untold: 7, unanswered: 9 },
  }));
  metrics.answered({ caller: 'auth0', waitedMs: 2, tookMs: 2_400 });
  metrics.answered({ caller: 'auth0', waitedMs: 6_000, tookMs: 12_000 });
  metrics.answered({ code: 'token_invalid' });
  metrics.answered({ caller: 'auth0', code: 'outcome_unknown' });
  metrics.callerLeft();
  metrics.refused({ reason: 'per_recipient' });
  metrics.submitEnded({ modem: 'main', tookMs: 2_398, submitted: 'yes' });
  metrics.submitEnded({ modem: 'backup', tookMs: 181_000, submitted: 'unknown' });
  metrics.lateResult({ modem: 'main', submitted: 'yes' });
  metrics.failedOver({ from: 'backup', to: 'main' });
  metrics.atError({ modem: 'main', cause: answeredWith('+CMS ERROR: 38') });
  metrics.atError({ modem: 'backup', cause: new AtTimeout('AT+CMGS=20', 'result', []) });
  metrics.recovery({ modem: 'backup', rung: 'reset' });
  metrics.journalFault({ kind: 'full' });
  metrics.report({ modem: 'main', outcome: 'matched' });
  metrics.delivery({ country: 'DE', state: 'delivered', tookMs: 4_000 });
  metrics.delivery({ country: 'AT', state: 'expired', tookMs: undefined });
  await expect(await metrics.text()).toMatchFileSnapshot('./metrics.golden.txt');
});

describe('answers', () => {
  it('every code begins at 0 with the status that its answer has', async () => {
    const text = await someMetrics().text();
    const counted = samplesOf(text).filter(({ name }) => name === 'simgate_messages_total');
    expect(counted.every(({ value }) => value === 0)).toBe(true);
    for (const caller of ['auth0', '']) {
      const own = counted.filter(({ labels }) => labels.caller === caller);
      expect(own.map(({ labels }) => `${labels.code} ${labels.status}`).sort()).toEqual(
        [
          'sent 200',
          'promised 202',
          ...sendErrorCodes.map((code) => `${code} ${problems[code].status}`),
        ].sort(),
      );
    }
  });

  it.each(sendErrorCodes)(
    '%s is counted once, and is no time that a person waited for a message',
    async (code) => {
      const metrics = someMetrics();
      metrics.answered({ code, caller: 'auth0' });
      const labels = { code, caller: 'auth0' };
      expect(await sampleOf(metrics, 'simgate_messages_total', labels)).toBe(1);
      const all = samplesOf(await metrics.text()).filter(
        ({ name }) => name === 'simgate_messages_total',
      );
      expect(all.reduce((sum, { value }) => sum + value, 0)).toBe(1);
      expect(await sampleOf(metrics, 'simgate_message_duration_seconds_count')).toBe(0);
    },
  );

  it('a repeat that is told an earlier result is an answer, and no time that a person waited', async () => {
    const metrics = someMetrics();
    metrics.answered({ caller: 'auth0', isReplay: true, waitedMs: 1, tookMs: 9_000 });
    const labels = { code: 'sent', caller: 'auth0' };
    expect(await sampleOf(metrics, 'simgate_messages_total', labels)).toBe(1);
    expect(await sampleOf(metrics, 'simgate_message_duration_seconds_count')).toBe(0);
    expect(await sampleOf(metrics, 'simgate_message_wait_seconds_count')).toBe(0);
  });

  it('milliseconds are shown as seconds', async () => {
    const metrics = someMetrics();
    metrics.answered({ waitedMs: 250, tookMs: 3_250 });
    metrics.submitEnded({ modem: 'main', tookMs: 3_000, submitted: 'yes' });
    expect(await sampleOf(metrics, 'simgate_message_wait_seconds_sum')).toBe(0.25);
    expect(await sampleOf(metrics, 'simgate_message_duration_seconds_sum')).toBe(3.25);
    expect(await sampleOf(metrics, 'simgate_submit_duration_seconds_sum', { modem: 'main' })).toBe(
      3,
    );
    const upTo3 = { modem: 'main', le: '3' };
    expect(await sampleOf(metrics, 'simgate_submit_duration_seconds_bucket', upTo3)).toBe(1);
  });
});

describe('AT errors', () => {
  it.each([
    ['+CMS ERROR: 38', 'cms', '38'],
    ['+CMS ERROR: 511', 'cms', '511'],
    ['+CMS ERROR: 512', 'cms', 'other'],
    ['+CMS ERROR: 99999', 'cms', 'other'],
    ['+CME ERROR: 10', 'cme', '10'],
    ['+CME ERROR: SIM not inserted', 'cme', 'other'],
    ['ERROR', 'error', ''],
    ['COMMAND NOT SUPPORT', 'error', ''],
  ])('%s is counted as %s %s', async (line, kind, code) => {
    const metrics = someMetrics();
    metrics.atError({ modem: 'main', cause: answeredWith(line) });
    const counted = samplesOf(await metrics.text()).filter(
      ({ name }) => name === 'simgate_at_errors_total',
    );
    expect(counted).toEqual([
      { name: 'simgate_at_errors_total', labels: { modem: 'main', kind, code }, value: 1 },
    ]);
  });

  it.each([
    ['timeout', new AtTimeout('AT+CMGS=20', 'result', [])],
    ['no_result', new AtNoResult('AT+CMGS=20')],
    ['link_lost', new AtLinkLost('AT+CMGS=20', 'result', new Error('gone'))],
    ['settings_lost', new AtCancelled('AT+CMGS=20', 'reset')],
  ])('a modem that gave no error at all is counted as %s', async (kind, cause) => {
    const metrics = someMetrics();
    metrics.atError({ modem: 'main', cause });
    expect(
      await sampleOf(metrics, 'simgate_at_errors_total', { modem: 'main', kind, code: '' }),
    ).toBe(1);
  });

  it.each([
    ['a caller who withdrew', new AtCancelled('AT+CMGS=20', 'caller')],
    ['an answer that may be for an earlier message', undefined],
    ['a bug', new TypeError('x is not a function')],
  ])('%s is no error of the modem', async (_title, cause) => {
    const metrics = someMetrics();
    metrics.atError({ modem: 'main', cause });
    expect(await metrics.text()).not.toContain('simgate_at_errors_total{');
  });
});

describe('labels', () => {
  it('stay bounded whatever a modem says', async () => {
    const metrics = someMetrics();
    for (let n = 0; n < 20_000; n += 1) {
      metrics.atError({ modem: 'main', cause: answeredWith(`+CMS ERROR: ${n}`) });
      metrics.atError({ modem: 'main', cause: answeredWith(`+CME ERROR: from the air ${n}`) });
    }
    const samples = samplesOf(await metrics.text());
    const errors = samples.filter(({ name }) => name === 'simgate_at_errors_total');
    expect(errors).toHaveLength(512 + 1 + 1);
    expect(errors.find(({ labels }) => labels.kind === 'cme')).toMatchObject({
      labels: { code: 'other' },
    });
  });

  it('a modem’s name may hold what the text format must escape', async () => {
    const name = 'Büro "2"\\\n#';
    const metrics = someMetrics(() => ({ ...wellDaemon, modems: [{ ...wellModem, name }] }));
    expect(await metrics.text()).toContain('simgate_sim_suspect{modem="Büro \\"2\\"\\\\\\n#"} 0\n');
    samplesOf(await metrics.text());
  });
});

describe('states', () => {
  it('a modem is in exactly one phase', async () => {
    const text = await someMetrics().text();
    const phases = samplesOf(text).filter(({ name }) => name === 'simgate_modem_phase');
    expect(phases).toHaveLength(10);
    expect(phases.filter(({ value }) => value === 1).map(({ labels }) => labels.phase)).toEqual([
      'ready',
    ]);
  });

  it('what is unknown is not shown, and what was shown once is gone when it is not known any more', async () => {
    let modem = wellModem;
    const metrics = someMetrics(() => ({ ...wellDaemon, modems: [modem] }));
    expect(await sampleOf(metrics, 'simgate_modem_signal_dbm', { modem: 'main' })).toBe(-71);
    modem = { ...wellModem, phase: 'lost', registration: undefined, signalDbm: undefined };
    expect(await sampleOf(metrics, 'simgate_modem_signal_dbm')).toBeUndefined();
    const text = await metrics.text();
    const registrations = samplesOf(text).filter(
      ({ name }) => name === 'simgate_modem_registration',
    );
    expect(registrations).toHaveLength(5);
    expect(registrations.every(({ value }) => value === 0)).toBe(true);
  });

  it('a modem that a reload took away is gone', async () => {
    const caps = { perDay: 2, perMonth: undefined, recipientsPerMonth: undefined };
    let modems = [wellModem, { ...wellModem, name: 'spare', caps }];
    const metrics = someMetrics(() => ({ ...wellDaemon, modems }));
    expect(await metrics.text()).toContain('modem="spare"');
    modems = [wellModem];
    expect(await metrics.text()).not.toContain('modem="spare"');
  });

  it('what the journal lost and left out is counted, however often it is read', async () => {
    const journal = { isOk: true, pending: 0, droppedRows: 5, skippedRefusals: 40 };
    const metrics = someMetrics(() => ({ ...wellDaemon, journal }));
    await metrics.text();
    journal.droppedRows = 7;
    journal.skippedRefusals = 41;
    await metrics.text();
    expect(await sampleOf(metrics, 'simgate_journal_dropped_rows_total')).toBe(7);
    expect(await sampleOf(metrics, 'simgate_journal_skipped_refusals_total')).toBe(41);
  });
});

it('two daemons in one process count apart', async () => {
  const [one, other] = [someMetrics(), someMetrics()];
  one.callerLeft();
  expect(await sampleOf(one, 'simgate_callers_left_total')).toBe(1);
  expect(await sampleOf(other, 'simgate_callers_left_total')).toBe(0);
});

it('of prom-client only the parts that are used take memory', () => {
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  expect(loaded.some((file) => file.endsWith('/prom-client/lib/registry.js'))).toBe(true);
  expect(
    loaded.filter((file) => /prom-client\/index\.js|@opentelemetry|tdigest/.test(file)),
  ).toEqual([]);
});
