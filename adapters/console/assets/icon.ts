/** The path of a posthorn in a square of 24. */
export const hornPath =
  "M3 5.5c0 5 3.5 8 8 8h1.5a4.2 4.2 0 1 0-4.2-4.2c0 5.5 5.2 8.7 12.7 9.2V7.5c-2.8 2.4-5.6 3.4-9 3.4";

/** The icon of the console in the browser's tab. */
export const icon =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="5" fill="#23211e"/><g transform="translate(3.4 3.2) scale(.72)"><path d="${hornPath}" fill="none" stroke="#e3b04b" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/></g></svg>`;
