// Draws attention to failures: a number in the tab's title while the page is hidden, a sound, a desktop notification.
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatCount, withVisibleCharacters } from './format.js';
import { playSound, unlockSound } from './sound.js';
import { useStoredSettings } from './stored-setting.js';

/** @typedef {import('./requests.js').Alert} Alert */
/** @typedef {{ title: boolean, sound: boolean, desktop: boolean }} NotificationSettings */

/** @type {NotificationSettings} */
const DEFAULTS = { title: true, sound: false, desktop: false };
/** Failures of this time share one notification, and the next one follows after a pause. */
const COLLECT_MS = 2_000;
const PAUSE_MS = 15_000;
/** A failure this old is no news: the stream also sends what happened during an interruption. */
const NEWS_MS = 3_600_000;
const MAX_REMEMBERED = 10_000;
const MAX_NAMED = 3;

/**
 * Returns the settings and a function that changes them, the number of failures since the page was hidden, and what to call
 * with the alerts of the event stream.
 * @param {(alerts: Alert[]) => void} onOpen opens the failures of a notification that was clicked
 */
export function useFailureWatch(onOpen) {
  const [settings, change] = useStoredSettings('notifications', DEFAULTS);
  const [unseen, setUnseen] = useState(0);
  const current = useRef({ settings, onOpen });
  current.current = { settings, onOpen };
  const [watch] = useState(() => createFailureWatch((failures) => announce(failures, current.current)));
  useEffect(() => {
    const onVisible = () => !document.hidden && setUnseen(0);
    document.addEventListener('visibilitychange', onVisible);
    return () => document.removeEventListener('visibilitychange', onVisible);
  }, []);
  useEffect(() => (settings.sound ? unlockSound() : undefined), [settings.sound]);
  const onAlerts = (/** @type {Alert[]} */ alerts) => {
    const added = watch.add(alerts);
    if (added > 0 && document.hidden) setUnseen((n) => n + added);
  };
  return { settings, change, unseen: settings.title ? unseen : 0, onAlerts };
}

/**
 * Returns a watch that calls `announce` with the failures of some seconds at a time.
 * @param {(failures: Alert[]) => void} announce
 */
function createFailureWatch(announce) {
  /** When each alert failed: the stream can send a failure twice. @type {Map<string, string | null>} */
  const known = new Map();
  /** @type {Alert[]} */
  let collected = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let pausedUntil = 0;
  function flush() {
    timer = undefined;
    pausedUntil = Date.now() + PAUSE_MS;
    announce(collected);
    collected = [];
  }
  /** @param {Alert} alert */
  function isNew({ uuid, status, processed_at, triage }) {
    if (status !== 'failed' || known.get(uuid) === processed_at) return false;
    // The stream also sends a failure when someone acknowledges it: then it is not new.
    const old = triage !== null && !known.has(uuid);
    known.set(uuid, processed_at);
    const [oldest] = known.keys();
    if (known.size > MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
    return !old && Date.now() - Date.parse(processed_at ?? '') < NEWS_MS;
  }
  return {
    /** Returns how many of the alerts are new failures. @param {Alert[]} alerts */
    add(alerts) {
      const failures = alerts.filter(isNew);
      collected.push(...failures);
      if (failures.length > 0 && timer === undefined)
        timer = setTimeout(flush, Math.max(COLLECT_MS, pausedUntil - Date.now()));
      return failures.length;
    },
  };
}

/** @param {Alert[]} failures @param {{ settings: NotificationSettings, onOpen: (alerts: Alert[]) => void }} how */
function announce(failures, { settings: { sound, desktop }, onOpen }) {
  if (!sound && !desktop) return;
  inOnePage(() => {
    if (sound) void playSound();
    if (desktop && !document.hasFocus()) showNotification(failures, onOpen);
  });
}

/** Runs an action in one of the browser's pages only: each of them has the same stream. @param {() => void} action */
function inOnePage(action) {
  if (!navigator.locks) return action();
  navigator.locks.request('failure-notification', { ifAvailable: true }, async (lock) => {
    if (lock === null) return;
    action();
    await new Promise((resolve) => setTimeout(resolve, COLLECT_MS));
  });
}

/** @param {Alert[]} failures @param {(alerts: Alert[]) => void} onOpen */
function showNotification(failures, onOpen) {
  if (Notification.permission !== 'granted') return;
  const named = failures
    .slice(0, MAX_NAMED)
    .map(({ store, failure }) => `${withVisibleCharacters(store)}: ${failure?.code}`);
  if (failures.length > MAX_NAMED) named.push('…');
  const title = `${formatCount(failures.length, 'alert')} failed`;
  // A notification with the same tag replaces the one before.
  const notification = new Notification(title, { body: named.join('\n'), tag: 'failures' });
  notification.onclick = () => {
    focus();
    notification.close();
    onOpen(failures);
  };
}

/** Returns whether notifications can be shown, after the browser has requested the permission if it is not decided yet. */
export async function requestNotifications() {
  if (Notification.permission === 'default') await Notification.requestPermission();
  return Notification.permission === 'granted';
}
