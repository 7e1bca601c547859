import htm from 'htm';
import { h } from 'preact';

/** Elements as tagged templates: what stands in `${…}` is text or a value, never markup. */
export const html = htm.bind(h);
