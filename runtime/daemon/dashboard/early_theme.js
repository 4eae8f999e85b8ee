// @ts-check
/// <reference lib="dom" />
// Before anything is drawn, so that nothing flashes; no module, because those come after the first drawing.
{
  const theme = localStorage.getItem("drover.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
}
