import { useState } from 'preact/hooks';
import { Checkbox } from './form-fields.js';
import { html } from './html.js';
import { SETTINGS } from './settings.js';
import { readStored, writeStored } from './stored-setting.js';

const KEY = 'pictures';

/** Returns whether the list shows pictures, and a function that changes it. The browser remembers it. @returns {[boolean, (shown: boolean) => void]} */
export function usePictureSetting() {
  const [shown, setShown] = useState(() => SETTINGS.pictures && readStored(KEY) !== 'off');
  const change = (/** @type {boolean} */ show) => {
    setShown(show);
    writeStored(KEY, show ? 'on' : 'off');
  };
  return [shown, change];
}

/** Shows the switch if there are pictures. @param {{ shown: boolean, onChange: (shown: boolean) => void }} props */
export function PictureSwitch({ shown, onChange }) {
  if (!SETTINGS.pictures) return null;
  return html`<div class="picture-switch"><${Checkbox} label="Pictures" checked=${shown} onChange=${onChange} /></div>`;
}
