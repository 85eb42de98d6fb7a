import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** Of Debian's package; other browsers are not looked for. */
const executablePath = '/usr/bin/chromium';

export const views = ['', 'messages', 'history', 'policy', 'callers'] as const;

/** `sandbox`: root has none. */
export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);

/** A tab of which everything is kept that a browser complains of. */
export class Tab {
  readonly page: Page;
  readonly complaints: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText;
      // A stream, and what was still on its way, ends with its page.
      if (why !== 'net::ERR_ABORTED') this.complaints.push(`${request.url()}: ${why}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 400) this.complaints.push(`${response.status()} ${response.url()}`);
    });
  }

  static async open(context: BrowserContext): Promise<Tab> {
    const page = await context.newPage();
    const tab = new Tab(page);
    await page.exposeFunction('tellViolation', (what: string) => tab.complaints.push(what));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        const { tellViolation } = globalThis as unknown as { tellViolation: (s: string) => void };
        tellViolation(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    return tab;
  }

  /** Goes there, and waits until it is told of changes, or of what is plotted. */
  async go(url: string): Promise<void> {
    await this.page.goto(url);
    await this.page.waitForFunction(() => document.getElementById('live')?.textContent === 'Live.');
    if (url.endsWith('/history')) await this.page.waitForSelector('#plots .uplot');
  }

  /** What axe-core finds that is serious or critical, as `rule: element`. */
  async axe(): Promise<string[]> {
    await this.page.evaluate(axeSource);
    return this.page.evaluate(async () => {
      interface Found {
        violations: { id: string; impact: string; nodes: { html: string }[] }[];
      }
      const { axe } = globalThis as unknown as { axe: { run(): Promise<Found> } };
      const { violations } = await axe.run();
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    });
  }

  text(selector: string): Promise<string> {
    return this.page.innerText(selector);
  }

  /** Waits until the text of an element fits; the test's own timeout is the limit. */
  async until(selector: string, fits: RegExp): Promise<void> {
    await this.page.waitForFunction(
      ([where, source]) =>
        new RegExp(source!).test(document.querySelector<HTMLElement>(where!)?.innerText ?? ''),
      [selector, fits.source],
      { timeout: 60_000 },
    );
  }

  /** Into the folder of `SCREENSHOTS`, where there is one. */
  async shoot(name: string): Promise<void> {
    const folder = process.env.SCREENSHOTS;
    if (folder === undefined) return;
    await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }
}
