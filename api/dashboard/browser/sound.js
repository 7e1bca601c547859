// A short sound of two tones, made by the browser: there is no file to load.

const TONES_HZ = [660, 880];
const TONE_S = 0.16;
const VOLUME = 0.15;

/** @type {AudioContext | undefined} */
let context;

/** Plays the sound. Browsers are silent until the page was clicked or a key was pressed. */
export async function playSound() {
  context ??= new AudioContext();
  if (context.state === 'suspended') await context.resume();
  for (const [n, frequency] of TONES_HZ.entries()) playTone(context, frequency, context.currentTime + n * TONE_S);
}

/** @param {AudioContext} audio @param {number} frequency @param {number} start in seconds of the context */
function playTone(audio, frequency, start) {
  const oscillator = new OscillatorNode(audio, { frequency });
  const gain = new GainNode(audio, { gain: 0 });
  // Rises and falls, because a tone that is cut off clicks.
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(VOLUME, start + 0.02);
  gain.gain.linearRampToValueAtTime(0, start + TONE_S);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(start);
  oscillator.stop(start + TONE_S);
}

/** Prepares the sound on the first click or key after the page was loaded. Returns a function that stops waiting for it. */
export function unlockSound() {
  const closed = new AbortController();
  const unlock = () => {
    context ??= new AudioContext();
    void context.resume();
    closed.abort();
  };
  const options = { signal: closed.signal };
  addEventListener('pointerdown', unlock, options);
  addEventListener('keydown', unlock, options);
  return () => closed.abort();
}
