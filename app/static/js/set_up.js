// The set-up page: the browser knows its time zone; the choice stays the reader's.
const field = document.querySelector("select[data-guess-zone]");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (field && field.value === "UTC" && [...field.options].some((option) => option.value === zone)) field.value = zone;
