/** JSON as Go's encoder writes it, which escapes what could end an HTML script. */
export const goJson = (value: object | string): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
