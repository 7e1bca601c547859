import htm from 'htm';
import { h } from 'preact';

/** Creates elements from tagged templates. The value of `${…}` is text or a property, never markup. */
export const html = htm.bind(h);
