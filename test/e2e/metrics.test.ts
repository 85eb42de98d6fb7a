import { afterEach, expect, test } from 'vitest';
import { openPolicy } from '../config-text.js';
import { Rig } from './rig.js';

let rig: Rig;
afterEach(() => rig.stop());

/** The samples of `/metrics`, by name and labels as they are written there. */
async function scrape(): Promise<Map<string, number>> {
  const response = await fetch(`http://127.0.0.1:${rig.adminPort}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await response.text())
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ \S+$/, ''), Number(/\S+$/.exec(line)?.[0])]));
}

const total = (samples: Map<string, number>, name: RegExp) =>
  [...samples].reduce((sum, [key, value]) => sum + (name.test(key) ? value : 0), 0);

test('the metrics tell what happened, and nobody’s number', async () => {
  rig = await Rig.start(
    [],
    openPolicy.replace('per_recipient = "off"', 'per_recipient = "2 in 10 min"'),
  );
  expect((await rig.post({ body: 'secret 417093' })).status).toBe(200);
  await rig.modem.control({ fault: 'cms:21' });
  expect((await rig.post({ body: 'secret 417094' })).status).toBe(502);
  expect((await rig.post({ body: 'secret 417095' })).status).toBe(429);
  const samples = await scrape();
  expect(total(samples, /^simgate_messages_total\{.*status="200"/)).toBe(1);
  expect(total(samples, /^simgate_messages_total\{.*code="network_refused"/)).toBe(1);
  expect(total(samples, /^simgate_messages_total\{.*code="rate_limited"/)).toBe(1);
  expect(total(samples, /^simgate_.*refus.*per_recipient/)).toBe(1);
  expect(total(samples, /^simgate_at_errors_total\{.*21/)).toBe(1);
  expect(total(samples, /^simgate_submit_duration_seconds_count\{.*main/)).toBe(2);
  const names = [...samples.keys()].join('\n');
  expect(names).not.toMatch(/5112345678|4170|Virtual Operator/);
  await rig.modem.control({ hangup: true, reattach_ms: 60_000 });
  await rig.until(({ event, phase }) => event === 'modem' && phase === 'lost');
  const away = await scrape();
  expect(total(samples, /^simgate_modem_phase\{.*phase="ready"/)).toBe(1);
  expect(total(away, /^simgate_modem_phase\{/)).toBe(1);
  expect(total(away, /^simgate_modem_phase\{.*phase="ready"/)).toBe(0);
});
