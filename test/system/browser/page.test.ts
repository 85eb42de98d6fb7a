/**
 * The page in a real browser: each view on a desk and on a telephone, dark and light, with a
 * keyboard, without script, under a path of a proxy, and what changes while it is looked at. With
 * `SCREENSHOTS=FOLDER` it leaves pictures there; two of them, with fewer colours, are in docs/.
 */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Rig } from '../../e2e/rig.js';
import { VirtualModem } from '../../faults/virtual-modem.js';
import { proxyUnder, restartWith, startWithHistory } from './rig.js';
import { openBrowser, Tab, views } from './tab.js';

const root = join(import.meta.dirname, '../../..');
const desk = { width: 1_100, height: 780 };
const telephone = { width: 390, height: 800 };

let rig: Rig;
let browser: Browser;
beforeAll(async () => {
  [rig, browser] = await Promise.all([startWithHistory(), openBrowser()]);
  for (let last = 10; last < 16; last += 1)
    expect((await rig.post({ recipient: `+49151123456${last}` })).status).toBe(200);
  await rig.modem.control({ fault: 'cms:38', submits: 1 });
  expect((await rig.post({ recipient: '+4366412345616' })).status).toBe(502);
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
});

async function openTab(options: Parameters<Browser['newContext']>[0] = {}): Promise<Tab> {
  const context = await browser.newContext({ viewport: desk, ...options });
  onTestFinished(() => context.close());
  return Tab.open(context);
}

const at = (path: string) => `http://127.0.0.1:${rig.adminPort}/${path}`;

for (const colorScheme of ['light', 'dark'] as const)
  for (const [name, viewport] of Object.entries({ desk, telephone }))
    test(`each view, ${colorScheme}, on a ${name}: nothing to complain of, and all may read it`, async () => {
      const tab = await openTab({ colorScheme, viewport });
      for (const view of views) {
        await tab.go(at(view));
        expect(await tab.text('#verdict')).toMatch(/^▲ Ready, with trouble: 1 of 2 modems\./);
        expect(await tab.axe(), view).toEqual([]);
        const overhang = await tab.page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(overhang, `${view} is wider than the screen`).toBeLessThanOrEqual(0);
        await tab.shoot(`page-${view || 'now'}-${colorScheme}-${name}`);
      }
      expect(tab.complaints).toEqual([]);
    });

test('a message that is sent stands in the list, and in the sentence, without a reload', async () => {
  const [list, now] = [await openTab(), await openTab()];
  await list.go(at('messages?status=200'));
  await now.go(at(''));
  await rig.post({ recipient: '+4915112345677' });
  await list.until('#rows tr:first-child', /\+49…77/);
  // Not what the filter leaves out.
  await rig.modem.control({ fault: 'cms:38', submits: 1 });
  await rig.post({ recipient: '+4915112345678' });
  await rig.post({ recipient: '+4915112345679' });
  await list.until('#rows tr:first-child', /\+49…79/);
  expect(await list.text('#rows')).not.toContain('+49…78');
  await now.until('#last', /^Last code [0-9] s ago/);
  expect([...list.complaints, ...now.complaints]).toEqual([]);
});

test('an unplugged modem is told within seconds, with what to do, and so is its return', async () => {
  const tab = await openTab();
  await tab.go(at(''));
  await tab.until('#modem-main', /main ● ready/);
  await rig.modem.control({ hangup: true, reattach_ms: 4_000 });
  await tab.until('#verdict', /NOT ready/);
  expect(await tab.text('#verdict .do')).toMatch(/simgate modems/);
  expect(await tab.page.title()).toContain('NOT ready');
  await tab.shoot('page-now-unplugged');
  await tab.until('#verdict', /with trouble: 1 of 2/);
  await tab.until('#modem-main', /main ● ready/);
  expect(tab.complaints).toEqual([]);
});

test('modems that a reload brings, changes and takes away are there, changed and gone on the open page', async () => {
  const [now, list] = [await openTab(), await openTab()];
  await now.go(at(''));
  await list.go(at('messages'));
  const second = await VirtualModem.start(rig.folder, 'second', ['--iccid', '8949000000000000028']);
  onTestFinished(() => second.stop());
  const was = readFileSync(rig.configFile, 'utf8');
  const reload = async (text: string) => {
    const from = rig.log.length;
    writeFileSync(rig.configFile, text);
    process.kill(rig.daemon.pid, 'SIGHUP');
    await rig.until(({ event }) => event === 'reloaded', from);
  };
  const entry = `[[modem]]\nname = "second"\ndevice = "${second.link}"\nguard_ms = 0\n`;
  await reload(`${was}\n${entry}per_day = 7\n`);
  await now.until('#modem-second', /second ● ready/);
  await now.until('#verdict', /2 of 3 modems/);
  expect(await now.text('#modem-second')).toContain('0 of 7');
  await list.until('select[name=modem]', /second/);
  await list.until('#live', /^Live/);
  await reload(`${was}\n${entry}per_day = 9\n`);
  await now.until('#modem-second', /0 of 9/);
  await reload(was);
  await now.until('#verdict', /1 of 2 modems/);
  await now.until('#live', /^Live/);
  expect(await now.page.locator('.card').count()).toBe(2);
  expect(await now.page.locator('#modem-second').count()).toBe(0);
  expect([...now.complaints, ...list.complaints]).toEqual([]);
});

