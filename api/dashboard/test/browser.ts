import { type Browser, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core';
import { type FoundProgram, findTestProgram } from '#test/harness/system-packages.ts';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** The path of a Chromium, or a sentence that says how to get one. In CI a missing one is an error, not a skip. */
export function findBrowser(): Promise<FoundProgram> {
  return findTestProgram({ commands: COMMANDS, aptPackage: 'chromium' }, process.env);
}

export function launch(path: string): Promise<Browser> {
  // Chromium's own sandbox refuses to run as root; what it opens here are our own pages.
  return chromium.launch({ executablePath: path, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

/** Chromium breaks requests off when the machine gets or loses an interface, as a container's: no fault of the page. */
const NETWORK_CHANGED = /ERR_NETWORK_CHANGED/;

/** Goes there, and again where the network changed on the way. */
export async function goTo(page: Page, url: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    let broken = false;
    const note = (request: Request) => {
      broken ||= NETWORK_CHANGED.test(request.failure()?.errorText ?? '');
    };
    page.on('requestfailed', note);
    await page.goto(url).catch((error: Error) => {
      if (!NETWORK_CHANGED.test(error.message)) throw error;
      broken = true;
    });
    page.off('requestfailed', note);
    if (!broken || attempt === 5) return;
  }
}

export type WatchedPage = Page & {
  /** What must not happen: errors told on the console or thrown, dialogs, requests to any other origin. */
  faults: string[];
};

/** A page in a context of its own. `origins`: those it may ask; the browser's zone is not the server's. */
export async function openPage(
  browser: Browser,
  origins: string[],
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    locale: 'en-GB',
    timezoneId: 'Asia/Tokyo',
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (NETWORK_CHANGED.test(message.text())) return;
    if (message.type() === 'error' || message.type() === 'warning') faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`thrown: ${error.message}`));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && !origins.includes(origin)) faults.push(`asked: ${request.url()}`);
  });
  return Object.assign(page, { faults });
}
