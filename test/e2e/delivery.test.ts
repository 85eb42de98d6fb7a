import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { Rig, secret } from './rig.js';

const run = promisify(execFile);
const cli = resolve(import.meta.dirname, '../../dist/cli.js');

describe('what the network reports', { timeout: 60_000 }, () => {
  let rig: Rig;
  afterEach(() => rig.stop());

  const start = (habits: string, delayMs: number, config = 'status_report = true') =>
    Rig.start(
      ['--status-reports', '--status-report-delay', String(delayMs), '--report-habits', habits],
      config,
    );
  const read = async (id: unknown) => {
    const response = await fetch(`http://127.0.0.1:${rig.port}/sms/${String(id)}`, {
      headers: { authorization: `Bearer ${rig.token}` },
    });
    return (await response.json()) as { state: string; delivery?: Record<string, unknown> };
  };
  const simgate = async (...args: string[]) =>
    (await run(process.execPath, [cli, ...args, '--config', rig.configFile])).stdout;

  it('is told to its caller, in the log and in the metrics, however the number is spelled', async () => {
    rig = await start('statuses=30-00,spelling=national,copies=2,early=yes', 300);
    const { status, body } = await rig.post({});
    expect(status).toBe(200);
    await rig.until(({ event, state }) => event === 'delivery' && state === 'delivered');
    const { state, delivery } = await read(body.id);
    expect(state).toBe('delivered');
    expect(delivery).toMatchObject({ state: 'delivered', tp_status: 0 });
    const row = JSON.parse(await simgate('log', '--json')) as Record<string, unknown>;
    expect(row).toMatchObject({ id: body.id, delivery: { state: 'delivered' } });
    expect(await simgate('log')).toMatch(/ delivered after \d+\.\d s$/m);
    const metrics = await (await fetch(`http://127.0.0.1:${rig.adminPort}/metrics`)).text();
    expect(metrics).toContain('simgate_deliveries_total{country="DE",state="delivered"} 1');
    expect(metrics).toContain('simgate_status_reports_total{modem="main",outcome="ambiguous"} 0');
    expect(rig.raw).not.toContain('15112345678');
  });

  it('is matched to what an earlier process sent', async () => {
    // What is handed over while nobody is at the tty is lost: the next process is there by then.
    rig = await start('statuses=46', 15_000);
    const { body } = await rig.post({});
    expect((await read(body.id)).delivery).toEqual({ state: 'none' });
    await rig.daemon.end('SIGKILL');
    const from = rig.log.length;
    await rig.startDaemon();
    const told = await rig.until(({ event }) => event === 'delivery', from);
    expect(told).toMatchObject({ id: body.id, state: 'expired' });
    const { state, delivery } = await read(body.id);
    expect([state, delivery?.state]).toEqual(['sent', 'expired']);
  });

  it('proves that a message went out whose result nobody saw', async () => {
    rig = await start('statuses=00', 1_500, 'status_report = true\nsubmit_timeout_s = 4');
    await rig.modem.control({ fault: 'silence:2000' });
    const { body } = await rig.post({}, { headers: { prefer: 'wait=1' } });
    expect(body).toMatchObject({ code: 'outcome_unknown' });
    await rig.until(({ event, state }) => event === 'delivery' && state === 'delivered');
    expect((await read(body.id)).state).toBe('delivered');
  });

  it.each([
    ['a modem that asks for none', '', true, [false, true]],
    ['a modem that asks for all', 'status_report = true\n', false, [true, false]],
  ])('is asked for as the caller wants it, through %s', async (_, ofModem, ofCaller, wanted) => {
    const caller = `[[caller]]\nname = "other"\nkind = "bearer"\npath = "/other"\nsecret_file = "secret"\nstatus_report = ${ofCaller}\n`;
    rig = await start('statuses=00', 200, `${ofModem}${caller}`);
    const auth0 = await rig.post({});
    const heard = ofCaller ? [] : [rig.until(({ event }) => event === 'delivery')];
    await Promise.all(heard);
    const told = rig.until(({ event }) => event === 'delivery', rig.log.length);
    const response = await fetch(`http://127.0.0.1:${rig.port}/other`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ recipient: '+4915112345679', body: 'Your code is 290417' }),
    });
    expect(response.status).toBe(200);
    if (ofCaller) await told;
    // By the network's record: TP-SRR is bit 5 of the first octet (3GPP TS 23.040 9.2.3.5).
    const accepted = rig.modem.record().filter((entry) => entry.kind === 'accepted');
    expect(
      accepted.map(({ tpdu }) => (Number.parseInt(tpdu.slice(0, 2), 16) & 0x20) !== 0),
    ).toEqual(wanted);
    const reports = rig.modem.record().filter((entry) => entry.kind === 'status_report');
    expect(reports.map(({ of }) => of)).toEqual(wanted.flatMap((is, n) => (is ? [n + 1] : [])));
    const { delivery } = await read(auth0.body.id);
    expect(delivery?.state).toBe(ofCaller ? undefined : 'delivered');
  });
});
