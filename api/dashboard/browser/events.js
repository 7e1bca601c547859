// The stream of changes (GET /alerts/events), kept open while the page is looked at.
import { useEffect, useRef, useState } from 'preact/hooks';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {'connecting' | 'live' | 'lost'} Connection */

const NAMES = ['alert.pending', 'alert.processing', 'alert.processed', 'alert.failed'];
/** Changes are gathered for so long: a busy hour draws ten times a second, not three hundred times. */
const GATHER_MS = 100;
const LONGEST_PAUSE_MS = 15_000;
/** A hidden page gives its stream back: a browser has six connections to a server for all its tabs. */
const HIDDEN_MS = 30_000;

/**
 * Over 40 lines: one stream with one state.
 * @param {{ onAlerts(alerts: Alert[]): void, onGap(): void, onConnection(connection: Connection): void }} to onGap:
 *   changes may have been missed
 * @returns {() => void} closes the stream
 */
export function openEvents(to) {
  /** @type {EventSource | undefined} */
  let source;
  /** @type {Alert[]} */
  let gathered = [];
  let failures = 0;
  /** @typedef {ReturnType<typeof setTimeout> | undefined} Timer */
  /** @type {Timer} */
  let flushing;
  /** @type {Timer} */
  let reopening;
  /** @type {Timer} */
  let hiding;

  function open() {
    source = new EventSource('/alerts/events');
    source.onopen = () => {
      if (failures > 0) to.onGap();
      failures = 0;
      to.onConnection('live');
    };
    source.onerror = () => {
      to.onConnection('lost');
      // The browser comes again by itself, and goes on where it was, but for an answer that is no stream.
      if (source?.readyState !== EventSource.CLOSED) return;
      failures += 1;
      to.onGap();
      reopening = setTimeout(open, Math.min(1_000 * 2 ** (failures - 1), LONGEST_PAUSE_MS));
    };
    source.addEventListener('reset', () => to.onGap());
    for (const name of NAMES) {
      source.addEventListener(name, ({ data }) => {
        gathered.push(JSON.parse(data));
        flushing ??= setTimeout(flush, GATHER_MS);
      });
    }
  }

  function flush() {
    const alerts = gathered;
    gathered = [];
    flushing = undefined;
    to.onAlerts(alerts);
  }

  function close() {
    source?.close();
    source = undefined;
    clearTimeout(reopening);
  }

  function seen() {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(close, HIDDEN_MS);
    else if (source === undefined) {
      to.onGap();
      open();
    }
  }

  document.addEventListener('visibilitychange', seen);
  open();
  return () => {
    document.removeEventListener('visibilitychange', seen);
    clearTimeout(hiding);
    clearTimeout(flushing);
    close();
  };
}

/** @param {{ onAlerts(alerts: Alert[]): void, onGap(): void }} handlers @returns {Connection} */
export function useEvents(handlers) {
  const [connection, setConnection] = useState(/** @type {Connection} */ ('connecting'));
  const latest = useRef(handlers);
  latest.current = handlers;
  useEffect(
    () =>
      openEvents({
        onAlerts: (alerts) => latest.current.onAlerts(alerts),
        onGap: () => latest.current.onGap(),
        onConnection: setConnection,
      }),
    [],
  );
  return connection;
}
