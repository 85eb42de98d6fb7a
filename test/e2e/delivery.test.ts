import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { Rig } from './rig.js';

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

  it('is asked for where the caller wants it, and the modem says nothing against it', async () => {
    rig = await start('statuses=00', 200, '');
    const { body } = await rig.post({});
    expect(await read(body.id)).not.toHaveProperty('delivery');
    const asked = rig.modem.record().filter((entry) => entry.kind === 'accepted');
    expect(asked.map((entry) => entry.status_report_requested)).toEqual([false]);
  });
});
