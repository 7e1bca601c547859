import { useEffect, useState } from 'preact/hooks';

/** As in narrow-screens.css: the list has two lines per row and no visible header. */
export const PHONE = '(max-width: 720px)';
/** As in narrow-screens.css: too narrow for all columns of the list. */
export const MEDIUM = '(min-width: 1181px) and (max-width: 1400px), (max-width: 960px)';

/** Returns whether a media query matches; the component renders again when that changes. @param {string} query */
export function useMedia(query) {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const onChange = () => setMatches(list.matches);
    onChange();
    list.addEventListener('change', onChange);
    return () => list.removeEventListener('change', onChange);
  }, [query]);
  return matches;
}