test('without script the truth is there, and is looked for again by itself', async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(at(''));
  expect(await page.innerText('#verdict')).toContain('1 of 2 modems');
  expect(await page.locator('meta[http-equiv=refresh]').count()).toBe(1);
  await page.goto(at('messages'));
  expect(await page.innerText('#rows')).toContain('network_refused');
  await page.selectOption('select[name=status]', '502');
  await page.click('text=Filter');
  expect(await page.innerText('#rows')).not.toContain('accepted');
});

test('a keyboard reaches the content first, and opens what a code means', async () => {
  const tab = await openTab();
  await tab.go(at('messages?code=network_refused'));
  await tab.page.keyboard.press('Tab');
  expect(await tab.text(':focus')).toBe('Skip to the content');
  await tab.page.keyboard.press('Enter');
  await tab.page.focus('#rows summary');
  await tab.page.keyboard.press('Enter');
  expect(await tab.text('#rows')).toContain('The network or the modem refused the message');
});

test('a number is judged by the rules alone where anybody could ask', async () => {
  const tab = await openTab();
  await tab.go(at('policy'));
  await tab.page.fill('input[name=to]', '+4915112345677');
  await tab.page.click('text=Explain');
  expect(await tab.text('.told')).toContain('+49…77: the rules let it in');
  expect(await tab.text('.told')).not.toContain('per_recipient');
  expect(tab.page.url()).not.toContain('4915112345677');
  await tab.go(at('messages'));
  expect(await tab.page.locator('input[name=to]').count()).toBe(0);
  expect(tab.complaints).toEqual([]);
});

test('with a password, at a socket, under a path of a proxy: signed in, searched, signed out', async () => {
  const cli = join(root, 'dist/cli.js');
  execFileSync(process.execPath, [cli, 'admin', 'password', '--config', rig.configFile], {
    input: 'correct horse battery\n',
  });
  await restartWith(rig, 'listen = "unix:admin.sock"\npassword_file = "admin-password"');
  const proxy = await proxyUnder('/simgate/', join(rig.folder, 'admin.sock'));
  onTestFinished(proxy.close);
  const tab = await openTab();
  await tab.page.goto(proxy.url);
  expect(new URL(tab.page.url()).pathname).toBe('/simgate/login');
  await tab.page.fill('input[name=password]', 'wrong password');
  await tab.page.keyboard.press('Enter');
  await tab.until('[role=alert]', /That is not the password/);
  expect(await tab.axe()).toEqual([]);
  expect(tab.complaints.splice(0).join()).toMatch(/403/);
  await tab.page.fill('input[name=password]', 'correct horse battery');
  await tab.page.keyboard.press('Enter');
  await tab.until('#live', /^Live/);
  for (const view of views) await tab.go(`${proxy.url}${view}`);
  await tab.go(`${proxy.url}messages`);
  await tab.page.fill('input[name=to]', '+4915112345677');
  await tab.page.click('text=Search');
  await tab.until('#main', /The newest messages to \+49…77/);
  expect(await tab.page.locator('#rows tr').count()).toBe(1);
  expect(await tab.page.content()).not.toContain('15112345677');
  await tab.page.click('text=Sign out');
  expect(new URL(tab.page.url()).pathname).toBe('/simgate/login');
  await tab.page.goto(`${proxy.url}messages`);
  expect(new URL(tab.page.url()).pathname).toBe('/simgate/login');
  expect(tab.complaints).toEqual([]);
}, 120_000);

test('the pictures in the README are there, and small', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const named = [...readme.matchAll(/docs\/(page-[\w-]+\.png)/g)].map(([, name]) => name!);
  const there = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.png'));
  expect(there.sort()).toEqual(named.sort());
  expect(there).toHaveLength(2);
  for (const name of there) expect(statSync(join(root, 'docs', name)).size).toBeLessThan(100_000);
});
