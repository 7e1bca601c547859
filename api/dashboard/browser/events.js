// The event stream (GET /alerts/events), open while the page is visible.
import { useEffect, useState } from 'preact/hooks';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {'connecting' | 'live' | 'lost'} Connection */
/** @typedef {import('./hidden-stream.js').WhileHidden} WhileHidden */
/** @typedef {{ onAlerts(alerts: Alert[]): void, onGap(): void }} AlertEvents onGap: the page may have missed changes */

const EVENT_NAMES = ['alert.pending', 'alert.processing', 'alert.processed', 'alert.failed'];
/** Changes are batched for this time, so that a busy page renders 10 times a second and not 300 times. */
const BATCH_MS = 100;
const MAX_RECONNECT_DELAY_MS = 15_000;
/** The server sends a ping every 5 s. After this time without any event it is frozen, although the connection is open. */
const SILENCE_MS = 9_000;
/**
 * A hidden page closes its stream: a browser has only six connections to a server for all its tabs. If the operator wants to
 * be notified, one hidden page of the browser keeps its stream.
 */
const HIDDEN_MS = 30_000;

/**
 * Opens the stream and returns a function that closes it.
 * @param {AlertEvents & { onConnection(connection: Connection): void, whileHidden: WhileHidden }} handlers
 * @returns {() => void}
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its functions share one state.
export function openEvents(handlers) {
  /** @type {EventSource | undefined} */
  let source;
  /** @type {Alert[]} */
  let batch = [];
  let failures = 0;
  /** @typedef {ReturnType<typeof setTimeout> | undefined} Timer */
  /** @type {Timer} */
  let flushTimer;
  /** @type {Timer} */
  let reconnectTimer;
  /** @type {Timer} */
  let hiddenTimer;
  /** @type {Timer} */
  let silenceTimer;
  let visible = new AbortController();

  function open() {
    source = new EventSource('/alerts/events');
    source.onopen = () => {
      if (failures > 0) handlers.onGap();
      failures = 0;
      handlers.onConnection('live');
    };
    // Only from the first ping on: a server of an older version sends none.
    source.addEventListener('ping', expectEvents);
    source.onerror = () => {
      handlers.onConnection('lost');
      // The browser reconnects and resumes by itself, except after a response that is not an event stream.
      if (source?.readyState !== EventSource.CLOSED) return;
      failures += 1;
      handlers.onGap();
      reconnectTimer = setTimeout(open, Math.min(1_000 * 2 ** (failures - 1), MAX_RECONNECT_DELAY_MS));
    };
    source.addEventListener('reset', () => handlers.onGap());
    for (const name of EVENT_NAMES) {
      source.addEventListener(name, ({ data }) => {
        if (silenceTimer !== undefined) expectEvents();
        batch.push(JSON.parse(data));
        flushTimer ??= setTimeout(flush, BATCH_MS);
      });
    }
  }

  function expectEvents() {
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(() => {
      handlers.onConnection('lost');
      failures += 1;
      close();
      open();
      expectEvents();
    }, SILENCE_MS);
  }

  function flush() {
    const alerts = batch;
    batch = [];
    flushTimer = undefined;
    handlers.onAlerts(alerts);
  }

  function close() {
    source?.close();
    source = undefined;
    clearTimeout(reconnectTimer);
    clearTimeout(silenceTimer);
    silenceTimer = undefined;
  }

  function onVisibilityChange() {
    clearTimeout(hiddenTimer);
    visible.abort();
    visible = new AbortController();
    const { signal } = visible;
    if (document.hidden) hiddenTimer = setTimeout(() => handlers.whileHidden(signal, close, openAgain), HIDDEN_MS);
    else openAgain();
  }

  function openAgain() {
    if (source !== undefined) return;
    handlers.onGap();
    open();
  }

  document.addEventListener('visibilitychange', onVisibilityChange);
  open();
  return () => {
    document.removeEventListener('visibilitychange', onVisibilityChange);
    clearTimeout(hiddenTimer);
    clearTimeout(flushTimer);
    visible.abort();
    close();
  };
}

/** @param {{ current: AlertEvents }} handlers @param {{ current: WhileHidden }} whileHidden @returns {Connection} */
export function useEvents(handlers, whileHidden) {
  const [connection, setConnection] = useState(/** @type {Connection} */ ('connecting'));
  useEffect(
    () =>
      openEvents({
        onAlerts: (alerts) => handlers.current.onAlerts(alerts),
        onGap: () => handlers.current.onGap(),
        onConnection: setConnection,
        whileHidden: (...args) => whileHidden.current(...args),
      }),
    [],
  );
  return connection;
}
