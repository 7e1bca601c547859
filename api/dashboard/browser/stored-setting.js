// What the browser remembers of a person's choices, in localStorage.
import { useCallback, useEffect, useState } from 'preact/hooks';

/** Returns the text under a key, or null. A browser can be configured to have no storage; then reading it throws. @param {string} key */
export function readStored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string | null} value null: removes it */
export function writeStored(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // The setting lasts until the page is closed.
  }
}

/**
 * Returns settings with their changed values, and a function that changes some of them, or with null resets all. Changes in
 * other tabs apply here too.
 * @template {Record<string, unknown>} Settings
 * @param {string} key
 * @param {Settings} defaults also say which type each value has
 * @returns {[Settings, (changes: Partial<Settings> | null) => void]}
 */
export function useStoredSettings(key, defaults) {
  const [settings, setSettings] = useState(() => parse(readStored(key), defaults));
  const change = useCallback((/** @type {Partial<Settings> | null} */ changes) => {
    setSettings((current) => {
      const next = changes === null ? defaults : { ...current, ...changes };
      writeStored(key, changes === null ? null : JSON.stringify(next));
      return next;
    });
  }, []);
  useEffect(() => {
    const onStorage = (/** @type {StorageEvent} */ event) => {
      if (event.key === key) setSettings(parse(event.newValue, defaults));
    };
    addEventListener('storage', onStorage);
    return () => removeEventListener('storage', onStorage);
  }, []);
  return [settings, change];
}

/**
 * Returns the defaults with the stored values of the same type: an older or newer version of the page may have stored others.
 * @template {Record<string, unknown>} Settings
 * @param {string | null} text
 * @param {Settings} defaults
 * @returns {Settings}
 */
function parse(text, defaults) {
  const stored = parseObject(text);
  const known = Object.entries(stored).filter(
    ([name, value]) => Object.hasOwn(defaults, name) && typeOf(value) === typeOf(defaults[name]),
  );
  return { ...defaults, ...Object.fromEntries(known) };
}

/** @param {string | null} text @returns {Record<string, unknown>} */
function parseObject(text) {
  try {
    const value = JSON.parse(text ?? '{}');
    return typeOf(value) === 'object' ? value : {};
  } catch {
    return {};
  }
}

/** @param {unknown} value */
function typeOf(value) {
  if (Array.isArray(value)) return 'array';
  return value === null ? 'null' : typeof value;
}
