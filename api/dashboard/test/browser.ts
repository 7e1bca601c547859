import { type Browser, type BrowserContextOptions, chromium, type Page, type Request } from 'playwright-core';
import { type FoundProgram, findTestProgram } from '#test/harness/system-packages.ts';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Returns the path of a Chromium, or how to install one. In CI a missing browser is an error, not a skip. */
export function findBrowser(): Promise<FoundProgram> {
  return findTestProgram({ commands: COMMANDS, aptPackage: 'chromium' }, process.env);
}

export function launch(path: string): Promise<Browser> {
  // Chromium's sandbox does not run as root. These tests open only pages of this project.
  return chromium.launch({ executablePath: path, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

/** Limits for a slow and busy machine. Tests wait for facts, so that a fast machine does not wait this long. */
export const TEST_TIMEOUT = { timeout: 600_000 };
export const POLL_TIMEOUT = { timeout: 150_000 };

/** Chromium aborts requests when the machine gets or loses a network interface, for example a container's. */
const NETWORK_CHANGED = /ERR_NETWORK_CHANGED/;

/** Opens a URL, and again if the machine's network changed during the requests. */
export async function goTo(page: Page, url: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    let interrupted = false;
    const onFailure = (request: Request) => {
      interrupted ||= NETWORK_CHANGED.test(request.failure()?.errorText ?? '');
    };
    page.on('requestfailed', onFailure);
    await page.goto(url).catch((error: Error) => {
      if (!NETWORK_CHANGED.test(error.message)) throw error;
      interrupted = true;
    });
    page.off('requestfailed', onFailure);
    if (!interrupted || attempt === 5) return;
  }
}

export type WatchedPage = Page & {
  /** Errors on the console, exceptions, dialogs and requests to other origins. Tests expect none. */
  errors: string[];
  /** Removes the errors that match, also those that the browser reports later: a response can be shown before its error. */
  ignoreErrors(pattern: RegExp): void;
};

/**
 * Opens a page in its own context, in another time zone than the server's.
 * @param origins the origins that the page may send requests to
 */
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
  context.setDefaultTimeout(POLL_TIMEOUT.timeout);
  const page = await context.newPage();
  const errors: string[] = [];
  const ignored: RegExp[] = [NETWORK_CHANGED];
  const report = (error: string) => {
    if (!ignored.some((pattern) => pattern.test(error))) errors.push(error);
  };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') report(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => report(`exception: ${error.message}`));
  page.on('dialog', (dialog) => {
    report(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && !origins.includes(origin)) report(`request to ${request.url()}`);
  });
  const ignoreErrors = (pattern: RegExp) => {
    ignored.push(pattern);
    errors.splice(0, errors.length, ...errors.filter((error) => !pattern.test(error)));
  };
  return Object.assign(page, { errors, ignoreErrors });
}
