// Texts from logs, and numbers. Texts are only ever set as text; what would act on its neighbours is made visible.

const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text with control, bidi and invisible characters escaped, as the rest of tracerd shows them. */
export function printable(text) {
  return String(text).replace(UNSAFE, (c) => {
    const code = c.codePointAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** A time in us with three digits: `1.50 ms`. */
export function duration(us) {
  if (us === null || us === undefined) return '–';
  if (Math.abs(us) >= 1e21) return `${(us / 1e6).toExponential(2)} s`;
  for (const [unit, size] of [['s', 1e6], ['ms', 1e3], ['us', 1]]) {
    if (Math.abs(us) >= size * 0.9995) {
      const value = us / size;
      const digits = Math.abs(value) < 9.995 ? 2 : Math.abs(value) < 99.95 ? 1 : 0;
      return `${value.toLocaleString('en', {minimumFractionDigits: digits, maximumFractionDigits: digits})} ${unit}`;
    }
  }
  return us === 0 ? '0' : `${Math.round(us * 1000)} ns`;
}

/** An element with attributes, and texts or elements in it. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
